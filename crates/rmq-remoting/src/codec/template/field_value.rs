//! FieldValue: what a template is filled with.

use std::borrow::Cow;

use bytes::BufMut as _;

use super::super::hexadecimal::put_twelve_digits;
use super::super::pen::Pen;
use super::super::{binary, decimal, json};
use crate::{FrameError, HeaderEncoding, HeaderText};

/// The value of a field that differs from request to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// A number, which travels in decimal.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// A text in the form in which headers carry it: copied as it is into those of the encoding that it was made for.
    Header(&'a HeaderText),
    /// What an [`OpenField::Stamped`](crate::OpenField::Stamped) begins with, then a stamp, the character behind it, and then a text. In
    /// any other field there is nothing but the stamp and the text.
    Stamped {
        /// A number of 48 bits, which travels as twelve hexadecimal digits in capitals. Higher bits do not count.
        stamp: u64,
        /// What stands at the end.
        rest: &'a HeaderText,
    },
}

/// What a stamped value has around its stamp.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AroundStamp<'a> {
    pub(super) before: &'a str,
    pub(super) behind: Option<char>,
}

impl<'a> FieldValue<'a> {
    /// Stamp and rest, if it is a stamped one.
    #[inline]
    pub(super) fn stamped(&self) -> Option<(u64, &'a HeaderText)> {
        match self {
            Self::Stamped { stamp, rest } => Some((*stamp, rest)),
            Self::Number(_) | Self::Text(_) | Self::Header(_) => None,
        }
    }

    /// The value itself.
    pub(super) fn text(&self, around: AroundStamp<'_>) -> Cow<'a, str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => (*text).into(),
            Self::Header(text) => text.text(),
            Self::Stamped { stamp, rest } => {
                let mut text = format!("{}{:012X}", around.before, stamp & STAMP);
                text.extend(around.behind);
                text += &rest.text();
                text.into()
            }
        }
    }
}

impl FieldValue<'_> {
    /// The number, if it is one.
    #[inline]
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Header(_) | Self::Stamped { .. } => None,
        }
    }

    /// Writes what stands between the quotes of a JSON header. `None`: there is not enough room, or it has to be escaped; or it
    /// is stamped, which is written elsewhere.
    #[inline(always)]
    pub(super) fn write_json<'p>(&self, pen: Pen<'p>) -> Option<Pen<'p>> {
        match self {
            Self::Number(number) => decimal::write(u64::try_from(*number).ok()?, pen),
            text => text.write_json_text(pen),
        }
    }

    #[inline(never)]
    fn write_json_text<'p>(&self, pen: Pen<'p>) -> Option<Pen<'p>> {
        match self {
            Self::Text(text) => json::writer::write_raw(text.as_bytes(), pen),
            Self::Header(text) => pen.slice(text.carried(HeaderEncoding::Json)?),
            Self::Number(_) | Self::Stamped { .. } => None,
        }
    }

    /// Writes length and text as in a binary header. `None`: there is not enough room, or it is made for JSON; or it is stamped.
    #[inline]
    pub(super) fn write_binary<'p>(&self, pen: Pen<'p>) -> Option<Pen<'p>> {
        let (length, pen) = pen.place()?;
        let before = pen.left();
        let pen = match self {
            Self::Number(number) => decimal::write(u64::try_from(*number).ok()?, pen)?,
            Self::Text(text) => pen.text(text.as_bytes())?,
            Self::Header(text) => pen.slice(text.carried(HeaderEncoding::Rocketmq)?)?,
            Self::Stamped { .. } => return None,
        };
        *length = i32::try_from(before - pen.left()).ok()?.to_be_bytes();
        Some(pen)
    }

    /// Appends what stands between the quotes of a JSON header.
    pub(super) fn put_json(&self, around: AroundStamp<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => decimal::put_decimal(out, *number),
            Self::Text(text) => json::writer::escaped(out, text.as_bytes()),
            Self::Header(text) => match text.carried(HeaderEncoding::Json) {
                Some(carried) => out.extend_from_slice(carried),
                None => json::writer::escaped(out, text.text().as_bytes()),
            },
            Self::Stamped { stamp, rest } => {
                json::writer::escaped(out, around.before.as_bytes());
                put_stamp(out, *stamp);
                if let Some(character) = around.behind {
                    json::writer::escaped(out, character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Self::Header(rest).put_json(around, out);
            }
        }
    }

    /// Appends length and text as in a binary header.
    pub(super) fn put_binary(&self, around: AroundStamp<'_>, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let text = |text: &HeaderText, out: &mut Vec<u8>| match text.carried(HeaderEncoding::Rocketmq) {
            Some(carried) => out.extend_from_slice(carried),
            None => out.extend_from_slice(text.text().as_bytes()),
        };
        out.put_u32(0);
        let begin = out.len();
        match self {
            Self::Number(number) => decimal::put_decimal(out, *number),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Header(header) => text(header, out),
            Self::Stamped { stamp, rest } => {
                out.extend_from_slice(around.before.as_bytes());
                put_stamp(out, *stamp);
                if let Some(character) = around.behind {
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                text(rest, out);
            }
        }
        binary::put_length_from(begin, out)
    }
}

fn put_stamp(out: &mut Vec<u8>, stamp: u64) {
    let mut digits = [0; 12];
    put_twelve_digits(stamp, &mut digits);
    out.extend_from_slice(&digits);
}

impl From<i32> for FieldValue<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for FieldValue<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(value: bool) -> Self {
        Self::Text(if value { "true" } else { "false" })
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a HeaderText> for FieldValue<'a> {
    fn from(text: &'a HeaderText) -> Self {
        Self::Header(text)
    }
}

/// The bits of a stamp.
const STAMP: u64 = (1 << 48) - 1;
