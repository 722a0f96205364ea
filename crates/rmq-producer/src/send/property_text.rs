//! The text of a message's properties, in the form in which the header of a send carries it.
//!
//! Those that every message of a producer has are rendered beforehand; the message's own are written in their order.

use rmq_message::property_key::{self, UNIQ_KEY};
use rmq_message::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties, UniqueIdGenerator};
use rmq_remoting::{HeaderEncoding, HeaderPiece, HeaderText};

use super::Sender;
use super::prepare::{Prepared, Reconsumed};
use crate::namespace::is_retry_topic;

/// What the messages of one producer have in common.
pub(super) struct PropertyText {
    encoding: HeaderEncoding,
    /// The property that every message begins with.
    wait: HeaderPiece,
    /// Name of the unique id.
    unique_id: HeaderPiece,
    /// The same, with what ids mostly begin with.
    unique_id_prefix: HeaderPiece,
    /// With its value.
    instance_id: Option<HeaderPiece>,
}

impl PropertyText {
    pub(super) fn new(encoding: HeaderEncoding, namespace: Option<&str>, ids: &UniqueIdGenerator) -> Self {
        let property =
            |name: &str, value: &str| HeaderPiece::new(&Properties::from_iter([(name.to_owned(), value)]).encode());
        Self {
            encoding,
            wait: property(property_key::WAIT, WAITS),
            unique_id: HeaderPiece::new(&format!("{UNIQ_KEY}{NAME_VALUE_SEPARATOR}")),
            unique_id_prefix: HeaderPiece::new(&format!("{UNIQ_KEY}{NAME_VALUE_SEPARATOR}{}", ids.prefix())),
            instance_id: namespace.map(|namespace| property(property_key::INSTANCE_ID, namespace)),
        }
    }

    /// Writes the properties of a message as the broker gets them, with those that are added here.
    #[inline]
    fn write(&self, prepared: &Prepared, ids: &UniqueIdGenerator, text: &mut HeaderText) {
        text.begin(self.encoding);
        let of_retry_topic = is_retry_topic(prepared.message().topic());
        let is_replaced = |name: &str| self.instance_id.is_some() && name == property_key::INSTANCE_ID;
        let is_moved = |name: &str| of_retry_topic && Reconsumed::PROPERTIES.contains(&name);
        for (name, value) in prepared.message().properties() {
            if !is_replaced(name) && !is_moved(name) {
                self.put(name, value, text);
            }
        }
        if let Some(made) = prepared.made_id() {
            match ids.end(made) {
                Some(end) => {
                    text.push_piece(&self.unique_id_prefix);
                    text.push_utf8(&end);
                }
                None => {
                    text.push_piece(&self.unique_id);
                    text.push(ids.id(made).as_str());
                }
            }
            text.push_char(PROPERTY_SEPARATOR);
        }
        if let Some(instance_id) = &self.instance_id {
            text.push_piece(instance_id);
        }
    }

    #[inline]
    fn put(&self, name: &str, value: &str, text: &mut HeaderText) {
        if name == property_key::WAIT && value == WAITS {
            text.push_piece(&self.wait);
            return;
        }
        text.push(name);
        text.push_char(NAME_VALUE_SEPARATOR);
        text.push(value);
        text.push_char(PROPERTY_SEPARATOR);
    }
}

impl Sender {
    /// Writes the text of all properties that the broker gets.
    pub(super) fn write_properties(&self, prepared: &Prepared, text: &mut HeaderText) {
        self.property_text.write(prepared, &self.ids, text);
    }
}

const WAITS: &str = "true";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rmq_message::Message;

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
        ) {
            let ids = UniqueIdGenerator::new([10, 0, 0, 1].into(), 4711, 42);
            let common = PropertyText::new(encoding, namespace.as_deref(), &ids);
            // The clock may be set back in between.
            for now in clock {
                let topic = if of_retry_topic { "%RETRY%group" } else { "orders" };
                let mut message = Message::new(topic, "body").wait_store_ok(wait);
                message.properties_mut().extend(given.clone());
                message.properties_mut().set(property_key::RECONSUME_TIME, "3");

                let mut expected = message.properties().clone();
                if of_retry_topic {
                    expected.remove(property_key::RECONSUME_TIME);
                }
                if namespace.is_some() {
                    expected.remove(property_key::INSTANCE_ID);
                }
                let mut prepared = Prepared::new(message);
                let made = ids.next_stamp(now);
                prepared.give_id(made);
                expected.set(UNIQ_KEY, ids.id(made).as_str());
                if let Some(namespace) = &namespace {
                    expected.set(property_key::INSTANCE_ID, namespace.as_str());
                }

                let mut text = HeaderText::new();
                common.write(&prepared, &ids, &mut text);
                prop_assert_eq!(text.text(), expected.encode());
            }
        }
    }
}
