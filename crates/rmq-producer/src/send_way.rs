//! SendWay: how a caller waits for its send.

use std::fmt;

/// How a send was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[doc(alias = "CommunicationMode")]
#[non_exhaustive]
pub enum SendWay {
    /// [`send`](crate::Producer::send), [`try_send`](crate::Producer::try_send): its future is awaited. Java: `SYNC`.
    #[default]
    Awaited,
    /// [`enqueue`](crate::Producer::enqueue), [`try_enqueue`](crate::Producer::try_enqueue). Java: `ASYNC`.
    Enqueued,
    /// [`send_with_callback`](crate::Producer::send_with_callback). Java: `ASYNC`.
    Callback,
    /// [`send_oneway`](crate::Producer::send_oneway): no broker answers. Java: `ONEWAY`.
    Oneway,
}

impl SendWay {
    /// Returns its name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::Enqueued => "enqueued",
            Self::Callback => "callback",
            Self::Oneway => "oneway",
        }
    }
}

impl fmt::Display for SendWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
