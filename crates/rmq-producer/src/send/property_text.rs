//! The text of a message's properties, in the form in which the header of a send carries it.
//!
//! What every message of a producer has is rendered beforehand; the message's own are written in their order.

use rmq_message::property_key::{self, UNIQ_KEY};
use rmq_message::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties, UniqueId, UniqueIdGenerator};
use rmq_remoting::{HeaderEncoding, HeaderPiece, HeaderText};

use super::Sender;
use super::prepare::{Prepared, Reconsumed};
use crate::namespace::is_retry_topic;

/// What the messages of one producer have in common.
pub(super) struct PropertyText {
    encoding: HeaderEncoding,
    /// What nearly all begin with: the property that says what to wait for, and the unique id but for its last digits.
    front: HeaderPiece,
    /// With its value.
    instance_id: Option<HeaderPiece>,
}

impl PropertyText {
    pub(super) fn new(encoding: HeaderEncoding, namespace: Option<&str>, ids: &UniqueIdGenerator) -> Self {
        let text = |pairs: &[(&'static str, &str)]| Properties::from_iter(pairs.iter().copied()).encode();
        let front = text(&[(property_key::WAIT, wait_text(true)), (UNIQ_KEY, ids.prefix())]);
        let instance_id = namespace.map(|namespace| text(&[(property_key::INSTANCE_ID, namespace)]));
        Self {
            encoding,
            front: HeaderPiece::new(front.trim_end_matches(PROPERTY_SEPARATOR)),
            instance_id: instance_id.as_deref().map(HeaderPiece::new),
        }
    }

    /// Writes the properties of a message as the broker gets them, with those that are added here: the unique id behind the property that
    /// all have, the message's own, and the namespace.
    #[inline]
    fn write(&self, prepared: &Prepared, ids: &UniqueIdGenerator, text: &mut HeaderText) {
        text.begin(self.encoding);
        let (wait, own) = prepared.message().properties().split_wait();
        let made = prepared.made_id();
        match (wait, made.and_then(|made| ids.end(made))) {
            (Some(true), Some(end)) => text.push_around(&self.front, end, PROPERTY_SEPARATOR),
            _ => begin_unusually(wait, made.map(|made| ids.id(made)), text),
        }
        if own.len() > 0 {
            self.write_own(prepared, text);
        }
        if let Some(instance_id) = &self.instance_id {
            text.push_piece(instance_id);
        }
    }

    // Not part of the function above, which is all that many messages need.
    #[inline(never)]
    fn write_own(&self, prepared: &Prepared, text: &mut HeaderText) {
        let (_, own) = prepared.message().properties().split_wait();
        let of_retry_topic = is_retry_topic(prepared.message().topic());
        let is_replaced = |name: &str| self.instance_id.is_some() && name == property_key::INSTANCE_ID;
        let is_moved = |name: &str| of_retry_topic && Reconsumed::PROPERTIES.contains(&name);
        for (name, value) in own {
            if !is_replaced(name) && !is_moved(name) {
                put(name, value, text);
            }
        }
    }
}

#[inline(never)]
fn begin_unusually(wait: Option<bool>, made: Option<UniqueId>, text: &mut HeaderText) {
    if let Some(wait) = wait {
        put(property_key::WAIT, wait_text(wait), text);
    }
    if let Some(made) = made {
        put(UNIQ_KEY, made.as_str(), text);
    }
}

#[inline]
fn put(name: &str, value: &str, text: &mut HeaderText) {
    text.push(name);
    text.push_char(NAME_VALUE_SEPARATOR);
    text.push(value);
    text.push_char(PROPERTY_SEPARATOR);
}

fn wait_text(wait: bool) -> &'static str {
    if wait { "true" } else { "false" }
}

impl Sender {
    /// Writes the text of all properties that the broker gets.
    pub(super) fn write_properties(&self, prepared: &Prepared, text: &mut HeaderText) {
        self.property_text.write(prepared, &self.ids, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rmq_message::Message;

    #[test]
    fn a_message_that_says_nothing_special_begins_with_its_id() {
        let ids = UniqueIdGenerator::new([10, 0, 0, 1].into(), 4711, 42);
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let common = PropertyText::new(encoding, Some("space"), &ids);
            let mut prepared = Prepared::new(Message::new("orders", "body").tag("paid"));
            let made = ids.next_stamp(1_793_491_200_000);
            prepared.give_id(made);
            let mut text = HeaderText::new();
            common.write(&prepared, &ids, &mut text);
            let id = ids.id(made);
            let expected = [("WAIT", "true"), (UNIQ_KEY, id.as_str()), ("TAGS", "paid"), ("INSTANCE_ID", "space")];
            assert_eq!(text.text(), Properties::from_iter(expected).encode());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_text_is_that_of_a_map_with_all_properties(
            encoding in prop_oneof![Just(HeaderEncoding::Json), Just(HeaderEncoding::Rocketmq)],
            namespace in proptest::option::of("[a-z%]{1,60}"),
            wait in any::<bool>(),
            given in proptest::collection::vec(("[ -~]{1,20}|.{1,20}|INSTANCE_ID|WAIT", "[ -~]{1,60}|.{1,20}"), 0..5),
            clock in proptest::collection::vec(1_793_491_200_000..1_793_491_210_000_i64, 1..4),
            of_retry_topic in any::<bool>(),
            has_id in any::<bool>(),
        ) {
            let ids = UniqueIdGenerator::new([10, 0, 0, 1].into(), 4711, 42);
            let common = PropertyText::new(encoding, namespace.as_deref(), &ids);
            // The clock may be set back in between.
            for now in clock {
                let topic = if of_retry_topic { "%RETRY%group" } else { "orders" };
                let mut message = Message::new(topic, "body").wait_store_ok(wait);
                message.properties_mut().extend(given.clone());
                message.properties_mut().set(property_key::RECONSUME_TIME, "3");
                if has_id {
                    message.properties_mut().set(UNIQ_KEY, "given before");
                }

                let mut own = message.properties().clone();
                // One that says something else stands where it was set.
                let is_usual = own.split_wait().0.is_some();
                if of_retry_topic {
                    own.remove(property_key::RECONSUME_TIME);
                }
                if namespace.is_some() {
                    own.remove(property_key::INSTANCE_ID);
                }
                let mut prepared = Prepared::new(message);
                let (mut expected, own): (Vec<_>, Vec<_>) =
                    own.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).partition(|(name, _)| is_usual && name == property_key::WAIT);
                if !has_id {
                    let made = ids.next_stamp(now);
                    prepared.give_id(made);
                    expected.push((UNIQ_KEY.to_owned(), ids.id(made).as_str().to_owned()));
                }
                expected.extend(own);
                expected.extend(namespace.clone().map(|namespace| (property_key::INSTANCE_ID.to_owned(), namespace)));

                let mut text = HeaderText::new();
                common.write(&prepared, &ids, &mut text);
                prop_assert_eq!(text.text(), Properties::from_iter(expected).encode());
            }
        }
    }
}
