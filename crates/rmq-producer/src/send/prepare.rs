//! Message → Prepared: what is done once per send, whatever the number of attempts.
//!
//! The caller's message is never changed; it comes back as it was when the send fails.

use std::sync::Arc;

use bytes::Bytes;
use rmq_message::{Message, MessageQueue, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, property_key};
use tokio::time::Instant;

use super::Sender;
use super::reply::Stored;
use crate::attempts::Attempts;
use crate::error::{Failure, SendError};
use crate::instance::RouteError;
use crate::send_result::SendResult;

/// A valid message with its unique id, in the form in which every attempt sends it.
pub(super) struct Prepared {
    message: Message,
    /// The caller's, where hooks made another one of it.
    original: Option<Message>,
    /// The client's unique id; copies of the message share it.
    message_id: String,
    /// The properties' text form, those included that are added here.
    pub(super) properties: String,
    pub(super) sys_flag: i32,
}

impl Sender {
    /// Gives a valid message its unique id, unless it has one, and writes its properties.
    pub(super) fn prepare(&self, message: Message) -> Prepared {
        let given = message.unique_id().map(str::to_owned);
        let is_given = given.is_some();
        let now = self.instance.remoting().clock().now_millis();
        let message_id = given.unwrap_or_else(|| self.ids.next(now).into());
        let mut properties = message.properties().encode();
        if !is_given {
            properties.push_str(property_key::UNIQ_KEY);
            properties.push(NAME_VALUE_SEPARATOR);
            properties.push_str(&message_id);
            properties.push(PROPERTY_SEPARATOR);
        }
        Prepared { message, original: None, message_id, properties, sys_flag: 0 }
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

    pub(super) fn topic(&self) -> &Arc<str> {
        self.message.topic_shared()
    }

    pub(super) fn body(&self) -> &Bytes {
        self.message.body()
    }

    pub(super) fn flag(&self) -> i32 {
        self.message.user_flag()
    }

    /// Ends the send well.
    pub(super) fn stored(self, stored: Stored, attempts: Attempts, started: Instant) -> SendResult {
        let Stored { status, broker_name, reply } = stored;
        SendResult {
            status,
            message_id: self.message_id,
            offset_message_id: reply.msg_id,
            queue: MessageQueue::new(Arc::clone(self.message.topic_shared()), broker_name, reply.queue_id),
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
        let topic = Arc::clone(self.topic());
        self.failed(Failure::Route(RouteError::NoWritableQueue { topic }), attempts, started)
    }
}
