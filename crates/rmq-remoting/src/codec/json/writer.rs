//! JSON numbers and strings, written without allocating.

use crate::codec::decimal::put_decimal;
use crate::codec::plain_text::unescaped_run;

/// Appends `value` in decimal.
pub(crate) fn number(out: &mut Vec<u8>, value: i32) {
    put_decimal(out, value.into());
}

/// Appends `text` in quotes, with the escapes of fastjson 2.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text.as_bytes());
    out.push(b'"');
}

/// Appends what stands between the quotes of `text`.
#[inline]
pub(crate) fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let run = unescaped_run(rest);
        out.extend_from_slice(&rest[..run]);
        let Some((&byte, behind)) = rest[run..].split_first() else { return };
        let (escape, length) = escape(byte);
        // Eight bytes at once, and those that are too many taken back: cheaper than a length that is not known beforehand.
        out.extend_from_slice(&escape);
        out.truncate(out.len() - escape.len() + length);
        rest = behind;
    }
}

/// The escape of a byte that needs one, and its length.
fn escape(byte: u8) -> ([u8; 8], usize) {
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
        let mut out = Vec::new();
        text(&mut out, "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é🚀");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é🚀\"");
    }
}
