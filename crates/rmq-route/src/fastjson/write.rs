//! Writing the way fastjson does by default: a map key that is no text has no quotes.
//!
//! serde_json announces such a key as a string and then writes a number into it, so the opening quote waits until it
//! is known what the string holds.

use std::io::{self, Write};
use std::mem;

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use crate::error::FastjsonError;

pub(super) fn loose<T: Serialize + ?Sized>(value: &T) -> Result<String, FastjsonError> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Loose::default())).map_err(FastjsonError::Json)?;
    String::from_utf8(bytes).map_err(|error| FastjsonError::NotUtf8(error.utf8_error()))
}

#[derive(Default)]
struct Loose {
    /// A string has begun and its quote is not written yet.
    quote_due: bool,
    /// What has begun as a string turned out to be a bare key.
    bare: bool,
}

impl Loose {
    fn settle<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if mem::take(&mut self.quote_due) { writer.write_all(b"\"") } else { Ok(()) }
    }
}

macro_rules! without_quotes {
    ($($method:ident: $value:ty),* $(,)?) => {
        $(fn $method<W: Write + ?Sized>(&mut self, writer: &mut W, value: $value) -> io::Result<()> {
            self.bare = mem::take(&mut self.quote_due);
            CompactFormatter.$method(writer, value)
        })*
    };
}

impl Formatter for Loose {
    fn begin_string<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.quote_due = true;
        Ok(())
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        self.settle(writer)?;
        CompactFormatter.write_string_fragment(writer, fragment)
    }

    fn write_char_escape<W: Write + ?Sized>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.settle(writer)?;
        CompactFormatter.write_char_escape(writer, escape)
    }

    fn end_string<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if mem::take(&mut self.bare) {
            return Ok(());
        }
        self.settle(writer)?;
        writer.write_all(b"\"")
    }

    without_quotes! {
        write_bool: bool, write_f32: f32, write_f64: f64,
        write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128,
        write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn keys_of_every_plain_kind_are_bare_and_text_is_not() {
        assert_eq!(loose(&BTreeMap::from([(true, 1_u8)])).unwrap(), "{true:1}");
        assert_eq!(loose(&BTreeMap::from([(-3_i16, "x")])).unwrap(), r#"{-3:"x"}"#);
        assert_eq!(loose(&BTreeMap::from([(u64::MAX, 1.5_f64)])).unwrap(), "{18446744073709551615:1.5}");
        assert_eq!(loose(&BTreeMap::from([("7", ())])).unwrap(), r#"{"7":null}"#);
        assert_eq!(loose(&BTreeMap::from([("", [""])])).unwrap(), r#"{"":[""]}"#);
        assert_eq!(loose(&BTreeMap::from([('"', 'ä')])).unwrap(), r#"{"\"":"ä"}"#);
    }

    #[test]
    fn a_bare_key_does_not_touch_the_strings_after_it() {
        let nested = BTreeMap::from([(0, BTreeMap::from([(1, vec!["a", "\n"])])), (2, BTreeMap::new())]);
        assert_eq!(loose(&nested).unwrap(), r#"{0:{1:["a","\n"]},2:{}}"#);
    }
}
