//! Message → Prepared: what is done once per send, whatever the number of attempts.
//!
//! The caller's message is never changed; it comes back as it was when the send fails. What brokers get (names in the namespace, the packed
//! body, the properties) stands beside it, and what callers get to see is without the namespace again.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use rmq_message::{
    Message, MessageError, MessageQueue, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, SysFlag, TransactionType,
    property_key, validate_topic,
};
use rmq_remoting::Deadline;
use tokio::time::Instant;

use super::reply::Stored;
use super::{Sender, namespace};
use crate::attempts::Attempts;
use crate::error::{Failure, SendError};
use crate::instance::RouteError;
use crate::namespace::is_retry_topic;
use crate::send_result::SendResult;

/// A valid message with its unique id, in the form in which every attempt sends it.
pub(super) struct Prepared {
    message: Message,
    /// The caller's, where hooks made another one of it.
    original: Option<Message>,
    /// The client's unique id; copies of the message share it.
    message_id: String,
    /// The topic as brokers know it.
    topic: Arc<str>,
    /// The topic without namespace, as callers know it.
    shown_topic: Arc<str>,
    /// Compressed or as it is; the flag says which.
    body: Bytes,
    pub(super) sys_flag: i32,
    /// The properties' text form, those included that are added here.
    pub(super) properties: String,
    pub(super) reconsumed: Reconsumed,
}

/// How often consumers gave a message back, which the header says for messages of `%RETRY%` topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconsumed {
    pub(super) times: i32,
    pub(super) at_most: Option<i32>,
}

impl Sender {
    /// Gives a valid message its unique id, unless it has one, writes its properties, puts it into the namespace and compresses its body.
    pub(super) async fn prepare(
        &self,
        message: Message,
        deadline: Deadline,
    ) -> Result<Prepared, (Message, MessageError)> {
        let topic = self.namespace.wrap_shared(message.topic_shared());
        let reconsumed = match self.check_wrapped(&topic).and_then(|()| Reconsumed::of(&message)) {
            Ok(reconsumed) => reconsumed,
            Err(error) => return Err((message, error)),
        };
        let (message_id, properties) = self.write_properties(&message);
        let (body, sys_flag) = match self.compress(message.body(), deadline).await {
            Some((packed, kind)) => (packed, SysFlag::default().with_compression(kind)),
            None => (message.body().clone(), SysFlag::default()),
        };
        let shown_topic = self.namespace.unwrap_shared(message.topic_shared());
        let sys_flag = sys_flag.with_transaction(transaction(&message)).0;
        Ok(Prepared { message, original: None, message_id, topic, shown_topic, body, sys_flag, properties, reconsumed })
    }

    /// The message was checked without the namespace, which makes its topic longer.
    fn check_wrapped(&self, topic: &str) -> Result<(), MessageError> {
        if self.namespace.is_none() { Ok(()) } else { Ok(validate_topic(topic)?) }
    }

    /// Returns the unique id and the text of all properties that the broker gets.
    fn write_properties(&self, message: &Message) -> (String, String) {
        let namespace = self.namespace.prefix();
        let of_retry_topic = is_retry_topic(message.topic());
        let given = message.properties();
        let mut text = if namespace.is_none() && !of_retry_topic {
            given.encode()
        } else {
            let is_replaced = |name: &str| namespace.is_some() && name == property_key::INSTANCE_ID;
            let is_moved = |name: &str| of_retry_topic && Reconsumed::PROPERTIES.contains(&name);
            let mut text = String::with_capacity(given.encoded_len());
            for (name, value) in given.iter().filter(|(name, _)| !is_replaced(name) && !is_moved(name)) {
                write_property(&mut text, name, value);
            }
            text
        };
        let message_id = match message.unique_id() {
            Some(given) => given.to_owned(),
            None => {
                let id: String = self.ids.next(self.instance.remoting().clock().now_millis()).into();
                write_property(&mut text, property_key::UNIQ_KEY, &id);
                id
            }
        };
        if let Some(namespace) = namespace {
            write_property(&mut text, property_key::INSTANCE_ID, namespace);
        }
        (message_id, text)
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
    const PROPERTIES: [&str; 2] = [property_key::RECONSUME_TIME, property_key::MAX_RECONSUME_TIMES];

    /// Reads what a message of a retry topic says in its properties; nothing of any other.
    fn of(message: &Message) -> Result<Self, MessageError> {
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
        self.original = Some(original);
        self
    }

    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// The topic as brokers know it.
    pub(super) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The body as it travels.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(super) fn flag(&self) -> i32 {
        self.message.user_flag()
    }

    /// Takes the namespace off a queue.
    pub(super) fn shown(&self, queue: MessageQueue) -> MessageQueue {
        if *queue.topic() == self.shown_topic {
            return queue;
        }
        namespace::renamed(&queue, &self.shown_topic)
    }

    /// Takes the namespace off all queues of the topic.
    pub(super) fn all_shown<'a>(&self, queues: &'a [MessageQueue]) -> Cow<'a, [MessageQueue]> {
        namespace::unwrapped(queues, &self.shown_topic)
    }

    /// Ends the send well.
    pub(super) fn stored(self, stored: Stored, attempts: Attempts, started: Instant) -> SendResult {
        let Stored { status, broker_name, reply } = stored;
        SendResult {
            status,
            message_id: self.message_id,
            offset_message_id: reply.msg_id,
            queue: MessageQueue::new(self.shown_topic, broker_name, reply.queue_id),
            queue_offset: reply.queue_offset,
            transaction_id: reply.transaction_id,
            recall_handle: reply.recall_handle,
            region_id: reply.region_id,
            trace_on: reply.trace_on,
            attempts,
            elapsed: started.elapsed(),
        }
    }

    /// Ends the send with an error.
    pub(super) fn failed(self, failure: Failure, attempts: Attempts, started: Instant) -> SendError {
        let failure = match failure {
            Failure::Route(error) => Failure::Route(error.of_topic(&self.shown_topic)),
            other => other,
        };
        SendError::new(
            failure,
            self.original.unwrap_or(self.message),
            Some(self.message_id),
            attempts,
            started.elapsed(),
        )
    }

    /// Ends a send whose route has no queue that can be sent to.
    pub(super) fn without_queue(self, attempts: Attempts, started: Instant) -> SendError {
        let topic = Arc::clone(&self.shown_topic);
        self.failed(Failure::Route(RouteError::NoWritableQueue { topic }), attempts, started)
    }
}

fn write_property(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push(NAME_VALUE_SEPARATOR);
    text.push_str(value);
    text.push(PROPERTY_SEPARATOR);
}
