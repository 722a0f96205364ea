//! JSON text as fastjson writes it.
//!
//! Written by hand, because what it writes is not always JSON: keys that are numbers or objects stay bare.

use std::fmt::Write as _;

/// Which characters are escaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Escapes {
    /// Only what must be.
    Few,
    /// Everything beyond ASCII and the slash too: the standard form of 4.9 name servers (`SerializerFeature.BrowserCompatible`).
    Browser,
}

/// `text` as a JSON string.
pub(crate) fn quote(text: &str, escapes: Escapes) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if escapes == Escapes::Browser => out.push_str("\\/"),
            plain if plain >= ' ' && (plain.is_ascii() || escapes == Escapes::Few) => out.push(plain),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    // Writing into a String cannot fail.
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_back() {
        let text = "a/b \"你🚀\"\\\n\u{1}";
        for escapes in [Escapes::Few, Escapes::Browser] {
            assert_eq!(serde_json::from_str::<String>(&quote(text, escapes)).unwrap(), text);
        }
        assert_eq!(quote("/你", Escapes::Browser), "\"\\/\\u4F60\"");
        assert_eq!(quote("/你", Escapes::Few), "\"/你\"");
    }
}
