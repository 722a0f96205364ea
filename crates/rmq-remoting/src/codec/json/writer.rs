//! JSON numbers and strings, written without allocating.

use bytes::{BufMut, BytesMut};

use crate::codec::decimal::Decimal;
use crate::codec::plain_text::unescaped_run;

/// Appends `value` in decimal.
pub(crate) fn number(out: &mut BytesMut, value: i32) {
    out.put_slice(Decimal::new(value.into()).as_bytes());
}

/// Appends `text` in quotes, with the escapes of fastjson 2.
pub(crate) fn text(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    escaped(out, text);
    out.put_u8(b'"');
}

/// Appends what stands between the quotes of `text`.
pub(crate) fn escaped(out: &mut BytesMut, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let run = unescaped_run(rest);
        out.put_slice(&rest[..run]);
        let Some((&byte, behind)) = rest[run..].split_first() else { return };
        escape(out, byte);
        rest = behind;
    }
}

fn escape(out: &mut BytesMut, byte: u8) {
    match byte {
        b'"' => out.put_slice(b"\\\""),
        b'\\' => out.put_slice(b"\\\\"),
        b'\n' => out.put_slice(b"\\n"),
        b'\r' => out.put_slice(b"\\r"),
        b'\t' => out.put_slice(b"\\t"),
        0x08 => out.put_slice(b"\\b"),
        0x0C => out.put_slice(b"\\f"),
        _ => {
            out.put_slice(&[b'\\', b'u', b'0', b'0', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quotes_backslashes_and_control_characters_are_escaped() {
        let mut out = BytesMut::new();
        text(&mut out, "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é🚀");
        assert_eq!(out, "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é🚀\"");
    }
}
