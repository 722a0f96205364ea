//! The counters of a producer as plain data.

use std::sync::Arc;

use super::latency::LatencyBuckets;
use crate::error::SendErrorKind;
use crate::instance::ServerRequestMetrics;

/// The counters of a producer since its start; a plain copy. Made by [`Producer::metrics`](crate::Producer::metrics).
///
/// Each send that was let in is counted in `accepted` and, once it is over, in one of the ends: `accepted` = [`ended`](Self::ended) +
/// `in_flight`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// The producer's group, without namespace.
    pub group: Arc<str>,
    /// The id by which brokers know the client.
    pub client_id: Arc<str>,
    /// Sends that were let in.
    pub accepted: u64,
    /// Sends that were not: no room, no valid message, or a producer that is shut down. Not among those accepted.
    pub refused: u64,
    /// Sends that have begun and are not over.
    pub in_flight: u64,
    /// Bytes of their bodies and properties; a callback that has not begun still holds those of its send.
    pub queued_bytes: u64,
    /// Ended with status SEND_OK.
    pub stored: u64,
    /// Ended stored, with another status.
    pub degraded: u64,
    /// Oneway sends that ended written.
    pub written: u64,
    /// Failed: the message was refused for good.
    pub rejected: u64,
    /// Failed: the broker was too busy.
    pub busy: u64,
    /// Failed: nothing was sent.
    pub not_sent: u64,
    /// Failed: the message may be stored.
    pub maybe_stored: u64,
    /// Dropped by their callers while nothing was under way to a broker, nor possibly stored by an earlier attempt.
    pub dropped: u64,
    /// Dropped by their callers when the message may have been written: it may be stored.
    pub abandoned: u64,
    /// Bodies that were sent as they are because their compressor failed.
    pub compression_failures: u64,
    /// Callbacks that panicked.
    pub callback_panics: u64,
    /// Calls of hooks that panicked.
    pub hook_panics: u64,
    /// What brokers have asked.
    pub server_requests: ServerRequestMetrics,
    /// The attempts, by broker, sorted by name.
    pub brokers: Vec<BrokerMetrics>,
}

/// What became of the attempts at one broker: `sent` = [`ended`](Self::ended) + `in_flight`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerMetrics {
    /// The broker's name.
    pub name: Arc<str>,
    /// Attempts that began.
    pub sent: u64,
    /// Attempts that are not over.
    pub in_flight: u64,
    /// Bytes of requests that wait to be written on connections to it, those of other producers with the same client id included.
    pub queued_bytes: u64,
    /// Answered with SEND_OK.
    pub stored: u64,
    /// Answered with another status: stored all the same.
    pub degraded: u64,
    /// Oneway attempts that were written.
    pub written: u64,
    /// Refused for good.
    pub rejected: u64,
    /// The broker was too busy.
    pub busy: u64,
    /// Nothing was sent.
    pub not_sent: u64,
    /// The message may be stored.
    pub maybe_stored: u64,
    /// Given up by the caller on the way.
    pub dropped: u64,
    /// Attempts here that were followed by another, here or elsewhere, by the reason; reasons that did not occur are left out.
    pub retries: Vec<(SendErrorKind, u64)>,
    /// How long the attempts took that stored a message.
    pub latency: LatencyBuckets,
}

impl MetricsSnapshot {
    /// Returns how many sends are over, whatever the end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        let good = self.stored + self.degraded + self.written;
        let failed = self.rejected + self.busy + self.not_sent + self.maybe_stored;
        good + failed + self.dropped + self.abandoned
    }

    /// Returns what was counted of a broker, if any attempt went there.
    #[must_use]
    pub fn broker(&self, name: &str) -> Option<&BrokerMetrics> {
        self.brokers.iter().find(|broker| &*broker.name == name)
    }
}

impl BrokerMetrics {
    /// Returns how many attempts are over, whatever the end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        let good = self.stored + self.degraded + self.written;
        good + self.rejected + self.busy + self.not_sent + self.maybe_stored + self.dropped
    }
}
