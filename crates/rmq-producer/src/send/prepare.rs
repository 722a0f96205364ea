//! Message → Prepared: what is done once per send, whatever the number of attempts.
//!
//! The caller's message is never changed; it comes back as it was when the send fails. What brokers get (names in the namespace, the packed
//! body, the properties) stands beside it, and what callers get to see is without the namespace again.

use std::sync::Arc;

use bytes::Bytes;
use rmq_message::{Message, MessageError, SysFlag, TransactionType, UniqueIdGenerator, UniqueIdStamp, property_key};

use super::Sender;
use super::compress::Compressed;
use crate::namespace::is_retry_topic;
use crate::send_result::MessageId;

/// A valid message and, once it is prepared, the form in which every attempt sends it.
pub(crate) struct Prepared {
    message: Message,
    /// What there is of few messages only. Counted, as that is dropped more quickly than a box where there is none.
    special: Option<Arc<Special>>,
    /// The unique id, unless the message has one; copies of the message share it.
    made_id: UniqueIdStamp,
    has_made_id: bool,
    pub(super) sys_flag: i32,
}

#[derive(Clone, Default)]
struct Special {
    /// The caller's message, where hooks made another one of it.
    original: Option<Message>,
    /// The body compressed; the flag says how.
    packed: Option<Bytes>,
}

/// How often consumers gave a message back, which the header says for messages of `%RETRY%` topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconsumed {
    pub(super) times: i32,
    pub(super) at_most: Option<i32>,
}

impl Sender {
    /// Gives a valid message its unique id, unless it has one, and what `compressed` made of its body.
    #[inline(always)]
    pub(super) fn prepare(&self, prepared: &mut Prepared, compressed: Option<Compressed>, now_millis: i64) {
        if prepared.message.unique_id().is_none() {
            prepared.give_id(self.ids.next_stamp(now_millis));
        }
        let packed = match compressed {
            Some(compressed) => prepared.pack(compressed),
            None => SysFlag::default(),
        };
        prepared.sys_flag = packed.with_transaction(transaction(&prepared.message)).0;
    }
}

/// What the flag says of a message that is the first half of a transaction, as its property has it (Java: `Boolean.parseBoolean`).
fn transaction(message: &Message) -> TransactionType {
    let half = message.properties().get(property_key::TRANSACTION_PREPARED);
    if half.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        TransactionType::Prepared
    } else {
        TransactionType::None
    }
}

impl Reconsumed {
    pub(super) const PROPERTIES: [&str; 2] = [property_key::RECONSUME_TIME, property_key::MAX_RECONSUME_TIMES];

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
    pub(super) fn new(message: Message) -> Self {
        Self { message, special: None, made_id: UniqueIdStamp::default(), has_made_id: false, sys_flag: 0 }
    }

    fn special(&mut self) -> &mut Special {
        Arc::make_mut(self.special.get_or_insert_default())
    }

    /// Sends the body in another form, which the flag tells.
    #[inline(never)]
    fn pack(&mut self, (packed, kind): Compressed) -> SysFlag {
        self.special().packed = Some(packed);
        SysFlag::default().with_compression(kind)
    }

    /// Sends another message instead of the caller's, which is given back when the send fails.
    pub(super) fn send_instead(&mut self, edited: Message) {
        let original = std::mem::replace(&mut self.message, edited);
        self.special().original = Some(original);
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// Takes out the message as the caller gave it. Nothing but its topic is left.
    pub(super) fn take_given(&mut self) -> Message {
        match self.special.is_some().then(|| self.special().original.take()).flatten() {
            Some(original) => original,
            None => {
                let empty = Message::new(Arc::clone(self.message.topic_shared()), Bytes::new());
                std::mem::replace(&mut self.message, empty)
            }
        }
    }

    /// How often consumers gave it back. What cannot be read was refused before.
    pub(super) fn reconsumed(&self) -> Reconsumed {
        Reconsumed::of(&self.message).unwrap_or_default()
    }

    /// The body as it travels.
    pub(super) fn body(&self) -> &Bytes {
        match &self.special {
            Some(special) => special.packed.as_ref().unwrap_or_else(|| self.message.body()),
            None => self.message.body(),
        }
    }

    pub(super) fn flag(&self) -> i32 {
        self.message.user_flag()
    }

    pub(super) fn give_id(&mut self, made: UniqueIdStamp) {
        self.made_id = made;
        self.has_made_id = true;
    }

    /// The unique id that was made for it, unless it has one of its own.
    pub(super) fn made_id(&self) -> Option<UniqueIdStamp> {
        self.has_made_id.then_some(self.made_id)
    }

    /// The client's unique id.
    #[inline]
    pub(super) fn message_id(&self) -> MessageId {
        match self.made_id() {
            Some(made) => MessageId::Made(made),
            None => MessageId::Given(self.message.unique_id().unwrap_or_default().into()),
        }
    }

    /// The same as text; `ids` has made it, unless the message has one.
    pub(super) fn message_id_text(&self, ids: &UniqueIdGenerator) -> String {
        if self.has_made_id {
            ids.id(self.made_id).as_str().to_owned()
        } else {
            self.message.unique_id().unwrap_or_default().to_owned()
        }
    }
}
