//! Text that means the same raw and inside JSON quotes, looked at eight bytes at a time.

/// Whether a byte cannot stand in JSON quotes as it is.
#[inline]
pub(crate) fn is_escaped(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

/// Whether any byte of a block cannot. Looks at all of them at once: nothing ends it early.
#[inline]
pub(crate) fn has_escape(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |odd, byte| odd | is_escaped(*byte))
}

/// Marks the bytes that have to be escaped with their high bit; marks above the lowest one may be wrong.
#[inline]
pub(crate) fn to_escape(word: u64) -> u64 {
    control_characters(word) | equal(word, b'"') | equal(word, b'\\')
}

/// The number of bytes before the first one that is not ASCII, or a quote, backslash or control character.
pub(crate) fn plain_run(text: &[u8]) -> usize {
    run(text, |word| (word & HIGH) | to_escape(word))
}

/// Whether all of it is ASCII without quotes, backslashes and control characters. Quicker than to look for the first one that is not.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    // The last block overlaps the one before, so that there is no rest.
    if let Some(last) = text.last_chunk::<16>() {
        return text.chunks_exact(16).all(|block| block.first_chunk::<16>().is_some_and(is_plain_block))
            && is_plain_block(last);
    }
    // So do two words of a shorter one.
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => (odd_word(first) | odd_word(last)) == 0,
        _ => text.iter().all(|byte| mark_odd(*byte) < 0x80),
    }
}

#[inline]
fn odd_word(word: &[u8; 8]) -> u64 {
    let word = u64::from_le_bytes(*word);
    (word & HIGH) | to_escape(word)
}

/// The same of a block. Looks at all of it at once: nothing ends it early.
#[inline]
pub(super) fn is_plain_block<const N: usize>(block: &[u8; N]) -> bool {
    !block.iter().fold(false, |odd, byte| odd | (mark_odd(*byte) >= 0x80))
}

/// Whether all of a block is digits, capital letters and what is between them: some plain texts, but nearly all that come, and quicker to
/// tell.
#[inline(always)]
pub(super) fn is_usual_block<const N: usize>(block: &[u8; N]) -> bool {
    // The most of each place of sixteen; what is below the lowest character is above all others then.
    let mut most = [0_u8; 16];
    for piece in block.chunks(16) {
        for (most, byte) in most.iter_mut().zip(piece) {
            *most = (*most).max(byte.wrapping_sub(b'0'));
        }
    }
    !most.iter().fold(false, |odd, most| odd | (*most > b'Z' - b'0'))
}

/// Marks a byte that is not plain with the high bit: by reckoning, for comparisons would not be made side by side.
#[inline]
fn mark_odd(byte: u8) -> u8 {
    byte | byte.wrapping_sub(b' ') | (byte ^ b'"').wrapping_sub(1) | (byte ^ b'\\').wrapping_sub(1)
}

/// The number of bytes before the first one that `odd` marks with its high bit. Marks above the lowest one may be wrong.
fn run(text: &[u8], odd: impl Fn(u64) -> u64) -> usize {
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk::<8>() {
        let marks = odd(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    // One byte at a time: copying so few into a word would cost more.
    let marked = |byte: &u8| odd(LOW * u64::from(*byte)) & 0x80 != 0;
    at + text[at..].iter().position(marked).unwrap_or(text.len() - at)
}

/// The lowest mark is right: a borrow out of a byte happens only where that byte is marked itself.
fn control_characters(word: u64) -> u64 {
    word.wrapping_sub(LOW * 0x20) & !word & HIGH
}

fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (LOW * u64::from(byte));
    difference.wrapping_sub(LOW) & !difference & HIGH
}

/// Each byte of a word as one, and the high bit of each.
pub(super) const LOW: u64 = 0x0101_0101_0101_0101;
pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_odd_byte_wherever_it_stands_and_whatever_follows() {
        for length in 0..40 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for filling in [b'a', b'!', b'#', b'[', b']', b' ', b'~', 0x7F] {
                        let mut text = vec![filling; length];
                        text[at] = byte;
                        let odd = byte < b' ' || byte == b'"' || byte == b'\\';
                        let expected = if odd || byte >= 0x80 { at } else { length };
                        assert_eq!(plain_run(&text), expected, "{text:?}");
                        assert_eq!(is_plain(&text), expected == length, "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_usual_is_plain() {
        for byte in 0..=u8::MAX {
            let is_usual = (b'0'..=b'Z').contains(&byte);
            assert!(!is_usual || is_plain_block(&[byte]), "{byte}");
            for at in 0..40 {
                for filling in [b'0', b'Z'] {
                    let mut block = [filling; 40];
                    block[at] = byte;
                    assert_eq!(is_usual_block(&block), is_usual, "{block:?}");
                }
            }
        }
    }

    #[test]
    fn of_several_odd_bytes_the_first_counts() {
        let odd = [0, 1, 0x1F, b'"', b'\\', 0x80, 0xFF];
        for first in odd {
            for second in odd {
                for gap in 1..9 {
                    let mut text = vec![b'!'; 12];
                    text[2] = first;
                    text[2 + gap] = second;
                    assert_eq!(plain_run(&text), 2, "{text:?}");
                }
            }
        }
    }
}
