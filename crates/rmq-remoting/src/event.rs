//! What happens to connections, for whoever wants to watch.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::ConnectionEnd;

/// A change of a connection of a [`crate::RemotingClient`]. Java: `ChannelEventListener`.
#[doc(alias = "ChannelEventListener")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// A dial succeeded.
    Connected {
        /// The peer.
        addr: Endpoint,
        /// The connection's number.
        id: u64,
    },
    /// A dial failed.
    DialFailed {
        /// The peer.
        addr: Endpoint,
        /// Why.
        error: Arc<std::io::Error>,
    },
    /// A connection ended.
    Disconnected {
        /// The peer.
        addr: Endpoint,
        /// The connection's number.
        id: u64,
        /// Why.
        cause: ConnectionEnd,
    },
}
