//! HeaderText: a text put together piece by piece, in the form in which headers carry it.
//!
//! JSON carries it escaped, the binary header as it is. Every piece is escaped as it comes, so that whatever is here may stand in a header.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use super::constant::Constant;
use super::json::{self, writer};
use super::slate::Slate;
use crate::HeaderEncoding;

/// The value of a field, made for headers of one encoding: those of [`RequestTemplate`](crate::RequestTemplate)s copy it in one piece.
///
/// ```
/// use rmq_remoting::{HeaderEncoding, HeaderPiece, HeaderText};
///
/// let colour = HeaderPiece::new("colour\u{1}");
/// let mut text = HeaderText::new();
/// text.begin(HeaderEncoding::Json);
/// text.push_piece(&colour);
/// text.push("red");
/// text.push_char('\u{2}');
/// assert_eq!(text.text(), "colour\u{1}red\u{2}");
/// ```
#[derive(Clone)]
pub struct HeaderText {
    encoding: HeaderEncoding,
    written: Slate,
}

/// A piece of text that many [`HeaderText`]s have, rendered beforehand for both encodings.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderPiece {
    json: Constant,
    raw: Constant,
}

impl HeaderText {
    /// An empty text, for JSON headers.
    #[must_use]
    pub const fn new() -> Self {
        Self { encoding: HeaderEncoding::Json, written: Slate::new() }
    }

    /// Begins a new text, for headers of `encoding`. What was here before is gone; its room stays.
    #[inline]
    pub fn begin(&mut self, encoding: HeaderEncoding) {
        self.encoding = encoding;
        self.written.clear();
    }

    /// Appends a text.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.push_utf8(text.as_bytes());
    }

    /// Appends a text as the bytes that encode it. They should be UTF-8, or the peer cannot read the request; where a text is needed, what is
    /// not is replaced.
    #[inline]
    pub fn push_utf8(&mut self, text: &[u8]) {
        if self.encoding == HeaderEncoding::Json && !writer::is_raw(text) {
            self.push_escaped(text);
            return;
        }
        self.written.write(|| text.len(), |pen| pen.text(text));
    }

    /// Appends one character.
    #[inline]
    pub fn push_char(&mut self, character: char) {
        let (bytes, length) = match self.encoding {
            HeaderEncoding::Json => writer::escaped_char(character),
            HeaderEncoding::Rocketmq => writer::utf8(character),
        };
        self.written.write(|| bytes.len(), |pen| pen.block(bytes, length));
    }

    /// Appends a piece.
    #[inline]
    pub fn push_piece(&mut self, piece: &HeaderPiece) {
        let piece = match self.encoding {
            HeaderEncoding::Json => &piece.json,
            HeaderEncoding::Rocketmq => &piece.raw,
        };
        self.written.write(|| piece.room(), |pen| piece.write(pen));
    }

    /// Appends a text and a character behind it: quicker than one by one.
    #[inline]
    pub fn push_with(&mut self, text: &str, behind: char) {
        let text = text.as_bytes();
        let written = match self.encoding {
            HeaderEncoding::Json => {
                let (bytes, length) = writer::escaped_char(behind);
                self.written.try_write(|pen| writer::write_raw(text, pen)?.block(bytes, length))
            }
            HeaderEncoding::Rocketmq => {
                let (bytes, length) = writer::utf8(behind);
                self.written.try_write(|pen| pen.text(text)?.block(bytes, length))
            }
        };
        if written.is_none() {
            self.push_one_by_one(text, behind);
        }
    }

    #[inline(never)]
    fn push_one_by_one(&mut self, text: &[u8], behind: char) {
        self.push_utf8(text);
        self.push_char(behind);
    }

    #[cold]
    fn push_escaped(&mut self, text: &[u8]) {
        let escaped: Result<usize, Infallible> = self.written.append_with(|out| {
            writer::escaped(out, text);
            Ok(())
        });
        let Ok(_) = escaped;
    }

    /// Returns the text itself.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let carried = String::from_utf8_lossy(self.written.as_slice());
        match self.encoding {
            HeaderEncoding::Json => json::unescaped(carried),
            HeaderEncoding::Rocketmq => carried,
        }
    }

    /// Bytes of the form in which headers carry it.
    pub(super) fn len(&self) -> usize {
        self.written.len()
    }

    /// The form in which headers of `encoding` carry it, if it was made for such.
    #[inline]
    pub(super) fn carried(&self, encoding: HeaderEncoding) -> Option<&[u8]> {
        (self.encoding == encoding).then(|| self.written.as_slice())
    }
}

impl PartialEq for HeaderText {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for HeaderText {}

impl Default for HeaderText {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HeaderText {
    /// Shows no text: it may be a user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderText").field("encoding", &self.encoding).field("bytes", &self.written.len()).finish()
    }
}

impl HeaderPiece {
    /// Renders `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut json = Vec::new();
        writer::escaped(&mut json, text.as_bytes());
        Self { json: Constant::new(&json), raw: Constant::new(text.as_bytes()) }
    }
}

impl fmt::Debug for HeaderPiece {
    /// Shows no text either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderPiece").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![4 => "[ -~]{0,40}", 2 => ".{0,40}", 2 => r#"[\x00-\x7f]{0,40}"#, 1 => "[ -~]{300,400}"]
    }

    /// Appends a piece in two parts, the first of which ends with a character of its own.
    fn push_in_parts(piece: &str, text: &mut HeaderText) {
        let at = (piece.len() / 3..piece.len()).find(|at| piece.is_char_boundary(*at)).unwrap_or_default();
        let (first, mut behind) = (&piece[..at], piece[at..].chars());
        match behind.next() {
            Some(character) => {
                text.push_with(first, character);
                text.push_piece(&HeaderPiece::new(behind.as_str()));
            }
            None => text.push(piece),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_make_the_text_that_they_are(pieces in proptest::collection::vec((0..4, piece()), 0..6)) {
            let whole: String = pieces.iter().map(|(_, piece)| piece.as_str()).collect();
            let mut escaped = Vec::new();
            writer::escaped(&mut escaped, whole.as_bytes());
            for (encoding, expected) in
                [(HeaderEncoding::Json, escaped), (HeaderEncoding::Rocketmq, whole.clone().into_bytes())]
            {
                let mut text = HeaderText::new();
                text.push("what was here before");
                text.begin(encoding);
                for (way, piece) in &pieces {
                    match way {
                        0 => text.push(piece),
                        1 => text.push_piece(&HeaderPiece::new(piece)),
                        2 => push_in_parts(piece, &mut text),
                        _ => piece.chars().for_each(|character| text.push_char(character)),
                    }
                }
                prop_assert_eq!(text.carried(encoding), Some(&expected[..]));
                prop_assert_eq!(text.text(), whole.as_str());
            }
        }
    }

    #[test]
    fn nothing_of_a_text_is_shown() {
        let mut text = HeaderText::new();
        text.push("secret");
        let shown = format!("{text:?} {:?}", HeaderPiece::new("secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
