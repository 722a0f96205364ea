//! One pass over fastjson text that puts its keys in quotes.
//!
//! Strings are skipped as a whole, everything outside key position is copied as it is, and nothing is copied at all
//! until the first key needs it. Cuts are made only at ASCII characters, so every piece is whole UTF-8.

use std::borrow::Cow;

use super::{MAX_DEPTH, MAX_KEY_DEPTH};
use crate::error::FastjsonError;

pub(super) fn standard(text: &str) -> Result<Cow<'_, str>, FastjsonError> {
    let mut scan = Scan { text, start: 0, at: 0, copied: 0, out: String::new(), open: Vec::new(), key_of: None };
    scan.run()?;
    Ok(scan.finish())
}

/// What the innermost open bracket waits for.
#[derive(Clone, Copy)]
enum Expect {
    Item,
    Key,
    Colon,
    Value,
}

struct Scan<'a> {
    text: &'a str,
    start: usize,
    at: usize,
    /// Where the part begins that is not in `out` yet.
    copied: usize,
    out: String,
    open: Vec<Expect>,
    key_of: Option<Outer>,
}

/// What surrounds a key that is a list or an object itself.
#[derive(Clone, Copy)]
struct Outer {
    depth: usize,
    keys: usize,
}

impl<'a> Scan<'a> {
    fn run(&mut self) -> Result<(), FastjsonError> {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match (self.open.last(), byte) {
                (_, b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                (Some(Expect::Key), b'"') => {
                    self.at = self.end_of_string()?;
                    self.expect(Expect::Colon);
                }
                (Some(Expect::Key), b'{' | b'[') => self.composite_key()?,
                (Some(Expect::Key | Expect::Value), b'}') | (Some(Expect::Item), b']') => {
                    self.at += 1;
                    self.open.pop();
                    if self.open.is_empty() && self.key_of.is_some() {
                        return Ok(());
                    }
                }
                (Some(Expect::Key), _) => self.bare_key()?,
                (Some(Expect::Colon), b':') => {
                    self.at += 1;
                    self.expect(Expect::Value);
                }
                (Some(Expect::Colon), _) => return Err(self.unexpected()),
                (Some(Expect::Value), b',') => {
                    self.at += 1;
                    self.expect(Expect::Key);
                }
                (_, b'"') => self.at = self.end_of_string()?,
                (_, b'{') => self.push(Expect::Key)?,
                (_, b'[') => self.push(Expect::Item)?,
                (_, b'}' | b']') => return Err(FastjsonError::Unbalanced { offset: self.at }),
                _ => self.at += 1,
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(FastjsonError::Truncated) }
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == self.start {
            return Cow::Borrowed(&self.text[self.start..self.at]);
        }
        self.out.push_str(&self.text[self.copied..self.at]);
        Cow::Owned(self.out)
    }

    fn push(&mut self, expect: Expect) -> Result<(), FastjsonError> {
        if self.depth() >= MAX_DEPTH {
            return Err(FastjsonError::TooDeep { limit: MAX_DEPTH });
        }
        self.open.push(expect);
        self.at += 1;
        Ok(())
    }

    fn expect(&mut self, expect: Expect) {
        if let Some(innermost) = self.open.last_mut() {
            *innermost = expect;
        }
    }

    fn depth(&self) -> usize {
        self.open.len() + self.key_of.map_or(0, |outer| outer.depth)
    }

    /// Where the string that begins here ends, its quote included.
    fn end_of_string(&self) -> Result<usize, FastjsonError> {
        let mut escaped = false;
        for (offset, &byte) in self.text.as_bytes()[self.at..].iter().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Ok(self.at + offset + 1),
                _ => {}
            }
        }
        Err(FastjsonError::Truncated)
    }

    fn bare_key(&mut self) -> Result<(), FastjsonError> {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| !is_key_byte(byte)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.unexpected());
        }
        self.replace(&rest[..length], length);
        Ok(())
    }

    fn composite_key(&mut self) -> Result<(), FastjsonError> {
        let keys = self.key_of.map_or(0, |outer| outer.keys) + 1;
        if keys > MAX_KEY_DEPTH {
            return Err(FastjsonError::TooDeep { limit: MAX_KEY_DEPTH });
        }
        let mut key = Scan {
            text: self.text,
            start: self.at,
            at: self.at,
            copied: self.at,
            out: String::new(),
            open: Vec::new(),
            key_of: Some(Outer { depth: self.depth(), keys }),
        };
        key.run()?;
        let length = key.at - key.start;
        let text = escaped(&key.finish());
        self.replace(&text, length);
        Ok(())
    }

    /// Writes a key in quotes in place of the next `length` bytes.
    fn replace(&mut self, key: &str, length: usize) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.out.push('"');
        self.out.push_str(key);
        self.out.push('"');
        self.at += length;
        self.copied = self.at;
        self.expect(Expect::Colon);
    }

    fn unexpected(&self) -> FastjsonError {
        match self.text[self.at..].chars().next() {
            Some(found) => FastjsonError::Unexpected { offset: self.at, found },
            None => FastjsonError::Truncated,
        }
    }
}

/// Numbers with their signs, and identifiers of any script. None of these bytes needs escaping in a string.
fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-' | b'+' | b'.') || !byte.is_ascii()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(loose: &str, expected: &str) {
        let text = standard(loose).expect("the text is readable");
        assert_eq!(text, expected);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        assert!(matches!(standard(&text), Ok(Cow::Borrowed(again)) if again == expected), "{text}");
    }

    #[test]
    fn bare_keys_get_quotes_at_every_depth() {
        becomes("{0:1}", r#"{"0":1}"#);
        becomes("{-7 : 1,\n2:[{3:{}}]}", "{\"-7\" : 1,\n\"2\":[{\"3\":{}}]}");
        becomes("{null:1,true:2,a_b:3,$x:4,1.5:5}", r#"{"null":1,"true":2,"a_b":3,"$x":4,"1.5":5}"#);
        becomes("{ключ:1}", r#"{"ключ":1}"#);
    }

    #[test]
    fn an_object_or_a_list_as_key_becomes_a_string_that_holds_it() {
        becomes(r#"{{"q":0}:1}"#, r#"{"{\"q\":0}":1}"#);
        becomes(r#"{{0:"a"} :{1:2}}"#, r#"{"{\"0\":\"a\"}" :{"1":2}}"#);
        becomes(r#"{[1,"b"]:1}"#, r#"{"[1,\"b\"]":1}"#);
        becomes("{{\"a\":\n\"\\\"\\u0001\"}:1}", "{\"{\\\"a\\\":\\n\\\"\\\\\\\"\\\\u0001\\\"}\":1}");
        becomes(r#"{{{0:1}:2}:3}"#, r#"{"{\"{\\\"0\\\":1}\":2}":3}"#);
    }

    #[test]
    fn standard_json_is_not_copied() {
        for text in [
            r#"{"0":"a","b":[1,2.5e3,null,true,{"c":"{0:1}"}],"":{}}"#,
            r#" "just {0:1} text \" , with quotes" "#,
            "[]",
            "-1",
            "",
        ] {
            assert!(matches!(standard(text), Ok(Cow::Borrowed(same)) if same == text), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_key_inside_a_string_stays() {
        becomes(r#"{0:"{1:2},\"3:\\"}"#, r#"{"0":"{1:2},\"3:\\"}"#);
    }

    #[test]
    fn text_that_ends_too_early_is_told_so() {
        for text in ["{", "[1", "{0", "{0:", "{0:\"a", "{0:\"a\\\"", "{{\"a\":1", "{{\"a\":1}", "\"", "{\"a\":{"] {
            assert!(matches!(standard(text), Err(FastjsonError::Truncated)), "{text}: {:?}", standard(text));
        }
    }

    #[test]
    fn misplaced_characters_are_named_with_their_place() {
        let error = standard("{,}").unwrap_err();
        assert!(matches!(error, FastjsonError::Unexpected { offset: 1, found: ',' }));
        let error = standard("{0 ä:1}").unwrap_err();
        assert!(matches!(error, FastjsonError::Unexpected { offset: 3, found: 'ä' }));
        assert!(matches!(standard("{'a':1}"), Err(FastjsonError::Unexpected { offset: 1, .. })));
        assert!(matches!(standard("[}"), Err(FastjsonError::Unbalanced { offset: 1 })));
        assert!(matches!(standard("{0:1]"), Err(FastjsonError::Unbalanced { offset: 4 })));
        assert!(matches!(standard("1}"), Err(FastjsonError::Unbalanced { offset: 1 })));
    }

    #[test]
    fn depth_is_limited_exactly() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(standard(&nested(MAX_DEPTH)).is_ok());
        assert!(matches!(standard(&nested(MAX_DEPTH + 1)), Err(FastjsonError::TooDeep { limit: MAX_DEPTH })));
        let in_a_key = |levels: usize| format!("{{{}:1}}", nested(levels));
        assert!(standard(&in_a_key(MAX_DEPTH - 1)).is_ok());
        assert!(matches!(standard(&in_a_key(MAX_DEPTH)), Err(FastjsonError::TooDeep { limit: MAX_DEPTH })));
    }

    #[test]
    fn keys_inside_keys_cannot_blow_the_text_up() {
        let mut text = "{0:1}".to_owned();
        for _ in 0..MAX_KEY_DEPTH {
            text = format!("{{{text}:1}}");
        }
        assert!(standard(&text).is_ok());
        let deeper = format!("{{{text}:1}}");
        assert!(matches!(standard(&deeper), Err(FastjsonError::TooDeep { limit: MAX_KEY_DEPTH })));
    }
}
