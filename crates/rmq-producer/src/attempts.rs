//! What became of each try of a send.
//!
//! The usual case, one attempt, is held inline and costs no allocation.

use std::sync::Arc;
use std::time::Duration;

use rmq_message::{MessageQueue, UniqueIdGenerator};
use rmq_remoting::Endpoint;

use crate::error::{AttemptError, Outcome};

/// One attempt to hand a message to a broker.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(crate) queue: MessageQueue,
    pub(crate) broker_name: Arc<str>,
    pub(crate) address: Option<Endpoint>,
    pub(crate) elapsed: Duration,
    pub(crate) error: Option<Arc<AttemptError>>,
}

/// Where the messages of a topic go that are for queues of one broker.
#[derive(Debug)]
pub(crate) struct Destination {
    /// The topic without namespace, as callers know it.
    pub(crate) topic: Arc<str>,
    pub(crate) broker_name: Arc<str>,
    /// The broker name of the queues, where that is not the broker's: for the logical queues of static topics.
    pub(crate) logical: Option<Arc<str>>,
    /// `None` where no usable one is known.
    pub(crate) address: Option<Endpoint>,
    /// Writes out the ids that are made for messages.
    pub(crate) ids: Arc<UniqueIdGenerator>,
}

/// An attempt that stored its message, or wrote it: what is said of it once somebody asks.
#[derive(Clone, Debug)]
pub(crate) struct GoodAttempt {
    pub(crate) destination: Arc<Destination>,
    pub(crate) queue_id: i32,
    pub(crate) elapsed: Duration,
    /// The address, where it had to be asked for.
    pub(crate) asked: Option<Arc<Endpoint>>,
}

impl Destination {
    /// The broker name of the queues, as callers know it.
    pub(crate) fn queues_broker(&self) -> &Arc<str> {
        self.logical.as_ref().unwrap_or(&self.broker_name)
    }
}

impl GoodAttempt {
    /// The attempt as callers see it.
    pub(crate) fn to_attempt(&self) -> Attempt {
        let destination = &*self.destination;
        let Destination { topic, broker_name, address, .. } = destination;
        Attempt {
            queue: MessageQueue::new(Arc::clone(topic), Arc::clone(destination.queues_broker()), self.queue_id),
            broker_name: Arc::clone(broker_name),
            address: self.asked.as_deref().or(address.as_ref()).cloned(),
            elapsed: self.elapsed,
            error: None,
        }
    }
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttemptPhase {
    /// The broker's address was looked for.
    Address,
    /// The connection was being opened.
    Connect,
    /// Room among the requests in flight was waited for; nothing was encoded.
    Room,
    /// The request was being written; no byte of it had been handed over.
    Write,
    /// The request was handed over, in whole or in part, and its answer waited for.
    Answer,
    /// The broker answered.
    Answered,
}

impl Attempt {
    /// Returns the queue that was chosen.
    #[must_use]
    pub fn queue(&self) -> &MessageQueue {
        &self.queue
    }

    /// Returns the broker it went to. Differs from the queue's only for static topics, whose queues have logical names.
    #[must_use]
    pub fn broker_name(&self) -> &Arc<str> {
        &self.broker_name
    }

    /// Returns the broker's address, if one was known.
    #[must_use]
    pub fn address(&self) -> Option<&Endpoint> {
        self.address.as_ref()
    }

    /// Returns how long it took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns how far it came.
    #[must_use]
    pub fn phase(&self) -> AttemptPhase {
        self.error().map_or(AttemptPhase::Answered, AttemptError::phase)
    }

    /// Returns why it failed; `None` when the broker stored the message.
    #[must_use]
    pub fn error(&self) -> Option<&AttemptError> {
        self.error.as_deref()
    }

    /// Returns what is known of the message after it; `None` when the broker stored the message.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.error().map(AttemptError::outcome)
    }

    /// Tells whether it failed and may have left a copy all the same.
    #[must_use]
    pub fn possibly_stored(&self) -> bool {
        self.outcome().is_some_and(Outcome::possibly_stored)
    }
}

/// The attempts of one send, in order.
#[derive(Clone, Debug, Default)]
pub(crate) enum Attempts {
    #[default]
    None,
    One(Attempt),
    Many(Vec<Attempt>),
}

impl Attempts {
    pub(crate) fn as_slice(&self) -> &[Attempt] {
        match self {
            Self::None => &[],
            Self::One(attempt) => std::slice::from_ref(attempt),
            Self::Many(attempts) => attempts,
        }
    }

    pub(crate) fn into_boxed(self) -> Box<[Attempt]> {
        match self {
            Self::None => Box::default(),
            Self::One(attempt) => Box::new([attempt]),
            Self::Many(attempts) => attempts.into(),
        }
    }

    pub(crate) fn push(&mut self, attempt: Attempt) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(attempt),
            Self::One(first) => Self::Many(vec![first, attempt]),
            Self::Many(mut attempts) => {
                attempts.push(attempt);
                Self::Many(attempts)
            }
        };
    }
}
