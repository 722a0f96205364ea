//! The binary header, which Java calls ROCKETMQ.
//!
//! ```text
//! code: i16 | language: u8 | version: i16 | opaque: i32 | flag: i32 | remark: i32 + text | ext block: i32 + entries
//! entry = name: i16 + text, value: i32 + text
//! ```
//! A length of zero means null: an empty remark is read as none, an entry with an empty name or value as if it were
//! not there, an ext block without other entries as no map. Of equal names the last one wins
//! (`RocketMQSerializable#mapDeserialize`). No read leaves the header.

use bytes::BufMut as _;

use super::skeleton::{Hole, Value};
use super::{FrameLimits, Parts};
use crate::ext_fields::Span;
use crate::{ExtFields, FrameError, HeaderEncoding, LanguageCode, RemotingCommand};

pub(super) fn encode(command: &RemotingCommand, parts: &mut impl Parts, out: &mut Vec<u8>) -> Result<(), FrameError> {
    out.put_i16(short("code", command.code)?);
    out.put_u8(command.language.map_or(NO_LANGUAGE, LanguageCode::code));
    out.put_i16(short("version", command.version)?);
    parts.opaque(out);
    parts.flag(out);
    put_text(out, command.remark.as_deref().unwrap_or_default().as_bytes())?;

    out.put_u32(0);
    let block = out.len();
    parts.block(out);
    for (name, value) in command.ext_fields.iter().flatten() {
        match i16::try_from(name.len()) {
            Ok(length @ 1..) => out.put_i16(length),
            _ => return Err(FrameError::FieldName { length: name.len() }),
        }
        out.put_slice(name.as_bytes());
        parts.value(name, value, out)?;
    }
    put_length_from(block, out)
}

/// Writes the length of what begins at byte `begin` of `out` and ends with it into the four bytes before it.
pub(super) fn put_length_from(begin: usize, out: &mut [u8]) -> Result<(), FrameError> {
    let length = length_word(out.len() - begin)?;
    out[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// A command's own values.
pub(super) struct Own {
    pub(super) flag: i32,
    pub(super) opaque: i32,
}

impl Parts for Own {
    fn flag(&mut self, out: &mut Vec<u8>) {
        out.put_i32(self.flag);
    }

    fn opaque(&mut self, out: &mut Vec<u8>) {
        out.put_i32(self.opaque);
    }

    fn value(&mut self, _: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
        put_text(out, value.as_bytes())
    }
}

pub(super) fn decode(header: &[u8], limits: &FrameLimits) -> Result<RemotingCommand, FrameError> {
    let mut reader = Reader { header, at: 0 };
    let code = reader.i16()?;
    let [language] = reader.array()?;
    let version = reader.i16()?;
    let opaque = reader.i32()?;
    let flag = reader.i32()?;
    let remark = reader.i32()?;
    let remark = reader.text(remark, header.len())?;

    let mut command = RemotingCommand::new(code.into(), flag);
    command.encoding = HeaderEncoding::Rocketmq;
    command.language = Some(language).filter(|&code| code != NO_LANGUAGE).map(LanguageCode::from_code);
    command.version = version.into();
    command.opaque = opaque;
    command.remark = remark.map(str::to_owned);
    command.ext_fields = ext_fields(&mut reader, limits)?;
    Ok(command)
}

fn ext_fields(reader: &mut Reader<'_>, limits: &FrameLimits) -> Result<Option<ExtFields>, FrameError> {
    let block = reader.i32()?;
    let block = match usize::try_from(block) {
        Ok(0) => return Ok(None),
        Ok(block) if block <= reader.header.len() - reader.at => block,
        _ => return Err(reader.error("an ext block that overruns the header")),
    };
    // Java looks at the end of the block only between two entries: the last value may run past it, as long as the
    // header holds it. Bytes between the block and the end of the header are skipped, where Java would take them for
    // the body.
    let end = reader.at + block;
    let mut fields = ExtFields::with_text_capacity(block);
    let mut count = 0;
    while reader.at < end {
        count += 1;
        if count > limits.max_ext_fields {
            return Err(FrameError::TooManyFields { limit: limits.max_ext_fields });
        }
        let name = reader.i16()?;
        let name = reader.text(name.into(), block)?;
        let value = reader.i32()?;
        let value = reader.text(value, block)?;
        let Some(name) = name else { continue };
        let name = append(&mut fields, name);
        let value = value.map(|value| append(&mut fields, value));
        fields.push_spans(name, value);
    }
    fields.settle();
    Ok(Some(fields).filter(|fields| !fields.is_empty()))
}

/// Finds the values of a header that was read without an error, and counts its ext fields; `None` when it is one of an
/// unusual kind.
pub(super) fn values(header: &[u8]) -> Option<(Vec<Value>, usize)> {
    let mut reader = Reader { header, at: 5 };
    let mut values = vec![Value::new(5..9, Hole::BinaryNumber, None)];
    reader.at += 8;
    let remark = reader.at;
    let length = reader.i32().ok()?;
    if reader.text(length, header.len()).ok()?.is_some() {
        values.push(Value::new(remark..reader.at, Hole::BinaryText, None));
    }
    let block = reader.at;
    if usize::try_from(reader.i32().ok()?) != Ok(header.len() - reader.at) {
        return None;
    }
    values.push(Value::new(block..reader.at, Hole::BinaryRest, None));
    let mut fields = 0;
    while reader.at < header.len() {
        let name = reader.i16().ok()?;
        reader.text(name.into(), header.len()).ok()??;
        let start = reader.at;
        let length = reader.i32().ok()?;
        reader.text(length, header.len()).ok()??;
        values.push(Value::new(start..reader.at, Hole::BinaryText, Some(fields)));
        fields += 1;
    }
    Some((values, fields))
}

fn append(fields: &mut ExtFields, piece: &str) -> Span {
    let text = fields.text_mut();
    let start = text.len();
    text.push_str(piece);
    Span::since(start, text)
}

/// The unread part of a header; no read goes past its end.
struct Reader<'a> {
    header: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn i16(&mut self) -> Result<i16, FrameError> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, FrameError> {
        self.array().map(i32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let Some(&bytes) = self.header[self.at..].first_chunk::<N>() else {
            return Err(self.error("the header ends in the middle of a number"));
        };
        self.at += N;
        Ok(bytes)
    }

    /// Text of `length` bytes, at most `limit`; a length of zero means null.
    fn text(&mut self, length: i32, limit: usize) -> Result<Option<&'a str>, FrameError> {
        let bytes = match usize::try_from(length) {
            Ok(0) => return Ok(None),
            Ok(length) if length <= limit => self.header[self.at..].get(..length),
            _ => None,
        };
        let Some(bytes) = bytes else {
            return Err(self.error("an impossible text length"));
        };
        let text =
            std::str::from_utf8(bytes).map_err(|error| FrameError::NotUtf8 { at: self.at + error.valid_up_to() })?;
        self.at += text.len();
        Ok(Some(text))
    }

    fn error(&self, reason: &'static str) -> FrameError {
        FrameError::Binary { at: self.at, reason }
    }
}

fn short(member: &'static str, value: i32) -> Result<i16, FrameError> {
    i16::try_from(value).map_err(|_| FrameError::OutOfRange { member, value })
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), FrameError> {
    out.put_i32(length_word(text.len())?);
    out.put_slice(text);
    Ok(())
}

fn length_word(length: usize) -> Result<i32, FrameError> {
    i32::try_from(length).map_err(|_| FrameError::HeaderTooLarge { length, limit: super::MAX_HEADER })
}

/// A code that no release knows, so that every peer reads it as no language.
const NO_LANGUAGE: u8 = 0xFF;
