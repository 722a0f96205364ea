//! Hexadecimal text of ids: written in upper case as Java does (`UtilAll#bytes2string`), read in either case.
//!
//! Nothing here allocates; the caller brings the room.

/// Writes two digits per byte; stops where the shorter of the two ends.
pub(crate) fn encode(bytes: &[u8], out: &mut [u8]) {
    // Four bytes at a time, all eight digits worked out side by side.
    for (word, digits) in bytes.chunks_exact(4).zip(out.chunks_exact_mut(8)) {
        if let Some(word) = word.first_chunk() {
            digits.copy_from_slice(&eight_digits(u32::from_be_bytes(*word)));
        }
    }
    let words = (bytes.len() / 4).min(out.len() / 8);
    for (byte, pair) in bytes[words * 4..].iter().zip(out[words * 8..].chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xF)];
    }
}

/// The digits of a number, all worked out in one word.
pub(crate) fn eight_digits(word: u32) -> [u8; 8] {
    let spread = u64::from(word);
    let spread = (spread | (spread << 16)) & 0x0000_FFFF_0000_FFFF;
    let spread = (spread | (spread << 8)) & 0x00FF_00FF_00FF_00FF;
    let nibbles = (spread | (spread << 4)) & 0x0F0F_0F0F_0F0F_0F0F;
    // 6 more makes those above 9 carry into the next four bits: they are letters, which come 7 later than digits would.
    let letters = ((nibbles + LOW * 6) >> 4) & LOW;
    (nibbles + LOW * u64::from(b'0') + letters * 7).to_be_bytes()
}

const LOW: u64 = 0x0101_0101_0101_0101;

/// Reads two digits per byte of `out`; the error is the index of the first character that is no digit.
pub(crate) fn decode(text: &[u8], out: &mut [u8]) -> Result<(), usize> {
    for (at, (pair, byte)) in text.chunks_exact(2).zip(out).enumerate() {
        let high = digit(pair[0]).ok_or(at * 2)?;
        let low = digit(pair[1]).ok_or(at * 2 + 1)?;
        *byte = high << 4 | low;
    }
    Ok(())
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_reads_back_in_either_case() {
        for byte in 0..=u8::MAX {
            let mut text = [0; 2];
            encode(&[byte], &mut text);
            for text in [text, text.map(|digit| digit.to_ascii_lowercase())] {
                let mut back = [0];
                decode(&text, &mut back).unwrap();
                assert_eq!(back, [byte]);
            }
        }
    }

    #[test]
    fn four_bytes_at_a_time_are_what_they_are_one_by_one() {
        for word in (0..=u8::MAX).map(|byte| [byte, !byte, byte.rotate_left(3), byte ^ 0x5A]) {
            let mut text = [b'-'; 11];
            encode(&word, &mut text);
            assert_eq!(std::str::from_utf8(&text), Ok(&*format!("{:08X}---", u32::from_be_bytes(word))));
        }
        let mut text = [b'-'; 11];
        encode(&[1, 2, 3, 4, 5, 0xFE, 7], &mut text);
        assert_eq!(text, *b"0102030405-", "no further than there is room");
        encode(&[0xAB, 0xCD, 0xEF], &mut text);
        assert_eq!(text, *b"ABCDEF0405-");
    }

    #[test]
    fn the_first_character_that_is_no_digit_is_named() {
        assert_eq!(decode(b"00g0", &mut [0; 2]), Err(2));
        assert_eq!(decode(b"000:", &mut [0; 2]), Err(3));
    }
}
