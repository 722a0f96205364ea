//! What a producer counts.
//!
//! Every send that is let in is counted once when it begins and once when it ends, whatever the way and the end, a dropped future included:
//! `accepted` is the sum of the ends and of what is in flight. Counters are atomics; none takes a lock but the table of brokers, which is read.

mod broker;
mod latency;
mod prometheus;
mod snapshot;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

pub(crate) use broker::{BrokerCounters, Ended};
pub use latency::LatencyBuckets;
pub use snapshot::{BrokerMetrics, MetricsSnapshot};

use crate::error::Outcome;
use crate::instance::ServerRequestMetrics;

/// The counters of one producer.
#[derive(Default)]
pub(crate) struct Metrics {
    accepted: Count,
    refused: Count,
    stored: Count,
    degraded: Count,
    written: Count,
    rejected: Count,
    busy: Count,
    not_sent: Count,
    maybe_stored: Count,
    dropped: Count,
    abandoned: Count,
    hook_panics: Arc<AtomicU64>,
    brokers: RwLock<HashMap<Arc<str>, Arc<BrokerCounters>>>,
}

#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        // So that who sees an end sees its beginning too.
        self.0.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendEnded {
    Stored,
    Degraded,
    Written,
    Failed(Outcome),
    /// Its future was dropped: before, or perhaps after, something was written.
    Dropped {
        possibly_stored: bool,
    },
}

impl Metrics {
    pub(crate) fn accepted(&self) {
        self.accepted.add_one();
    }

    pub(crate) fn refused(&self) {
        self.refused.add_one();
    }

    pub(crate) fn ended(&self, how: SendEnded) {
        match how {
            SendEnded::Stored => &self.stored,
            SendEnded::Degraded => &self.degraded,
            SendEnded::Written => &self.written,
            SendEnded::Failed(Outcome::Rejected) => &self.rejected,
            SendEnded::Failed(Outcome::Busy) => &self.busy,
            SendEnded::Failed(Outcome::NotSent) => &self.not_sent,
            SendEnded::Failed(Outcome::MaybeStored) => &self.maybe_stored,
            SendEnded::Dropped { possibly_stored: false } => &self.dropped,
            SendEnded::Dropped { possibly_stored: true } => &self.abandoned,
        }
        .add_one();
    }

    pub(crate) fn hook_panics(&self) -> &Arc<AtomicU64> {
        &self.hook_panics
    }

    pub(crate) fn broker(&self, name: &Arc<str>) -> Arc<BrokerCounters> {
        if let Some(known) = self.brokers.read().get(name) {
            return Arc::clone(known);
        }
        Arc::clone(self.brokers.write().entry(Arc::clone(name)).or_default())
    }

    /// A copy of all counters. Ends are read before beginnings, so that nothing in flight is counted below zero.
    pub(crate) fn snapshot(&self, queued_bytes: usize, callback_panics: u64) -> MetricsSnapshot {
        let mut brokers: Vec<_> =
            self.brokers.read().iter().map(|(name, counters)| counters.snapshot(Arc::clone(name))).collect();
        brokers.retain(|broker| broker.sent > 0);
        brokers.sort_by(|one, other| one.name.cmp(&other.name));
        let mut snapshot = MetricsSnapshot {
            group: Arc::default(),
            client_id: Arc::default(),
            accepted: 0,
            refused: self.refused.get(),
            in_flight: 0,
            queued_bytes: queued_bytes.try_into().unwrap_or(u64::MAX),
            stored: self.stored.get(),
            degraded: self.degraded.get(),
            written: self.written.get(),
            rejected: self.rejected.get(),
            busy: self.busy.get(),
            not_sent: self.not_sent.get(),
            maybe_stored: self.maybe_stored.get(),
            dropped: self.dropped.get(),
            abandoned: self.abandoned.get(),
            compression_failures: 0,
            callback_panics,
            hook_panics: self.hook_panics.load(Ordering::Relaxed),
            server_requests: ServerRequestMetrics::default(),
            brokers,
        };
        snapshot.accepted = self.accepted.get();
        snapshot.in_flight = snapshot.accepted.saturating_sub(snapshot.ended());
        snapshot
    }
}
