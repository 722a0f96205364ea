//! What is counted of the requests that brokers send.

use std::sync::atomic::{AtomicU64, Ordering};

use rmq_remoting::RemotingStats;

/// Requests that brokers sent, since the instance began; producers that share an instance see the same numbers. Part of
/// [`MetricsSnapshot`](crate::MetricsSnapshot).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerRequestMetrics {
    /// Questions about transactions that a producer here took.
    pub checks: u64,
    /// Questions about transactions that nobody here answers: no producer of that group, or none with a listener.
    pub checks_ignored: u64,
    /// Replies that a request waited for.
    pub replies: u64,
    /// Replies that nobody waits for: they came too late, or were never asked for.
    pub replies_unmatched: u64,
    /// Requests for consumers, which get the answer of a client that has none.
    pub for_consumers: u64,
    /// Requests that could not be read.
    pub malformed: u64,
    /// Requests of a kind that a client does not know.
    pub unknown: u64,
    /// Requests that were refused because too many were being worked on.
    pub refused: u64,
}

#[derive(Default)]
pub(crate) struct RequestCounters {
    checks: AtomicU64,
    checks_ignored: AtomicU64,
    replies: AtomicU64,
    replies_unmatched: AtomicU64,
    for_consumers: AtomicU64,
    malformed: AtomicU64,
}

impl RequestCounters {
    pub(super) fn check(&self, taken: bool) {
        add_one(if taken { &self.checks } else { &self.checks_ignored });
    }

    pub(super) fn reply(&self, taken: bool) {
        add_one(if taken { &self.replies } else { &self.replies_unmatched });
    }

    pub(super) fn consumer_request(&self) {
        add_one(&self.for_consumers);
    }

    pub(super) fn malformed(&self) {
        add_one(&self.malformed);
    }

    /// A copy, with what the transport has counted.
    pub(crate) fn snapshot(&self, stats: &RemotingStats) -> ServerRequestMetrics {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ServerRequestMetrics {
            checks: get(&self.checks),
            checks_ignored: get(&self.checks_ignored),
            replies: get(&self.replies),
            replies_unmatched: get(&self.replies_unmatched),
            for_consumers: get(&self.for_consumers),
            malformed: get(&self.malformed),
            unknown: stats.requests_unknown,
            refused: stats.requests_dropped,
        }
    }
}

fn add_one(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
