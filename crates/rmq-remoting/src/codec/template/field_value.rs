//! FieldValue: what a template is filled with.

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
}

impl FieldValue<'_> {
    /// The number, if it is one, and not negative.
    #[inline]
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(_) | Self::Header(_) => None,
        }
    }

    /// Writes what stands between the quotes of a JSON header. `None`: there is not enough room, or it has to be escaped.
    #[inline(always)]
    pub(super) fn write_json<'p>(&self, pen: Pen<'p>) -> Option<Pen<'p>> {
        match self {
            Self::Number(number) => decimal::write(u64::try_from(*number).ok()?, pen),
            Self::Text(text) => write_raw(text.as_bytes(), pen),
            Self::Header(text) => pen.slice(text.carried(HeaderEncoding::Json)?),
        }
    }

    /// Writes length and text as in a binary header. `None`: there is not enough room, or it is made for JSON.
    #[inline]
    pub(super) fn write_binary<'p>(&self, pen: Pen<'p>) -> Option<Pen<'p>> {
        let (length, pen) = pen.place()?;
        let before = pen.left();
        let pen = match self {
            Self::Number(number) => decimal::write(u64::try_from(*number).ok()?, pen)?,
            Self::Text(text) => pen.text(text.as_bytes())?,
            Self::Header(text) => pen.slice(text.carried(HeaderEncoding::Rocketmq)?)?,
        };
        *length = i32::try_from(before - pen.left()).ok()?.to_be_bytes();
        Some(pen)
    }

    /// Bytes of room that it needs, if it needs no escapes.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Number(_) => NUMBER,
            Self::Text(text) => NUMBER + text.len(),
            Self::Header(text) => NUMBER + text.len(),
        }
    }

    /// Appends what stands between the quotes of a JSON header.
    pub(super) fn put_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => decimal::put_decimal(out, *number),
            Self::Text(text) => json::writer::escaped(out, text.as_bytes()),
            Self::Header(text) => match text.carried(HeaderEncoding::Json) {
                Some(carried) => out.extend_from_slice(carried),
                None => json::writer::escaped(out, text.text().as_bytes()),
            },
        }
    }

    /// Appends length and text as in a binary header.
    pub(super) fn put_binary(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        match self {
            Self::Number(number) => binary::put_number(out, *number),
            Self::Text(text) => binary::put_text(out, text.as_bytes()),
            Self::Header(text) => match text.carried(HeaderEncoding::Rocketmq) {
                Some(carried) => binary::put_text(out, carried),
                None => binary::put_text(out, text.text().as_bytes()),
            },
        }
    }
}

/// Writes a text, if nothing of it has to be escaped. Not part of the hot way: what is sent often comes as [`HeaderText`].
#[inline(never)]
fn write_raw<'p>(text: &[u8], pen: Pen<'p>) -> Option<Pen<'p>> {
    if json::writer::is_raw(text) { pen.text(text) } else { None }
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

/// More than a number and its length need.
const NUMBER: usize = 32;
