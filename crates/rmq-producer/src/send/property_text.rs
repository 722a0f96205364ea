//! The text of a message's properties, in the form in which the header of a send carries it.
//!
//! Nearly all messages begin alike: their template has that beginning, and they bring no more than the end of their unique id and what they
//! say themselves. For any other message the whole text is written. [`KeptText`] lends the room for what is written.

use std::cell::Cell;

use rmq_message::property_key::{self, UNIQ_KEY};
use rmq_message::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties, UniqueIdGenerator};
use rmq_remoting::{HeaderEncoding, HeaderPiece, HeaderText, OpenField};

use super::prepare::{Prepared, Reconsumed};
use crate::namespace::is_retry_topic;

/// What the messages of one producer have in common.
pub(super) struct PropertyText {
    encoding: HeaderEncoding,
    /// What nearly all begin with: the property that says what to wait for, and the unique id but for its last digits.
    beginning: String,
    /// With its value.
    instance_id: Option<HeaderPiece>,
    /// What stands behind the unique id of a message that says nothing itself.
    rest: HeaderText,
}

/// Room for the text of a message's properties, which the thread keeps for the next one. Taken only where something has to be written.
#[derive(Default)]
pub(super) struct KeptText(Option<Box<HeaderText>>);

impl PropertyText {
    pub(super) fn new(encoding: HeaderEncoding, namespace: Option<&str>, ids: &UniqueIdGenerator) -> Self {
        let text = |pairs: &[(&'static str, &str)]| Properties::from_iter(pairs.iter().copied()).encode();
        let mut beginning = text(&[(property_key::WAIT, wait_text(true)), (UNIQ_KEY, ids.prefix())]);
        beginning.truncate(beginning.trim_end_matches(PROPERTY_SEPARATOR).len());
        let instance_id = namespace.map(|namespace| text(&[(property_key::INSTANCE_ID, namespace)]));
        let mut rest = HeaderText::new();
        rest.begin(encoding);
        rest.push(instance_id.as_deref().unwrap_or_default());
        Self { encoding, beginning, instance_id: instance_id.as_deref().map(HeaderPiece::new), rest }
    }

    /// What the properties of nearly all messages begin with.
    pub(super) fn beginning(&self) -> &str {
        &self.beginning
    }

    /// The field for those that begin so; its name is `name`.
    pub(super) fn field(name: &'static str) -> OpenField {
        OpenField::Stamped { name, behind: PROPERTY_SEPARATOR }
    }

    /// The end of the message's unique id, if its properties begin as those of nearly all do.
    #[inline]
    pub(super) fn stamp(prepared: &Prepared, ids: &UniqueIdGenerator) -> Option<u64> {
        let (Some(true), _) = prepared.message().properties().split_wait() else { return None };
        ids.end(prepared.made_id()?)
    }

    /// What stands behind the unique id of a message: its own properties, and the namespace.
    #[inline(always)]
    pub(super) fn rest<'a>(&'a self, prepared: &Prepared, kept: &'a mut KeptText) -> &'a HeaderText {
        let (_, own) = prepared.message().properties().split_wait();
        if own.len() == 0 { &self.rest } else { self.own_rest(prepared, kept) }
    }

    // Not part of the function above, which is all that many messages need.
    #[inline(never)]
    fn own_rest<'a>(&self, prepared: &Prepared, kept: &'a mut KeptText) -> &'a HeaderText {
        let text = kept.begin(self.encoding);
        self.write_rest(prepared, text);
        text
    }

    /// The whole text of a message's properties.
    pub(super) fn whole<'a>(
        &self,
        prepared: &Prepared,
        ids: &UniqueIdGenerator,
        kept: &'a mut KeptText,
    ) -> &'a HeaderText {
        let text = kept.begin(self.encoding);
        if let (Some(wait), _) = prepared.message().properties().split_wait() {
            put(property_key::WAIT, wait_text(wait), text);
        }
        if let Some(made) = prepared.made_id() {
            put(UNIQ_KEY, ids.id(made).as_str(), text);
        }
        self.write_rest(prepared, text);
        text
    }

    fn write_rest(&self, prepared: &Prepared, text: &mut HeaderText) {
        let (_, own) = prepared.message().properties().split_wait();
        let of_retry_topic = is_retry_topic(prepared.message().topic());
        let is_replaced = |name: &str| self.instance_id.is_some() && name == property_key::INSTANCE_ID;
        let is_moved = |name: &str| of_retry_topic && Reconsumed::PROPERTIES.contains(&name);
        for (name, value) in own {
            if !is_replaced(name) && !is_moved(name) {
                put(name, value, text);
            }
        }
        if let Some(instance_id) = &self.instance_id {
            text.push_piece(instance_id);
        }
    }
}

impl KeptText {
    /// Begins a text. The thread's is taken out, so that nobody is in the way who sends while a waker runs.
    fn begin(&mut self, encoding: HeaderEncoding) -> &mut HeaderText {
        let text = self.0.get_or_insert_with(|| KEPT.take().unwrap_or_default());
        text.begin(encoding);
        text
    }
}

impl Drop for KeptText {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(text) = self.0.take() {
            put_back(text);
        }
    }
}

#[inline(never)]
fn put_back(text: Box<HeaderText>) {
    KEPT.set(Some(text));
}

thread_local! {
    /// Boxed, as it is taken out and put back.
    static KEPT: Cell<Option<Box<HeaderText>>> = const { Cell::new(None) };
}

#[inline]
fn put(name: &str, value: &str, text: &mut HeaderText) {
    text.push_with(name, NAME_VALUE_SEPARATOR);
    text.push_with(value, PROPERTY_SEPARATOR);
}

fn wait_text(wait: bool) -> &'static str {
    if wait { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use rmq_message::Message;
    use rmq_remoting::{FieldValue, RemotingCommand, RequestCode, RequestFrame as _, RequestTemplate};

    /// The text of a message as its header has it: whole, and in the two parts that it may be made of.
    fn texts(common: &PropertyText, prepared: &Prepared, ids: &UniqueIdGenerator) -> (String, Option<String>) {
        let whole = common.whole(prepared, ids, &mut KeptText::default()).text().into_owned();
        let parts = PropertyText::stamp(prepared, ids).map(|stamp| {
            let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
                .with_encoding(common.encoding)
                .with_field("i", common.beginning());
            let template = RequestTemplate::new(request, [PropertyText::field("i")]).unwrap();
            let (mut kept, body) = (KeptText::default(), Bytes::new());
            let value = FieldValue::Stamped { stamp, rest: common.rest(prepared, &mut kept) };
            template.fill([value], &body).to_command().field("i").unwrap_or_default().to_owned()
        });
        (whole, parts)
    }

    #[test]
    fn a_message_that_says_nothing_special_begins_with_its_id() {
        let ids = UniqueIdGenerator::new([10, 0, 0, 1].into(), 4711, 42);
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let common = PropertyText::new(encoding, Some("space"), &ids);
            let mut prepared = Prepared::new(Message::new("orders", "body").tag("paid"));
            let made = ids.next_stamp(1_793_491_200_000);
            prepared.give_id(made);
            let id = ids.id(made);
            let expected = [("WAIT", "true"), (UNIQ_KEY, id.as_str()), ("TAGS", "paid"), ("INSTANCE_ID", "space")];
            let expected = Properties::from_iter(expected).encode();
            assert_eq!(texts(&common, &prepared, &ids), (expected.clone(), Some(expected)));
        }
    }

    #[test]
    fn a_text_is_kept_for_the_next_one_if_it_was_needed() {
        let kept = || {
            KEPT.with(|kept| {
                let text = kept.take();
                let is_kept = text.is_some();
                kept.set(text);
                is_kept
            })
        };
        drop(KeptText::default());
        assert!(!kept());
        let mut text = KeptText::default();
        text.begin(HeaderEncoding::Json).push("before");
        assert!(!kept(), "it is in use");
        drop(text);
        assert!(kept());
        assert_eq!(KeptText::default().begin(HeaderEncoding::Json).text(), "");
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

                let expected = Properties::from_iter(expected).encode();
                let (whole, parts) = texts(&common, &prepared, &ids);
                prop_assert_eq!(&whole, &expected);
                let is_usual = !has_id && wait && prepared.message().properties().split_wait().0 == Some(true);
                prop_assert!(parts.is_some() || !is_usual || ids.end(prepared.made_id().unwrap()).is_none());
                if let Some(parts) = parts {
                    prop_assert_eq!(parts, expected);
                }
            }
        }
    }
}
