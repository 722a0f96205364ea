//! The messages of the demo: each is made from its number alone, so that its body can be checked later.

use bytes::Bytes;
use rmq_message::Message;

/// How many there are.
pub(super) const COUNT: u64 = 1_000;

/// From a few bytes to many kilobytes, small ones more often; and a few near the largest that brokers take.
pub(super) fn size(number: u64) -> usize {
    match number % 250 {
        249 => 1 << 20,
        other => SIZES[usize::try_from(other).unwrap_or(0) % SIZES.len()],
    }
}

pub(super) fn body(number: u64) -> Bytes {
    let text = format!("message {number} of the demo. ");
    text.bytes().cycle().take(size(number)).collect()
}

pub(super) fn message(topic: &str, number: u64) -> Message {
    let tag = if size(number) < 4_096 { "small" } else { "large" };
    Message::new(topic, body(number)).tag(tag).key(number.to_string())
}

const SIZES: [usize; 10] = [16, 100, 100, 256, 1_000, 1_000, 2_000, 4_096, 10_000, 64_000];

#[cfg(test)]
mod tests {
    use rmq_message::MessageLimits;

    use super::*;

    #[test]
    fn every_message_is_legal_and_has_its_size() {
        for number in 0..COUNT {
            let message = message("t", number);
            assert!(message.validate(&MessageLimits::default()).is_ok());
            assert_eq!(message.body().len(), size(number));
        }
        assert_eq!((0..COUNT).filter(|number| size(*number) == 1 << 20).count(), 4);
    }
}
