//! AttemptError: why one try at one broker failed.
//!
//! An attempt is less than a send: a send may make several, and says of each what became of it. The texts do not name the broker, which the
//! attempt and the send's error do.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rmq_remoting::{Certainty, Endpoint, HeaderError, HookError, InvalidEndpoint, RemotingError, ResponseCode};

use super::peer_text::PeerText;
use super::{Outcome, SendErrorKind};
use crate::attempts::AttemptPhase;

/// Why one attempt to hand a message to a broker failed. Which broker that was, [`Attempt`](crate::Attempt) says.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// No route says where the broker's master is.
    NoBroker {
        /// The broker chosen.
        broker_name: Arc<str>,
    },
    /// The route gives the broker an address that nobody can dial.
    BadAddress {
        /// The broker chosen.
        broker_name: Arc<str>,
        /// What is wrong with the address.
        source: InvalidEndpoint,
    },
    /// A [`CheckForbiddenHook`](crate::CheckForbiddenHook) did not let it pass.
    Forbidden {
        /// What the hook says.
        source: HookError,
    },
    /// The request could not be made, or brought no answer.
    Remoting(RemotingError),
    /// The broker answered that it does not store the message, or that something went wrong.
    Refused {
        /// The broker's address.
        addr: Endpoint,
        /// Its code.
        code: ResponseCode,
        /// Its remark, empty when it sent none.
        remark: String,
        /// What code and remark together say of the message.
        outcome: Outcome,
    },
    /// The broker answered that the message is stored, but not where.
    UnreadableAnswer {
        /// The broker's address.
        addr: Endpoint,
        /// Its code.
        code: ResponseCode,
        /// The field at fault.
        source: HeaderError,
    },
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBroker { broker_name } => {
                write!(f, "no known route has a master of broker {}", PeerText(broker_name))
            }
            Self::BadAddress { broker_name, .. } => {
                write!(f, "the route names no usable address of broker {}", PeerText(broker_name))
            }
            Self::Forbidden { .. } => f.write_str("a hook forbade the attempt"),
            Self::Remoting(error) => match error.addr() {
                Some(addr) => f.write_str(&error.to_string().replacen(addr, "it", 1)),
                None => error.fmt(f),
            },
            Self::Refused { code, remark, .. } => write!(f, "it answered {code}: {}", PeerText(remark)),
            Self::UnreadableAnswer { code, .. } => write!(f, "it answered {code} with a header that cannot be read"),
        }
    }
}

// By hand: the fact is told here without the address, and what comes below the transport's error is the cause.
impl Error for AttemptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoBroker { .. } | Self::Refused { .. } => None,
            Self::BadAddress { source, .. } => Some(source),
            Self::Forbidden { source } => Some(source),
            Self::Remoting(error) => error.source(),
            Self::UnreadableAnswer { source, .. } => Some(source),
        }
    }
}

impl From<RemotingError> for AttemptError {
    fn from(error: RemotingError) -> Self {
        Self::Remoting(error)
    }
}

impl AttemptError {
    /// Returns what is known of the message after this attempt.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NoBroker { .. } | Self::BadAddress { .. } | Self::Forbidden { .. } => Outcome::NotSent,
            Self::Remoting(error) => match error.certainty() {
                Certainty::NotSent => Outcome::NotSent,
                Certainty::MaybeExecuted => Outcome::MaybeStored,
                Certainty::Refused => Outcome::Rejected,
            },
            Self::Refused { outcome, .. } => *outcome,
            Self::UnreadableAnswer { .. } => Outcome::MaybeStored,
        }
    }

    /// Tells whether another attempt, here or elsewhere, could end better.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// Returns the broker's code, if it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode> {
        match self {
            Self::Refused { code, .. } | Self::UnreadableAnswer { code, .. } => Some(*code),
            Self::NoBroker { .. } | Self::BadAddress { .. } | Self::Forbidden { .. } | Self::Remoting(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> SendErrorKind {
        match self {
            Self::NoBroker { .. } | Self::BadAddress { .. } => SendErrorKind::NoBroker,
            Self::Forbidden { .. } => SendErrorKind::Hook,
            Self::Refused { outcome: Outcome::Busy, .. } => SendErrorKind::Busy,
            Self::Refused { outcome: Outcome::Rejected | Outcome::NotSent, .. } => SendErrorKind::Refused,
            Self::Refused { outcome: Outcome::MaybeStored, .. } => SendErrorKind::BrokerFailed,
            Self::UnreadableAnswer { .. } => SendErrorKind::UnreadableAnswer,
            Self::Remoting(error) => remoting_kind(error),
        }
    }

    pub(crate) fn phase(&self) -> AttemptPhase {
        match self {
            Self::NoBroker { .. } | Self::BadAddress { .. } => AttemptPhase::Address,
            Self::Forbidden { .. } => AttemptPhase::Room,
            Self::Refused { .. } | Self::UnreadableAnswer { .. } => AttemptPhase::Answered,
            Self::Remoting(error) => match error {
                RemotingError::Connect { .. }
                | RemotingError::ConnectTimeout { .. }
                | RemotingError::BackingOff { .. } => AttemptPhase::Connect,
                RemotingError::NoRoom { .. }
                | RemotingError::DeadlineExpired
                | RemotingError::Hook(_)
                | RemotingError::Closed => AttemptPhase::Room,
                RemotingError::Encode(_) | RemotingError::ConnectionLost { written: false, .. } => AttemptPhase::Write,
                RemotingError::Refused { .. } => AttemptPhase::Answered,
                // Timeout, ConnectionLost, and whatever remoting adds: in doubt it was written.
                _ => AttemptPhase::Answer,
            },
        }
    }
}

fn remoting_kind(error: &RemotingError) -> SendErrorKind {
    match error {
        RemotingError::Connect { .. } | RemotingError::ConnectTimeout { .. } | RemotingError::BackingOff { .. } => {
            SendErrorKind::Connect
        }
        RemotingError::NoRoom { .. } => SendErrorKind::NoRoom,
        RemotingError::DeadlineExpired => SendErrorKind::DeadlineExpired,
        RemotingError::Encode(_) => SendErrorKind::Encode,
        RemotingError::Hook(_) => SendErrorKind::Hook,
        RemotingError::Closed => SendErrorKind::Closed,
        RemotingError::Timeout { .. } => SendErrorKind::Timeout,
        RemotingError::Refused { .. } => SendErrorKind::Refused,
        // ConnectionLost, and whatever remoting adds.
        _ => SendErrorKind::ConnectionLost,
    }
}
