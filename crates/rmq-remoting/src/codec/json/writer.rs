//! JSON numbers and strings, written without allocating.

use crate::codec::decimal::put_decimal;
use crate::codec::plain_text::{has_escape, is_escaped, to_escape};

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
    out.reserve(text.len() + SURPLUS);
    let mut rest = text;
    // Eight bytes are appended whatever they are, and those that are too many taken back: cheaper than a length that is not known
    // beforehand.
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        // Sixteen at once, as long as nothing is found.
        if let Some((block, behind)) = rest.split_first_chunk::<16>().filter(|(block, _)| !has_escape(block)) {
            out.extend_from_slice(block);
            rest = behind;
            continue;
        }
        let marks = to_escape(u64::from_le_bytes(*word));
        out.extend_from_slice(word);
        if marks == 0 {
            rest = behind;
            continue;
        }
        let run = (marks.trailing_zeros() / 8) as usize;
        out.truncate(out.len() - word.len() + run);
        put_escape(out, word[run & 7]);
        rest = &rest[run + 1..];
    }
    for &byte in rest {
        if is_escaped(byte) {
            put_escape(out, byte);
        } else {
            out.push(byte);
        }
    }
}

#[inline]
fn put_escape(out: &mut Vec<u8>, byte: u8) {
    let (escape, length) = escape(byte);
    out.extend_from_slice(&escape);
    out.truncate(out.len() - escape.len() + length);
}

/// The escape of a byte that needs one, and its length.
fn escape(byte: u8) -> ([u8; 8], usize) {
    // What separates the properties of a message.
    if byte <= 2 {
        return ([b'\\', b'u', b'0', b'0', b'0', b'0' + byte, 0, 0], 6);
    }
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

/// Room for a few escapes, so that most texts make the buffer grow once at most.
const SURPLUS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quotes_backslashes_and_control_characters_are_escaped() {
        let mut out = Vec::new();
        text(&mut out, "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é🚀");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é🚀\"");
    }

    #[test]
    fn an_escape_is_right_wherever_it_stands() {
        let mut texts: Vec<String> = (0..30).map(|length| "é!".repeat(length)).collect();
        for odd in ["\u{1}", "\u{2}", "\"", "\\", "\n", "\u{1f}", "\u{0}"] {
            for before in 0..20 {
                for between in 0..10 {
                    texts.push(["a".repeat(before), odd.into(), "~".repeat(between), odd.into(), "é ".into()].concat());
                }
            }
        }
        for text in texts {
            let mut out = b"before".to_vec();
            escaped(&mut out, text.as_bytes());
            let quoted = format!("\"{}\"", std::str::from_utf8(&out[6..]).unwrap());
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text, "{quoted}");
        }
    }
}
