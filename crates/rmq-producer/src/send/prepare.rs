//! Message → Prepared: what is done once per send, whatever the number of attempts.
//!
//! The caller's message is never changed; it comes back as it was when the send fails. What brokers get (names in the namespace, the packed
//! body, the properties) stands beside it, and what callers get to see is without the namespace again.

use bytes::Bytes;
use rmq_message::{Message, MessageError, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, SysFlag, UniqueId, property_key};

use super::Sender;
use super::compress::Compressed;
use crate::namespace::is_retry_topic;
use crate::send_result::MessageId;

/// A valid message with its unique id, in the form in which every attempt sends it.
pub(crate) struct Prepared {
    message: Message,
    /// The caller's, where hooks made another one of it.
    original: Option<Box<Message>>,
    /// The unique id, unless the message has one; copies of the message share it.
    made_id: Option<UniqueId>,
    /// Compressed; the flag says how.
    packed: Option<Bytes>,
    pub(super) sys_flag: i32,
    pub(super) reconsumed: Reconsumed,
}

/// How often consumers gave a message back, which the header says for messages of `%RETRY%` topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconsumed {
    pub(super) times: i32,
    pub(super) at_most: Option<i32>,
}

impl Sender {
    /// Gives a valid message its unique id, unless it has one, and what `compressed` made of its body.
    pub(super) fn prepare(
        &self,
        message: Message,
        reconsumed: Reconsumed,
        compressed: Option<Compressed>,
        now_millis: i64,
    ) -> Prepared {
        let made_id = if message.unique_id().is_none() { Some(self.ids.next(now_millis)) } else { None };
        let (packed, sys_flag) = match compressed {
            Some((packed, kind)) => (Some(packed), SysFlag::default().with_compression(kind)),
            None => (None, SysFlag::default()),
        };
        Prepared { message, original: None, made_id, packed, sys_flag: sys_flag.0, reconsumed }
    }

    /// Appends the text of all properties that the broker gets, those included that are added here.
    pub(super) fn write_properties(&self, prepared: &Prepared, text: &mut String) {
        let namespace = self.namespace.prefix();
        let of_retry_topic = is_retry_topic(prepared.message.topic());
        let given = prepared.message.properties();
        if namespace.is_none() && !of_retry_topic {
            given.encode_into(text);
        } else {
            let is_replaced = |name: &str| namespace.is_some() && name == property_key::INSTANCE_ID;
            let is_moved = |name: &str| of_retry_topic && Reconsumed::PROPERTIES.contains(&name);
            for (name, value) in given.iter().filter(|(name, _)| !is_replaced(name) && !is_moved(name)) {
                write_property(text, name, value);
            }
        }
        if let Some(id) = &prepared.made_id {
            write_property(text, property_key::UNIQ_KEY, id.as_str());
        }
        if let Some(namespace) = namespace {
            write_property(text, property_key::INSTANCE_ID, namespace);
        }
    }
}

impl Reconsumed {
    const PROPERTIES: [&str; 2] = [property_key::RECONSUME_TIME, property_key::MAX_RECONSUME_TIMES];

    /// Reads what a message of a retry topic says in its properties; nothing of any other.
    pub(super) fn of(message: &Message) -> Result<Self, MessageError> {
        if !is_retry_topic(message.topic()) {
            return Ok(Self::default());
        }
        let number = |name: &'static str| match message.properties().get(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(MessageError::NotANumber { name: name.to_owned() }),
        };
        let [times, at_most] = Self::PROPERTIES;
        Ok(Self { times: number(times)?.unwrap_or(0), at_most: number(at_most)? })
    }
}

impl Prepared {
    /// Gives this message back when the send fails.
    pub(super) fn instead_of(mut self, original: Message) -> Self {
        self.original = Some(Box::new(original));
        self
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// The message as the caller gave it.
    pub(super) fn into_given(self) -> Message {
        self.original.map_or(self.message, |original| *original)
    }

    /// The body as it travels.
    pub(super) fn body(&self) -> &Bytes {
        self.packed.as_ref().unwrap_or_else(|| self.message.body())
    }

    pub(super) fn flag(&self) -> i32 {
        self.message.user_flag()
    }

    /// The client's unique id.
    pub(super) fn message_id(&self) -> MessageId {
        match self.made_id {
            Some(id) => MessageId::Made(id),
            None => MessageId::Given(self.message.unique_id().unwrap_or_default().into()),
        }
    }
}

fn write_property(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(NAME_VALUE_SEPARATOR);
    text.push_str(value);
    text.push(PROPERTY_SEPARATOR);
}
