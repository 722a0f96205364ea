//! A reader of JSON text that allocates only for what it is told to keep.
//!
//! The text is valid UTF-8 and only cut beside ASCII bytes. Control characters may stand raw inside strings, since
//! property separators are such; everything else is JSON to the letter. Nesting is bounded.

use std::borrow::Cow;

use crate::FrameError;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth_left: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, max_depth: usize) -> Self {
        Self { text, at: 0, depth_left: max_depth }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub(super) fn rest(&self) -> usize {
        self.text.len() - self.at
    }

    /// The first byte of the next token, which stays unread.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), FrameError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("text behind the object")),
        }
    }

    /// An object, each of whose values `member` has to read.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        self.object_of(|json| {
            let key = json.string()?;
            json.colon()?;
            member(json, &key)
        })
    }

    /// An object, each of whose members `member` has to read from the key on.
    pub(super) fn object_of(
        &mut self,
        member: impl FnMut(&mut Self) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        if self.peek() != Some(b'{') {
            return Err(self.error("expected an object"));
        }
        self.items(b'}', member)
    }

    pub(super) fn colon(&mut self) -> Result<(), FrameError> {
        if self.peek() != Some(b':') {
            return Err(self.error("expected a colon"));
        }
        self.at += 1;
        Ok(())
    }

    /// A string; it is copied only when it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, FrameError> {
        self.open_quote()?;
        let run = self.run();
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(run));
        }
        let mut out = run.to_owned();
        self.rest_of_string(&mut out)?;
        Ok(Cow::Owned(out))
    }

    /// A string, appended to `out`.
    pub(super) fn string_into(&mut self, out: &mut String) -> Result<(), FrameError> {
        self.open_quote()?;
        self.rest_of_string(out)
    }

    /// An integer of 32 bits, also inside quotes; `None` for `null`.
    pub(super) fn integer(&mut self) -> Result<Option<i32>, FrameError> {
        let (at, digits) = match self.peek() {
            Some(b'n') => return self.null().map(|()| None),
            Some(b'"') => (self.at, self.string()?),
            Some(b'-' | b'0'..=b'9') => (self.at, Cow::Borrowed(self.number()?)),
            _ => return Err(self.error("expected a number")),
        };
        match digits.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(FrameError::Json { at, reason: "not an integer of 32 bits" }),
        }
    }

    pub(super) fn null(&mut self) -> Result<(), FrameError> {
        self.literal("null")
    }

    /// Any value as text: a string's content, everything else as it stands there. False for `null`, which appends
    /// nothing.
    pub(super) fn value_as_text(&mut self, out: &mut String) -> Result<bool, FrameError> {
        match self.peek() {
            Some(b'"') => self.string_into(out)?,
            Some(b'n') => {
                self.null()?;
                return Ok(false);
            }
            _ => {
                let start = self.at;
                self.skip_value()?;
                out.push_str(&self.text[start..self.at]);
            }
        }
        Ok(true)
    }

    pub(super) fn skip_value(&mut self) -> Result<(), FrameError> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => self.items(b'}', |json| {
                json.skip_string()?;
                json.colon()?;
                json.skip_value()
            }),
            Some(b'[') => self.items(b']', Self::skip_value),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.null(),
            _ => Err(self.error("expected a value")),
        }
    }

    /// What stands between an opening bracket, which is the next byte, and `close`: items with commas between them.
    fn items(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            return Err(self.error("nested too deep"));
        };
        self.depth_left = depth_left;
        self.at += 1;
        if self.peek() != Some(close) {
            loop {
                item(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == close => break,
                    _ => return Err(self.error("expected a comma or a closing bracket")),
                }
            }
        }
        self.at += 1;
        self.depth_left += 1;
        Ok(())
    }

    fn open_quote(&mut self) -> Result<(), FrameError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a string"));
        }
        self.at += 1;
        Ok(())
    }

    /// The characters up to the next quote or backslash, or to the end.
    fn run(&mut self) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|&byte| byte == b'"' || byte == b'\\').unwrap_or(rest.len());
        let start = self.at;
        self.at += length;
        &self.text[start..self.at]
    }

    fn rest_of_string(&mut self, out: &mut String) -> Result<(), FrameError> {
        loop {
            out.push_str(self.run());
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => out.push(self.escape()?),
                None => return Err(self.error("a string without end")),
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), FrameError> {
        self.open_quote()?;
        loop {
            self.run();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.escape().map(drop)?,
                None => return Err(self.error("a string without end")),
            }
        }
    }

    /// The character that an escape stands for; its backslash is the next byte.
    fn escape(&mut self) -> Result<char, FrameError> {
        self.at += 1;
        let character = match self.byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 1;
        Ok(character)
    }

    /// The code point behind `\u`, in one or two halves.
    fn code_point(&mut self) -> Result<char, FrameError> {
        let first = self.four_digits()?;
        let whole = if (0xD800..0xDC00).contains(&first) && self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            self.at += 2;
            match self.four_digits()? {
                second @ 0xDC00..0xE000 => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                _ => first,
            }
        } else {
            first
        };
        char::from_u32(whole).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, FrameError> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.error("expected four hexadecimal digits"));
            };
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }

    /// A number; the next byte is its first.
    pub(super) fn number(&mut self) -> Result<&'a str, FrameError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), FrameError> {
        if !matches!(self.byte(), Some(b'0'..=b'9')) {
            return Err(self.error("expected a digit"));
        }
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        Ok(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.byte() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn literal(&mut self, word: &'static str) -> Result<(), FrameError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("unknown word"));
        }
        self.at += word.len();
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn error(&self, reason: &'static str) -> FrameError {
        FrameError::Json { at: self.at, reason }
    }
}
