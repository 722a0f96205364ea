//! SendError: a send that brought no result.
//!
//! The class of the whole send is the worst of its attempts: one attempt that may have stored the message is enough.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageError};
use rmq_remoting::HookError;

use super::{AttemptError, NoRoom, Outcome, SelectError, advice};
use crate::attempts::{Attempt, Attempts};
use crate::instance::RouteError;

/// A send that failed: why, what is known of the message, what was tried, and the message itself.
///
/// The text names topic and broker, says whether the message may have been stored, and what to check. [`source`](Error::source) has the
/// cause in its own words.
pub struct SendError {
    inner: Box<Inner>, // a Result<SendResult, SendError> should not pay for the rare case
}

struct Inner {
    failure: Failure,
    message: Message,
    message_id: Option<String>,
    attempts: Attempts,
    elapsed: Duration,
    /// As whom the requests were signed: a name, no secret. Only where a broker refused that.
    access_key: Option<String>,
}

/// Why a send as a whole failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The message cannot be sent as it is.
    Message(MessageError),
    /// There is no queue to send it to.
    Route(RouteError),
    /// The queue that the caller named or chose cannot be used.
    Select(SelectError),
    /// The producer has no room for another send.
    NoRoom(NoRoom),
    /// A hook failed before anything was tried.
    Hook(HookError),
    /// The producer is shut down.
    Closed,
    /// The runtime ended before the send did.
    Lost,
    /// The last attempt failed; it is the last of the attempts.
    Attempt,
}

/// Why a send failed, for a `match`, a metric or a log field. Each has a text of its own ([`name`](Self::name)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The message is not valid: topic, body or properties. Nothing was sent.
    InvalidMessage,
    /// No name server knows the topic, nor the default topic that would let a broker create it. Nothing was sent.
    NoRoute,
    /// The topic has a route, but no queue that can be written to: no permission, or no broker with a master. Nothing was sent.
    NoWritableQueue,
    /// No name server gave a usable answer, and the topic's route was not known yet. Nothing was sent.
    NameServers,
    /// The chosen broker has no known (or no usable) address. Nothing was sent.
    NoBroker,
    /// The broker could not be connected. Nothing was sent.
    Connect,
    /// The producer's limits, or those of its transport, left no room in time. Nothing was sent.
    NoRoom,
    /// The time was over before anything was sent.
    DeadlineExpired,
    /// The connection ended before the answer came; [`SendError::possibly_stored`] says whether the message was written to it.
    ConnectionLost,
    /// The broker did not answer in time. The message may be stored.
    Timeout,
    /// The broker refused the message. It is not stored, and sending it again as it is will not help.
    Refused,
    /// The broker is too busy or its store is closed for writing. The message is not stored; later, or elsewhere, it may be.
    Busy,
    /// The broker answered with an error that does not say what became of the message. It may be stored.
    BrokerFailed,
    /// The broker answered that the message is stored, with a header that cannot be read.
    UnreadableAnswer,
    /// The queue given, or the selector's choice, cannot be used. Nothing was sent.
    InvalidQueue,
    /// A hook stopped the send, or panicked before it. Nothing was sent.
    Hook,
    /// The request makes no legal frame. Nothing was sent.
    Encode,
    /// The producer is shut down.
    Closed,
}

impl SendErrorKind {
    /// All of them, in the order of their declaration.
    pub(crate) const ALL: [Self; 18] = [
        Self::InvalidMessage,
        Self::NoRoute,
        Self::NoWritableQueue,
        Self::NameServers,
        Self::NoBroker,
        Self::Connect,
        Self::NoRoom,
        Self::DeadlineExpired,
        Self::ConnectionLost,
        Self::Timeout,
        Self::Refused,
        Self::Busy,
        Self::BrokerFailed,
        Self::UnreadableAnswer,
        Self::InvalidQueue,
        Self::Hook,
        Self::Encode,
        Self::Closed,
    ];

    /// Returns its name in lower case, e.g. `no_route`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidMessage => "invalid_message",
            Self::NoRoute => "no_route",
            Self::NoWritableQueue => "no_writable_queue",
            Self::NameServers => "name_servers",
            Self::NoBroker => "no_broker",
            Self::Connect => "connect",
            Self::NoRoom => "no_room",
            Self::DeadlineExpired => "deadline_expired",
            Self::ConnectionLost => "connection_lost",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::BrokerFailed => "broker_failed",
            Self::UnreadableAnswer => "unreadable_answer",
            Self::InvalidQueue => "invalid_queue",
            Self::Hook => "hook",
            Self::Encode => "encode",
            Self::Closed => "closed",
        }
    }

    pub(crate) const fn is_retryable(self) -> bool {
        match self {
            Self::NoWritableQueue
            | Self::NameServers
            | Self::NoBroker
            | Self::Connect
            | Self::NoRoom
            | Self::DeadlineExpired
            | Self::ConnectionLost
            | Self::Timeout
            | Self::Busy
            | Self::BrokerFailed => true,
            Self::InvalidMessage
            | Self::NoRoute
            | Self::Refused
            | Self::UnreadableAnswer
            | Self::InvalidQueue
            | Self::Hook
            | Self::Encode
            | Self::Closed => false,
        }
    }

    /// The code that Java's client gives to such a failure (`ClientErrorCode`).
    const fn client_code(self) -> Option<i32> {
        match self {
            Self::Connect => Some(10_001),
            Self::Timeout => Some(10_002),
            Self::NoBroker => Some(10_003),
            Self::NameServers => Some(10_004),
            Self::NoRoute | Self::NoWritableQueue => Some(10_005),
            Self::InvalidMessage
            | Self::NoRoom
            | Self::DeadlineExpired
            | Self::ConnectionLost
            | Self::Refused
            | Self::Busy
            | Self::BrokerFailed
            | Self::UnreadableAnswer
            | Self::InvalidQueue
            | Self::Hook
            | Self::Encode
            | Self::Closed => None,
        }
    }
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl SendError {
    pub(crate) fn new(
        failure: Failure,
        message: Message,
        message_id: Option<String>,
        attempts: Attempts,
        elapsed: Duration,
    ) -> Self {
        Self { inner: Box::new(Inner { failure, message, message_id, attempts, elapsed, access_key: None }) }
    }

    /// Notes as whom the requests were signed, if a broker refused who was asking.
    #[cfg(feature = "acl")]
    pub(crate) fn asked_as(mut self, access_key: impl FnOnce() -> Option<String>) -> Self {
        let refused = matches!(
            self.last(),
            Some(AttemptError::Refused { code, remark, .. }) if super::is_access_refused(*code, remark)
        );
        if refused {
            self.inner.access_key = access_key();
        }
        self
    }

    /// The error of a send that its runtime took along.
    pub(crate) fn lost(message: Message, elapsed: Duration) -> Self {
        Self::new(Failure::Lost, message, None, Attempts::None, elapsed)
    }

    /// Returns why it failed.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        match &self.inner.failure {
            Failure::Message(_) => SendErrorKind::InvalidMessage,
            Failure::Route(error) => error.kind(),
            Failure::Select(_) => SendErrorKind::InvalidQueue,
            Failure::NoRoom(_) => SendErrorKind::NoRoom,
            Failure::Hook(_) => SendErrorKind::Hook,
            Failure::Closed | Failure::Lost => SendErrorKind::Closed,
            Failure::Attempt => self.last().map_or(SendErrorKind::Closed, AttemptError::kind),
        }
    }

    /// Returns what is known of the message: [`Outcome::MaybeStored`] if that is so of any attempt, else what the last one says.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let outcomes = || self.attempts().iter().filter_map(Attempt::outcome);
        if matches!(self.inner.failure, Failure::Lost) || outcomes().any(Outcome::possibly_stored) {
            return Outcome::MaybeStored;
        }
        outcomes().next_back().unwrap_or(Outcome::NotSent)
    }

    /// Tells whether the message may be stored although no broker confirmed it: sending it again may store it twice.
    #[must_use]
    pub fn possibly_stored(&self) -> bool {
        self.outcome().possibly_stored()
    }

    /// Tells whether the same send could succeed if it were made again, now or later. See [`possibly_stored`](Self::possibly_stored)
    /// before doing so.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Returns the broker's response code, or the code that Java's client has for this failure: 10001 connect, 10002 time-out,
    /// 10003 no broker, 10004 no name server, 10005 no route, 13 illegal message. `None` where Java has no code.
    #[doc(alias = "getResponseCode")]
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        if let Failure::Message(error) = &self.inner.failure {
            return Some(error.response_code()).filter(|code| *code > 0);
        }
        let answered = self.last().and_then(AttemptError::code).map(|code| code.0);
        answered.or_else(|| self.kind().client_code())
    }

    /// Returns what was tried, in order; empty when no broker was chosen.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        self.inner.attempts.as_slice()
    }

    /// Returns how long the send took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.elapsed
    }

    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        self.inner.message.topic_shared()
    }

    /// Returns the message, as it was given to the producer.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.inner.message
    }

    /// Gives the message back, as it was given to the producer: to be kept, or sent again.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.inner.message
    }

    /// Returns the unique id under which the message was, or would have been, sent: a copy that was stored has it. `None` when the
    /// message was refused before it got one.
    #[must_use]
    pub fn message_id(&self) -> Option<&str> {
        self.inner.message_id.as_deref()
    }

    fn last(&self) -> Option<&AttemptError> {
        self.attempts().last()?.error()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sending to topic {:?} failed: ", self.topic())?;
        advice::write_fact(f, self.kind(), self.code(), self.attempts().last())?;
        if self.attempts().len() > 1 {
            write!(f, ", the last of {} attempts", self.attempts().len())?;
        }
        write!(f, "; {}; {}", self.outcome(), advice::for_kind(self.kind(), self.code(), self.last()))?;
        match &self.inner.access_key {
            Some(key) => write!(f, " (signed with access key {key:?})"),
            None => Ok(()),
        }
    }
}

/// Begins with what it says: a `main` that returns it shows nothing else.
impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("says", &format_args!("{self}"))
            .field("kind", &self.kind())
            .field("outcome", &self.outcome())
            .field("topic", self.topic())
            .field("failure", &self.inner.failure)
            .field("attempts", &self.attempts())
            .field("elapsed", &self.inner.elapsed)
            .finish_non_exhaustive()
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.inner.failure {
            Failure::Message(error) => Some(error),
            Failure::Route(error) => Some(error),
            Failure::Select(error) => Some(error),
            Failure::NoRoom(error) => Some(error),
            Failure::Hook(error) => Some(error),
            Failure::Closed | Failure::Lost => None,
            Failure::Attempt => self.last().map(|error| error as &(dyn Error + 'static)),
        }
    }
}

impl RouteError {
    pub(crate) fn kind(&self) -> SendErrorKind {
        match self {
            Self::Topic(_) => SendErrorKind::InvalidMessage,
            Self::NoRoute { .. } => SendErrorKind::NoRoute,
            Self::NoWritableQueue { .. } => SendErrorKind::NoWritableQueue,
            Self::NameServers { .. } => SendErrorKind::NameServers,
            Self::DeadlineExpired { .. } => SendErrorKind::DeadlineExpired,
            Self::Closed => SendErrorKind::Closed,
        }
    }
}
