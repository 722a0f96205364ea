//! Hexadecimal text of ids: written in upper case as Java does (`UtilAll#bytes2string`), read in either case.
//!
//! Nothing here allocates; the caller brings the room.

/// Writes two digits per byte; stops where the shorter of the two ends.
pub(crate) fn encode(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xF)];
    }
}

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
    fn the_first_character_that_is_no_digit_is_named() {
        assert_eq!(decode(b"00g0", &mut [0; 2]), Err(2));
        assert_eq!(decode(b"000:", &mut [0; 2]), Err(3));
    }
}
