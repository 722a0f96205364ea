//! How a request can fail, and what is known of it afterwards.
//!
//! Every error answers one question first: can the peer have executed the request? ([`RemotingError::certainty`])

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::code::ResponseCode;
use crate::endpoint::Endpoint;
use crate::frame_error::FrameError;
use crate::rpc_hook::HookError;

/// What is known of a request that brought no usable answer.
#[allow(clippy::exhaustive_enums, reason = "closed on purpose: whoever decides about a retry must classify every case")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// No byte of it left this process: sending it again duplicates nothing.
    NotSent,
    /// It was, or may have been, handed to the kernel, and no answer told what became of it.
    MaybeExecuted,
    /// The peer answered that it did not do it.
    Refused,
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemotingError {
    /// The peer could not be dialled. Java: `RemotingConnectException`.
    #[error("{addr} cannot be reached")]
    Connect {
        /// The address dialled.
        addr: Endpoint,
        /// What the operating system or the connector said.
        #[source]
        source: Arc<io::Error>,
    },
    /// No connection was there in time: the dial took too long.
    #[error("{addr} could not be connected within {:?}", rounded(*.after))]
    ConnectTimeout {
        /// The address dialled.
        addr: Endpoint,
        /// How long this caller waited, or the dial's own limit.
        after: Duration,
    },
    /// The address failed lately and is dialled again only after this call's deadline.
    #[error("{addr} failed lately and is dialled again in {:?}, which is after the deadline", rounded(*.wait))]
    BackingOff {
        /// The address that is left alone.
        addr: Endpoint,
        /// What remains of the pause.
        wait: Duration,
        /// What the last dial said.
        #[source]
        source: Option<Arc<io::Error>>,
    },
    /// A limit on requests in flight left no room before the deadline. Java: `RemotingTooMuchRequestException`.
    #[error("no room for another request within {:?}: {limit} is reached", rounded(*.after))]
    NoRoom {
        /// Which limit.
        limit: RoomLimit,
        /// How long this caller waited.
        after: Duration,
    },
    /// The deadline was over before anything was sent.
    #[error("the deadline was over before the request could be sent")]
    DeadlineExpired,
    /// The request is no legal frame.
    #[error("the request cannot be encoded")]
    Encode(#[source] FrameError),
    /// A hook stopped it.
    #[error("a hook stopped the request")]
    Hook(#[source] HookError),
    /// The client, or this connection by its owner, is shut down.
    #[error("the client is shut down")]
    Closed,
    /// The connection ended while the request was on it. Java: `RemotingSendRequestException`.
    #[error("the connection to {addr} ended {}", if *.written { "before the answer came" } else { "before the request was sent" })]
    ConnectionLost {
        /// The peer.
        addr: Arc<str>,
        /// Whether a byte of the request had been handed to the kernel.
        written: bool,
        /// Why it ended.
        #[source]
        cause: ConnectionEnd,
    },
    /// The answer did not come in time. Java: `RemotingTimeoutException`.
    #[error("{addr} did not answer within {:?}", rounded(*.after))]
    Timeout {
        /// The peer.
        addr: Arc<str>,
        /// From the call to its deadline.
        after: Duration,
    },
    /// The peer answered with a code other than SUCCESS (see [`crate::RemotingClient::invoke`], which returns such answers as they are).
    #[error("{addr} answered {code}: {}", PeerText(.remark))]
    Refused {
        /// The peer.
        addr: Arc<str>,
        /// Its code.
        code: ResponseCode,
        /// Its remark, empty when it sent none.
        remark: String,
    },
}

impl RemotingError {
    /// Returns the peer's address as the text of the error shows it; `None` where the error is not about one.
    pub fn addr(&self) -> Option<&str> {
        match self {
            Self::Connect { addr, .. } | Self::ConnectTimeout { addr, .. } | Self::BackingOff { addr, .. } => {
                Some(addr.as_str())
            }
            Self::ConnectionLost { addr, .. } | Self::Timeout { addr, .. } | Self::Refused { addr, .. } => Some(addr),
            Self::NoRoom { .. } | Self::DeadlineExpired | Self::Encode(_) | Self::Hook(_) | Self::Closed => None,
        }
    }

    /// Returns what is known of the request.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::BackingOff { .. }
            | Self::NoRoom { .. }
            | Self::DeadlineExpired
            | Self::Encode(_)
            | Self::Hook(_)
            | Self::Closed
            | Self::ConnectionLost { written: false, .. } => Certainty::NotSent,
            Self::ConnectionLost { written: true, .. } | Self::Timeout { .. } => Certainty::MaybeExecuted,
            Self::Refused { .. } => Certainty::Refused,
        }
    }

    /// Tells whether the peer may have executed the request although no answer says so: sending it again may do it twice.
    pub fn may_have_been_executed(&self) -> bool {
        self.certainty() == Certainty::MaybeExecuted
    }

    /// Tells whether another try, here or at another peer, could end better.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::BackingOff { .. }
            | Self::NoRoom { .. }
            | Self::ConnectionLost { .. }
            | Self::Timeout { .. } => true,
            Self::DeadlineExpired | Self::Encode(_) | Self::Hook(_) | Self::Closed | Self::Refused { .. } => false,
        }
    }
}

/// As people read it: nobody wants to know the nanoseconds of a second.
fn rounded(duration: Duration) -> Duration {
    let unit = match duration.as_micros() {
        0..1_000 => return duration,
        1_000..10_000 => 10_000,
        10_000..1_000_000 => 1_000_000,
        _ => 10_000_000,
    };
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos.saturating_add(unit / 2) / unit * unit)
}

/// The limit that left no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RoomLimit {
    /// Awaited requests of the client, by number or bytes.
    #[error("the client's limit of requests in flight ({count} requests, {bytes} bytes)")]
    Requests {
        /// The number allowed.
        count: usize,
        /// The bytes allowed.
        bytes: usize,
    },
    /// Oneway requests of the client, by number or bytes.
    #[error("the client's limit of oneway requests being written ({count} requests, {bytes} bytes)")]
    Oneways {
        /// The number allowed.
        count: usize,
        /// The bytes allowed.
        bytes: usize,
    },
    /// Requests on one connection.
    #[error("the connection's limit of {count} requests in flight")]
    Connection {
        /// The number allowed.
        count: usize,
    },
    /// Bytes that the peer does not take off the connection.
    #[error("the connection's limit of {bytes} bytes that wait to be written")]
    WriteBuffer {
        /// The bytes allowed.
        bytes: usize,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionEnd {
    /// The peer closed it between frames.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The peer closed it within a frame.
    #[error("the peer closed the connection in the middle of a frame, {received} bytes into it")]
    CutFrame {
        /// Bytes of the unfinished frame.
        received: usize,
    },
    /// Reading or writing failed.
    #[error("the connection broke")]
    Io(#[source] Arc<io::Error>),
    /// The peer sent what is no frame.
    #[error("the peer sent no valid frame")]
    Frame(#[source] FrameError),
    /// Nothing was read or written for the idle time.
    #[error("the connection was idle")]
    Idle,
    /// Replaced because too many requests on it stayed without an answer, and the last of the others is done.
    #[error("the connection was replaced: {orphans} requests on it were never answered")]
    TooManyOrphans {
        /// Requests whose callers left before an answer came.
        orphans: usize,
    },
    /// Replaced by its owner, and the last request on it is done.
    #[error("the connection was retired")]
    Retired,
    /// Closed by its owner.
    #[error("the connection was closed by this side")]
    Closed,
}

impl ConnectionEnd {
    /// Tells whether the peer or the network is to blame, so that a new dial should be paced.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::PeerClosed | Self::CutFrame { .. } | Self::Io(_) | Self::Frame(_))
    }
}

/// Text from a peer, made safe for a terminal and cut to 256 characters.
pub(crate) struct PeerText<'a>(pub(crate) &'a str);

impl fmt::Display for PeerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(no remark)");
        }
        for character in self.0.chars().take(256) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        if self.0.chars().nth(256).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_cut_and_cannot_drive_a_terminal() {
        let error = RemotingError::Refused {
            addr: "b:1".into(),
            code: ResponseCode(1),
            remark: format!("bad\u{1b}[31m\n{}", "x".repeat(1000)),
        };
        let text = error.to_string();
        assert!(!text.contains('\u{1b}') && !text.contains('\n'), "{text}");
        assert!(text.len() < 400, "{}", text.len());
    }

    #[test]
    fn durations_are_rounded_for_people() {
        for (nanos, text) in [
            (401_605_905, "402ms"),
            (3_000_000_000, "3s"),
            (3_000_123_456, "3s"),
            (1_999_999_999, "2s"),
            (12_346_789_012, "12.35s"),
            (2_345_678, "2.35ms"),
            (123_456, "123.456µs"),
            (0, "0ns"),
        ] {
            let error = RemotingError::Timeout { addr: "b:1".into(), after: Duration::from_nanos(nanos) };
            assert_eq!(error.to_string(), format!("b:1 did not answer within {text}"));
        }
        assert!(rounded(Duration::MAX) > Duration::from_secs(1));
    }

    #[test]
    fn a_lost_connection_is_certain_only_when_nothing_was_written() {
        let lost =
            |written| RemotingError::ConnectionLost { addr: "b:1".into(), written, cause: ConnectionEnd::PeerClosed };
        assert_eq!(lost(false).certainty(), Certainty::NotSent);
        assert_eq!(lost(true).certainty(), Certainty::MaybeExecuted);
        assert!(lost(true).may_have_been_executed());
        assert!(lost(false).is_retryable() && lost(true).is_retryable());
        assert!(lost(false).to_string().contains("before the request was sent"));
    }
}
