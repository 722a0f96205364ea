//! The message that every contestant sends, so that they all put the same on the wire.

use bytes::Bytes;
use rmq_remoting::{HeaderEncoding, HeaderPiece, HeaderText};

pub(crate) const GROUP: &str = "bench_group";
pub(crate) const TOPIC: &str = "bench_topic";
pub(crate) const BROKER: &str = "null-broker";

/// A body of 100 bytes.
pub(crate) fn body() -> Bytes {
    Bytes::from(vec![b'x'; 100])
}

/// The text of a message's properties, with an id that is new each time.
pub(crate) struct Properties {
    text: HeaderText,
    before: HeaderPiece,
    after: HeaderPiece,
    next: u32,
}

impl Properties {
    pub(crate) fn new() -> Self {
        let (before, after) = (HeaderPiece::new(PREFIX), HeaderPiece::new("\u{2}"));
        Self { text: HeaderText::new(), before, after, next: 0 }
    }

    /// The properties of the next message.
    pub(crate) fn next(&mut self) -> &HeaderText {
        self.next = self.next.wrapping_add(1);
        let mut digits = [0; 8];
        for (byte, pair) in self.next.to_be_bytes().into_iter().zip(digits.chunks_exact_mut(2)) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        self.text.begin(HeaderEncoding::Json);
        self.text.push_piece(&self.before);
        self.text.push_utf8(&digits);
        self.text.push_piece(&self.after);
        &self.text
    }
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

const PREFIX: &str = "UNIQ_KEY\u{1}7F0000010000000018B4AAC2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_own_id() {
        let mut properties = Properties::new();
        assert_eq!(properties.next().text(), "UNIQ_KEY\u{1}7F0000010000000018B4AAC200000001\u{2}");
        assert_eq!(properties.next().text(), "UNIQ_KEY\u{1}7F0000010000000018B4AAC200000002\u{2}");
    }
}
