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
        let (escape, length) = escape(byte);
        out.put_slice(&escape[..length]);
        rest = behind;
    }
}

/// The escape of a byte that needs one, and its length.
pub(crate) fn escape(byte: u8) -> ([u8; 8], usize) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
            return ([b'\\', b'u', b'0', b'0', high, low, 0, 0], 6);
        }
    };
    ([b'\\', short, 0, 0, 0, 0, 0, 0], 2)
}

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
