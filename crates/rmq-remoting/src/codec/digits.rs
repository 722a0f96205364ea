//! Numbers in decimal, read eight digits at a time.
//!
//! What is read is digits and nothing else: signs, and what does not fit, are the callers'.

use super::plain_text::{HIGH, LOW};

/// The number that all of `text` is, if it is one to sixteen digits and nothing else.
#[inline(always)]
pub(crate) fn whole_number(text: &[u8]) -> Option<u64> {
    match text {
        [digit] => Some(u64::from(digit.wrapping_sub(b'0'))).filter(|number| *number < 10),
        [_, _, _, _, ..] if text.len() <= 8 => {
            // Blocks that overlap: no digit is looked at alone. Zeros come in front, where the lower bytes are.
            let first = u64::from(u32::from_le_bytes(*text.first_chunk()?));
            let last = u64::from(u32::from_le_bytes(*text.last_chunk()?));
            let word = (last << 32) | (first << (8 * (8 - text.len())));
            eight(word ^ (ZEROS << (8 * (8 - text.len()))))
        }
        _ => other_number(text),
    }
}

#[inline(never)]
fn other_number(text: &[u8]) -> Option<u64> {
    match text.len() {
        0 | 17.. => None,
        9.. => {
            let leading = digits(*text.first_chunk()?) << (8 * (16 - text.len()));
            Some(eight(leading)? * EIGHT_DIGITS + eight(digits(*text.last_chunk()?))?)
        }
        _ => few(text),
    }
}

/// The number that ten digits are.
#[inline]
pub(super) fn ten_digits(text: &[u8; 10]) -> Option<u64> {
    // Blocks that overlap: of the first one two digits count.
    let words = [*text.first_chunk()?, *text.last_chunk()?].map(u64::from_le_bytes);
    let [first, last] = words.map(|word| word.wrapping_sub(ZEROS));
    // Up to the first byte that is no digit, nothing is carried; one below the digits is marked by the difference, one above by the sum.
    let odd = words.map(|word| word.wrapping_sub(ZEROS) | word.wrapping_add(LOW * (0x80 - 0x3A)));
    let leading = first.wrapping_mul(10).wrapping_add(first >> 8) & 0xFF;
    ((odd[0] | odd[1]) & HIGH == 0).then(|| leading * EIGHT_DIGITS + u64::from(value(last)))
}

/// The number that the digits at the start of a word make, and how many there are.
#[inline]
pub(super) fn leading_number(word: [u8; 8]) -> (i64, usize) {
    let digits = digits(word);
    let count = (marks(digits).trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    (i64::from(value(digits << (8 * (8 - count)))), count)
}

#[inline]
fn few(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

/// The number that eight digits are, zeros in front of it in the lower bytes.
#[inline]
fn eight(digits: u64) -> Option<u64> {
    (marks(digits) == 0).then(|| u64::from(value(digits)))
}

/// What each byte is as a digit; no digit is above nine.
#[inline]
fn digits(word: [u8; 8]) -> u64 {
    u64::from_le_bytes(word) ^ ZEROS
}

/// Marks what is no digit with its high bit.
#[inline]
fn marks(digits: u64) -> u64 {
    // No sum leaves its byte.
    (((digits & !HIGH) + LOW * (0x80 - 10)) | digits) & HIGH
}

/// What eight digits make, all of them worked out side by side: pairs, then fours, and all eight are added up.
#[inline]
fn value(digits: u64) -> u32 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32) as u32
}

const ZEROS: u64 = LOW * 0x30;
const EIGHT_DIGITS: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_lengths_are_read_with_zeros_in_front_too() {
        for number in (0..54).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, 9_876_543_210_123_456 >> bit]) {
            for width in 1..=20 {
                let text = format!("{number:0width$}");
                let expected = (text.len() <= 16).then_some(number);
                assert_eq!(whole_number(text.as_bytes()), expected, "{text}");
                if let Ok(ten) = text.as_bytes().try_into() {
                    assert_eq!(ten_digits(ten), expected, "{text}");
                }
            }
        }
        assert_eq!(whole_number(b""), None);
    }

    #[test]
    fn anything_else_anywhere_is_no_number() {
        for length in 1..=16 {
            for at in 0..length {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    for filling in [b'0', b'9'] {
                        let mut text = vec![filling; length];
                        text[at] = byte;
                        assert_eq!(whole_number(&text), None, "{text:?}");
                        assert_eq!(text.first_chunk().and_then(ten_digits).is_some(), length >= 10 && at >= 10);
                        let Some(word) = text.first_chunk() else { continue };
                        let digits = at.min(8);
                        let number = text[..digits].iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'));
                        assert_eq!(leading_number(*word), (number, digits), "{text:?}");
                    }
                }
            }
        }
    }
}
