//! JSON numbers and strings, written without allocating.

use crate::codec::decimal::put_decimal;
use crate::codec::pen::Pen;
use crate::codec::plain_text::{has_escape, is_escaped, to_escape};

/// Appends `value` in decimal.
pub(crate) fn number(out: &mut Vec<u8>, value: i32) {
    put_decimal(out, value.into());
}

/// Appends `text` in quotes, with the escapes of fastjson 2.
pub(crate) fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Whether a text stands between quotes as it is.
#[inline]
pub(crate) fn is_raw(text: &[u8]) -> bool {
    // The last block overlaps the one before, so that there is no rest.
    match (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        (Some(first), Some(last)) => {
            !has_escape(first) & !has_escape(last)
                && (text.len() <= 32
                    || text.chunks_exact(16).all(|block| block.first_chunk().is_some_and(|block| !has_escape(block))))
        }
        _ => match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                to_escape(u64::from_le_bytes(*first)) | to_escape(u64::from_le_bytes(*last)) == 0
            }
            _ => !text.iter().fold(false, |odd, byte| odd | is_escaped(*byte)),
        },
    }
}

/// Writes a text that stands between quotes as it is. `None`: it does not, or there is not enough room.
#[inline]
pub(crate) fn write_raw<'p>(text: &[u8], pen: Pen<'p>) -> Option<Pen<'p>> {
    // Most texts are short: they are looked at and written as two blocks that overlap.
    if let (Some(first), Some(last), ..=32) = (text.first_chunk::<16>(), text.last_chunk::<16>(), text.len()) {
        if has_escape(first) | has_escape(last) {
            return None;
        }
        return pen.block(*first, text.len() - 16)?.block(*last, 16);
    }
    if let (Some(first), Some(last), ..=16) = (text.first_chunk::<8>(), text.last_chunk::<8>(), text.len()) {
        if to_escape(u64::from_le_bytes(*first)) | to_escape(u64::from_le_bytes(*last)) != 0 {
            return None;
        }
        return pen.block(*first, text.len() - 8)?.block(*last, 8);
    }
    if let (Some(first), Some(last), ..=8) = (text.first_chunk::<4>(), text.last_chunk::<4>(), text.len()) {
        let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        if to_escape(both) != 0 {
            return None;
        }
        return pen.block(*first, text.len() - 4)?.block(*last, 4);
    }
    if is_raw(text) { pen.slice(text) } else { None }
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

/// What stands for a character between quotes, and its length.
#[inline]
pub(crate) fn escaped_char(character: char) -> ([u8; 8], usize) {
    match u8::try_from(character) {
        Ok(byte) if is_escaped(byte) => escape(byte),
        _ => utf8(character),
    }
}

/// A character, and its length.
#[inline]
pub(crate) fn utf8(character: char) -> ([u8; 8], usize) {
    match u8::try_from(character) {
        Ok(byte) if byte.is_ascii() => ([byte, 0, 0, 0, 0, 0, 0, 0], 1),
        _ => {
            let mut bytes = [0; 8];
            let length = character.encode_utf8(&mut bytes).len();
            (bytes, length)
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
#[inline]
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
        text(&mut out, "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}é🚀".as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}\u{2028}é🚀\"");
    }

    #[test]
    fn an_escape_is_right_wherever_it_stands() {
        let mut texts: Vec<String> = (0..30).map(|length| "é!".repeat(length)).collect();
        for odd in ["\u{1}", "\u{2}", "\"", "\\", "\n", "\u{1f}", "\u{0}"] {
            for before in 0..35 {
                for between in 0..18 {
                    texts.push(["a".repeat(before), odd.into(), "~".repeat(between), odd.into(), "é ".into()].concat());
                }
            }
        }
        for text in texts {
            let mut out = b"before".to_vec();
            escaped(&mut out, text.as_bytes());
            let one_by_one = text.chars().map(escaped_char).flat_map(|(bytes, length)| bytes.into_iter().take(length));
            assert_eq!(out[6..], one_by_one.collect::<Vec<u8>>());
            assert_eq!(is_raw(text.as_bytes()), out[6..] == *text.as_bytes());
            let mut room = vec![0; text.len() + 16];
            let left = write_raw(text.as_bytes(), Pen::new(&mut room)).map(|pen| pen.left());
            assert_eq!(left, is_raw(text.as_bytes()).then_some(16));
            assert!(left.is_none() || room.starts_with(text.as_bytes()));
            let quoted = format!("\"{}\"", std::str::from_utf8(&out[6..]).unwrap());
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text, "{quoted}");
        }
    }
}
