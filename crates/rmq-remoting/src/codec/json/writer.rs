//! JSON numbers and strings, written without allocating.

use bytes::{BufMut, BytesMut};

/// Appends `value` in decimal.
pub(super) fn number(out: &mut BytesMut, value: i32) {
    let mut digits = [0_u8; 10];
    let mut first = digits.len();
    let mut rest = value.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 10) as usize];
        rest /= 10;
        first -= 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(&digits[first..]);
}

/// Appends `text` in quotes, with the escapes of fastjson 2.
pub(super) fn text(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    out.put_u8(b'"');
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.put_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.put_slice(b"\\\""),
            b'\\' => out.put_slice(b"\\\\"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            0x08 => out.put_slice(b"\\b"),
            0x0C => out.put_slice(b"\\f"),
            _ => out.put_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]),
        }
    }
    out.put_slice(&bytes[written..]);
    out.put_u8(b'"');
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for value in [0, 7, -7, 10, 310, 2_147_483_647, i32::MIN, -1_000_000_000] {
            let mut out = BytesMut::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string());
        }
    }

    #[test]
    fn only_quotes_backslashes_and_control_characters_are_escaped() {
        let mut out = BytesMut::new();
        text(&mut out, "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é🚀");
        assert_eq!(out, "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é🚀\"");
    }
}
