//! NoRoom: a producer that holds as many sends as it may.

use std::time::Duration;

use crate::in_flight_limits::InFlightLimits;

/// The producer's limits left no room for another send: the [source](std::error::Error::source) of a [`SendError`](crate::SendError) of kind
/// [`NoRoom`](crate::SendErrorKind::NoRoom) that names no broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the producer holds as many sends as it may ({} sends, {} bytes), and none ended within {:?}", .limits.sends(), .limits.bytes(), Duration::from_millis(u64::try_from(.waited.as_millis()).unwrap_or(u64::MAX)))]
#[non_exhaustive]
pub struct NoRoom {
    /// The limits.
    pub limits: InFlightLimits,
    /// How long the send waited; nothing where it was to be refused at once.
    pub waited: Duration,
}
