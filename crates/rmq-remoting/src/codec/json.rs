//! The JSON header.
//!
//! Written as fastjson 2 writes it: keys in alphabetical order, no white space, text raw but for quotes, backslashes
//! and control characters. Read with fastjson's tolerance, as far as a 5.5.0 peer has it too: unknown keys, any order,
//! white space, `null`, numbers as text, text values as numbers or booleans. Only `code` and `opaque` must be there.
//! Unquoted keys, a byte order mark and invalid UTF-8 are refused.

mod scanner;
pub(super) mod writer;

use std::borrow::Cow;

use bytes::BufMut as _;

use self::scanner::Scanner;
use super::skeleton::{Hole, Value};
use super::{FrameLimits, Parts};
use crate::ext_fields::Span;
use crate::{ExtFields, FrameError, LanguageCode, RemotingCommand};

pub(super) fn encode(command: &RemotingCommand, parts: &mut impl Parts, out: &mut Vec<u8>) -> Result<(), FrameError> {
    out.put_slice(b"{\"code\":");
    writer::number(out, command.code);
    if let Some(fields) = &command.ext_fields {
        out.put_slice(b",\"extFields\":{");
        for (at, (name, value)) in fields.iter().enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            writer::text(out, name.as_bytes());
            out.put_u8(b':');
            parts.value(name, value, out)?;
        }
        out.put_u8(b'}');
    }
    out.put_slice(b",\"flag\":");
    parts.flag(out);
    out.put_slice(b",\"language\":");
    match command.language.and_then(LanguageCode::name) {
        Some(name) => writer::text(out, name.as_bytes()),
        None => out.put_slice(b"null"), // a missing member would be read as JAVA
    }
    out.put_slice(b",\"opaque\":");
    parts.opaque(out);
    if let Some(remark) = &command.remark {
        out.put_slice(b",\"remark\":");
        writer::text(out, remark.as_bytes());
    }
    // A leak of one of Java's getters, but there are servers that insist on it.
    out.put_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    writer::number(out, command.version);
    out.put_u8(b'}');
    Ok(())
}

/// A command's own values.
pub(super) struct Own {
    pub(super) flag: i32,
    pub(super) opaque: i32,
}

impl Parts for Own {
    fn flag(&mut self, out: &mut Vec<u8>) {
        writer::number(out, self.flag);
    }

    fn opaque(&mut self, out: &mut Vec<u8>) {
        writer::number(out, self.opaque);
    }

    fn value(&mut self, _: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
        writer::text(out, value.as_bytes());
        Ok(())
    }
}

pub(super) fn decode(header: &[u8], limits: &FrameLimits) -> Result<RemotingCommand, FrameError> {
    let text = std::str::from_utf8(header).map_err(|error| FrameError::NotUtf8 { at: error.valid_up_to() })?;
    let mut json = Scanner::new(text, limits.max_json_depth);
    let mut command = RemotingCommand::new(0, 0);
    command.language = Some(LanguageCode::JAVA); // what a Java peer assumes when it is missing
    command.version = 0;
    let (mut code, mut opaque) = (None, None);
    json.object(|json, key| {
        match key {
            "code" => code = json.integer()?.or(code),
            "opaque" => opaque = json.integer()?.or(opaque),
            "flag" => command.flag = json.integer()?.unwrap_or(command.flag),
            "version" => command.version = json.integer()?.unwrap_or(command.version),
            "language" => command.language = language(json)?,
            "remark" => {
                let mut remark = String::new();
                command.remark = json.value_as_text(&mut remark)?.then_some(remark);
            }
            "extFields" => command.ext_fields = ext_fields(json, limits)?,
            _ => json.skip_value()?,
        }
        Ok(())
    })?;
    json.end()?;
    command.code = code.ok_or(FrameError::Missing("code"))?;
    command.opaque = opaque.ok_or(FrameError::Missing("opaque"))?;
    Ok(command)
}

/// A name in any case, or an ordinal of Java's enum; an unknown name is no language, an unknown ordinal an error.
fn language(json: &mut Scanner<'_>) -> Result<Option<LanguageCode>, FrameError> {
    match json.peek() {
        Some(b'"') => Ok(LanguageCode::from_name(&json.string()?)),
        Some(b'n') => json.null().map(|()| None),
        _ => {
            let at = json.at();
            let ordinal = json.integer()?.unwrap_or(-1);
            match LanguageCode::from_ordinal(ordinal.into()) {
                Some(language) => Ok(Some(language)),
                None => Err(FrameError::Json { at, reason: "no language has this number" }),
            }
        }
    }
}

fn ext_fields(json: &mut Scanner<'_>, limits: &FrameLimits) -> Result<Option<ExtFields>, FrameError> {
    if json.peek() == Some(b'n') {
        return json.null().map(|()| None);
    }
    // The rest of the header bounds the text; a peer that repeats the member gets no large allocation each time.
    let mut fields = ExtFields::with_text_capacity(json.rest().min(FIRST_ROOM));
    let mut count = 0;
    json.object_of(|json| {
        count += 1;
        if count > limits.max_ext_fields {
            return Err(FrameError::TooManyFields { limit: limits.max_ext_fields });
        }
        let start = fields.text_mut().len();
        json.string_into(fields.text_mut())?;
        let name = Span::since(start, fields.text_mut());
        json.colon()?;
        let start = fields.text_mut().len();
        let value = json.value_as_text(fields.text_mut())?.then(|| Span::since(start, fields.text_mut()));
        fields.push_spans(name, value);
        Ok(())
    })?;
    fields.settle();
    Ok(Some(fields))
}

/// What a text between quotes, written here, stands for.
pub(super) fn unescaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text;
    }
    let quoted = format!("\"{text}\"");
    let raw = Scanner::new(&quoted, 1).string().map(Cow::into_owned);
    // What is written here can be read.
    raw.map_or(text, Cow::Owned)
}

/// Finds the values of a header that was read without an error, and counts its ext fields; `None` when it is one of an
/// unusual kind. Texts with escapes and values that are no texts are not among them.
pub(super) fn values(header: &[u8], limits: &FrameLimits) -> Option<(Vec<Value>, usize)> {
    let mut json = Scanner::new(std::str::from_utf8(header).ok()?, limits.max_json_depth);
    let mut values = Vec::new();
    let mut fields = 0;
    let mut keys: Vec<String> = Vec::new();
    json.object(|json, key| {
        if keys.iter().any(|known| known == key) {
            return Err(json.error("a member that is there twice"));
        }
        keys.push(key.to_owned());
        match key {
            "opaque" => {
                json.peek();
                let start = json.at();
                json.number()?;
                values.push(Value::new(start..json.at(), Hole::JsonNumber, None));
            }
            "remark" => values.extend(text_value(json, None)?),
            "extFields" => json.object_of(|json| {
                json.string()?;
                json.colon()?;
                values.extend(text_value(json, Some(fields))?);
                fields += 1;
                Ok(())
            })?,
            _ => json.skip_value()?,
        }
        Ok(())
    })
    .ok()?;
    Some((values, fields))
}

/// A value of which nothing is made when it is no plain text; `null` is refused.
fn text_value(json: &mut Scanner<'_>, field: Option<usize>) -> Result<Option<Value>, FrameError> {
    match json.peek() {
        Some(b'n') => Err(json.error("a null")),
        Some(b'"') => {
            let start = json.at() + 1;
            let raw = matches!(json.string()?, Cow::Borrowed(_));
            Ok(raw.then(|| Value::new(start..json.at() - 1, Hole::JsonText, field)))
        }
        _ => json.skip_value().map(|()| None),
    }
}

/// Bytes reserved at first for the names and values of a header.
const FIRST_ROOM: usize = 4096;

#[cfg(test)]
mod tests;
