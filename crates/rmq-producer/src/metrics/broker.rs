//! What is counted of the attempts at one broker.

use std::sync::Arc;

use super::Count;
use super::latency::Latency;
use super::snapshot::BrokerMetrics;
use crate::error::{Outcome, SendErrorKind};

/// The counters of one broker.
#[derive(Default)]
pub(crate) struct BrokerCounters {
    sent: Count,
    stored: Count,
    degraded: Count,
    written: Count,
    rejected: Count,
    busy: Count,
    not_sent: Count,
    maybe_stored: Count,
    dropped: Count,
    retries: [Count; SendErrorKind::ALL.len()],
    latency: Latency,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Stored,
    Degraded,
    Written,
    Failed(Outcome),
    Dropped,
}

impl BrokerCounters {
    #[inline]
    pub(crate) fn begun(&self) {
        self.sent.add_one();
    }

    #[inline]
    pub(crate) fn ended(&self, how: Ended, elapsed: std::time::Duration) {
        // First: a snapshot reads the histogram last, so that it is never behind the counters.
        if matches!(how, Ended::Stored | Ended::Degraded) {
            self.latency.record(elapsed);
        }
        match how {
            Ended::Stored => &self.stored,
            Ended::Degraded => &self.degraded,
            Ended::Written => &self.written,
            Ended::Failed(Outcome::Rejected) => &self.rejected,
            Ended::Failed(Outcome::Busy) => &self.busy,
            Ended::Failed(Outcome::NotSent) => &self.not_sent,
            Ended::Failed(Outcome::MaybeStored) => &self.maybe_stored,
            Ended::Dropped => &self.dropped,
        }
        .add_one();
    }

    /// An attempt that failed for this reason is followed by another.
    pub(crate) fn retried(&self, reason: SendErrorKind) {
        if let Some(at) = SendErrorKind::ALL.iter().position(|kind| *kind == reason) {
            self.retries[at].add_one();
        }
    }

    pub(super) fn snapshot(&self, name: Arc<str>) -> BrokerMetrics {
        let retries = SendErrorKind::ALL.iter().zip(&self.retries).map(|(kind, count)| (*kind, count.get()));
        let mut snapshot = BrokerMetrics {
            name,
            sent: 0,
            in_flight: 0,
            queued_bytes: 0,
            stored: self.stored.get(),
            degraded: self.degraded.get(),
            written: self.written.get(),
            rejected: self.rejected.get(),
            busy: self.busy.get(),
            not_sent: self.not_sent.get(),
            maybe_stored: self.maybe_stored.get(),
            dropped: self.dropped.get(),
            retries: retries.filter(|(_, count)| *count > 0).collect(),
            latency: self.latency.snapshot(),
        };
        snapshot.sent = self.sent.get();
        snapshot.in_flight = snapshot.sent.saturating_sub(snapshot.ended());
        snapshot
    }
}
