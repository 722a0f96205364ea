//! SendResult: a message that is stored, and where.
//!
//! Each of the four statuses means stored; three of them say that a safety the broker is configured for was not reached in time.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmq_message::{MessageQueue, UniqueIdStamp};
use rmq_remoting::Answer;

use crate::attempts::{Attempt, Destination, GoodAttempt};

/// A stored message: its ids, its queue and place, and how safely it is stored.
#[derive(Clone)]
#[doc(alias = "org.apache.rocketmq.client.producer.SendResult")]
pub struct SendResult {
    receipt: Receipt,
    /// Holds what is seldom asked for, as it came.
    answer: Answer,
    /// Laid out when somebody looks, unless there were other attempts.
    shown: OnceLock<Arc<Shown>>,
}

/// What is known of a stored message without a look at the broker's answer.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(crate) status: SendStatus,
    /// By the broker's word.
    pub(crate) queue_id: i32,
    pub(crate) queue_offset: i64,
    pub(crate) message_id: MessageId,
    /// The attempt that stored the message.
    pub(crate) stored_by: GoodAttempt,
    pub(crate) elapsed: Duration,
}

/// What is borrowed from a result.
struct Shown {
    message_id: Box<str>,
    queue: MessageQueue,
    attempts: Box<[Attempt]>,
}

/// A message's unique id: made here, and written out when somebody looks; or given by the caller.
#[derive(Clone)]
pub(crate) enum MessageId {
    Made(UniqueIdStamp),
    Given(Box<str>),
}

/// How safely a message is stored. It is stored in every case: sending it again makes a second copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "org.apache.rocketmq.client.producer.SendStatus")]
#[non_exhaustive]
pub enum SendStatus {
    /// As safely as the broker is configured to.
    #[doc(alias = "SEND_OK")]
    SendOk,
    /// Not flushed to disk in time: lost if the broker's machine fails before it is.
    #[doc(alias = "FLUSH_DISK_TIMEOUT")]
    FlushDiskTimeout,
    /// Not copied to a slave in time: lost if the master fails before it is.
    #[doc(alias = "FLUSH_SLAVE_TIMEOUT")]
    FlushSlaveTimeout,
    /// No slave was there to copy it to: lost if the master fails before one is.
    #[doc(alias = "SLAVE_NOT_AVAILABLE")]
    SlaveNotAvailable,
}

impl SendStatus {
    /// Returns its name in Java, e.g. `FLUSH_DISK_TIMEOUT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

impl fmt::Display for SendStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl SendResult {
    // Not inlined: so it is laid out where the caller wants it, and not moved there afterwards.
    #[inline(never)]
    pub(crate) fn new(receipt: Receipt, answer: Answer) -> Self {
        Self { receipt, answer, shown: OnceLock::new() }
    }

    /// Returns how safely the message is stored.
    #[doc(alias = "getSendStatus")]
    #[must_use]
    pub fn status(&self) -> SendStatus {
        self.receipt.status
    }

    /// Returns the message's unique id, made by the client before the first attempt; copies of one send share it.
    #[doc(alias = "getMsgId")]
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.shown().message_id
    }

    /// Returns the broker's own id of the message: its store address and the offset in its commit log, in hexadecimal digits
    /// ([`rmq_message::OffsetId`] reads it).
    #[doc(alias = "getOffsetMsgId")]
    #[must_use]
    pub fn offset_message_id(&self) -> &str {
        self.answer.field("msgId").unwrap_or_default()
    }

    /// Returns the queue that holds the message. It may have another number than the one chosen: the broker has the last word.
    #[doc(alias = "getMessageQueue")]
    #[must_use]
    pub fn queue(&self) -> &MessageQueue {
        &self.shown().queue
    }

    /// Returns the place of the message in its queue, from 0.
    #[doc(alias = "getQueueOffset")]
    #[must_use]
    pub fn queue_offset(&self) -> i64 {
        self.receipt.queue_offset
    }

    /// Returns the transaction id that the broker gave. Brokers of 5.x give one to every message, those of 4.x to none.
    #[doc(alias = "getTransactionId")]
    #[must_use]
    pub fn transaction_id(&self) -> Option<&str> {
        self.text("transactionId")
    }

    /// Returns what a timer message can be taken back with (brokers from 5.3.2).
    #[doc(alias = "getRecallHandle")]
    #[must_use]
    pub fn recall_handle(&self) -> Option<&str> {
        self.text("recallHandle")
    }

    /// Returns the region of the broker. Default: `DefaultRegion`.
    #[doc(alias = "getRegionId")]
    #[must_use]
    pub fn region_id(&self) -> &str {
        self.text("MSG_REGION").unwrap_or(DEFAULT_REGION)
    }

    /// Tells whether the broker wants messages to be traced. Default: true.
    #[doc(alias = "isTraceOn")]
    #[must_use]
    pub fn trace_on(&self) -> bool {
        // Off only by this exact text.
        self.answer.field("TRACE_ON") != Some("false")
    }

    /// Returns what was tried, in order; the last attempt is the one that stored the message. An earlier one for which
    /// [`Attempt::possibly_stored`] is true may have left a second copy.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.shown().attempts
    }

    /// Returns how long the send took, from the first poll to the result.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.receipt.elapsed
    }

    fn shown(&self) -> &Shown {
        self.shown.get_or_init(|| self.lay_out(Box::new([self.receipt.stored_by.to_attempt()])))
    }

    fn lay_out(&self, attempts: Box<[Attempt]>) -> Arc<Shown> {
        let Destination { topic, broker_name, ids, .. } = &*self.receipt.stored_by.destination;
        let queue = MessageQueue::new(Arc::clone(topic), Arc::clone(broker_name), self.receipt.queue_id);
        let message_id = match &self.receipt.message_id {
            MessageId::Made(stamp) => ids.id(*stamp).as_str().into(),
            MessageId::Given(id) => id.clone(),
        };
        Arc::new(Shown { message_id, queue, attempts })
    }

    /// The same after all these attempts, the one that stored the message among them.
    pub(crate) fn after(self, attempts: Box<[Attempt]>) -> Self {
        let shown = self.lay_out(attempts).into();
        Self { shown, ..self }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.answer.field(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for SendResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendResult")
            .field("status", &self.receipt.status)
            .field("message_id", &self.message_id())
            .field("offset_message_id", &self.offset_message_id())
            .field("queue", self.queue())
            .field("queue_offset", &self.receipt.queue_offset)
            .field("attempts", &self.attempts())
            .field("elapsed", &self.receipt.elapsed)
            .finish_non_exhaustive()
    }
}

const DEFAULT_REGION: &str = "DefaultRegion";
