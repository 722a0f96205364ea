//! The message that every contestant sends, so that they all put the same on the wire.

use std::sync::LazyLock;

use bytes::Bytes;

pub(crate) const GROUP: &str = "bench_group";
pub(crate) const TOPIC: &str = "bench_topic";
pub(crate) const BROKER: &str = "null-broker";

/// A body of 100 bytes.
pub(crate) fn body() -> Bytes {
    Bytes::from(vec![b'x'; 100])
}

/// The properties of a message, with an id that is new each time.
pub(crate) struct Properties {
    text: String,
    next: u32,
}

impl Properties {
    pub(crate) fn new() -> Self {
        Self { text: PREFIX.to_owned(), next: 0 }
    }

    /// The properties of the next message.
    pub(crate) fn next(&mut self) -> &str {
        self.next = self.next.wrapping_add(1);
        self.text.truncate(PREFIX.len());
        for shift in [24, 16, 8, 0] {
            self.text.push_str(PAIRS[(self.next >> shift & 0xFF) as usize].as_str());
        }
        self.text.push('\u{2}');
        &self.text
    }
}

static PAIRS: LazyLock<Vec<String>> = LazyLock::new(|| (0..=0xFF).map(|byte| format!("{byte:02X}")).collect());

const PREFIX: &str = "UNIQ_KEY\u{1}7F0000010000000018B4AAC2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_own_id() {
        let mut properties = Properties::new();
        assert_eq!(properties.next(), "UNIQ_KEY\u{1}7F0000010000000018B4AAC200000001\u{2}");
        assert_eq!(properties.next(), "UNIQ_KEY\u{1}7F0000010000000018B4AAC200000002\u{2}");
    }
}
