//! Text that means the same raw and inside JSON quotes, looked at eight bytes at a time.

/// The number of bytes before the first quote, backslash or control character. Other text needs no escape in JSON.
pub(crate) fn unescaped_run(text: &[u8]) -> usize {
    run(text, |word| control_characters(word) | equal(word, b'"') | equal(word, b'\\'))
}

/// The number of bytes before the first one that is not ASCII, or a quote, backslash or control character.
pub(crate) fn plain_run(text: &[u8]) -> usize {
    run(text, |word| (word & HIGH) | control_characters(word) | equal(word, b'"') | equal(word, b'\\'))
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
    let mut last = [b' '; 8];
    let rest = &text[at..];
    last[..rest.len()].copy_from_slice(rest);
    let marks = odd(u64::from_le_bytes(last));
    at + rest.len().min((marks.trailing_zeros() / 8) as usize)
}

/// The lowest mark is right: a borrow out of a byte happens only where that byte is marked itself.
fn control_characters(word: u64) -> u64 {
    word.wrapping_sub(LOW * 0x20) & !word & HIGH
}

fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (LOW * u64::from(byte));
    difference.wrapping_sub(LOW) & !difference & HIGH
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

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
                        let expected = if odd { at } else { length };
                        assert_eq!(unescaped_run(&text), expected, "{text:?}");
                        let expected = if odd || byte >= 0x80 { at } else { length };
                        assert_eq!(plain_run(&text), expected, "{text:?}");
                    }
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
