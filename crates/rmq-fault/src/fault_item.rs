//! What is remembered of one broker, and which of two is the better choice.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

/// A broker's record. Java: `LatencyFaultToleranceImpl.FaultItem`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultItem {
    /// The latency measured last, whatever penalty it brought.
    pub latency: Duration,
    /// From when on it is available again.
    pub available_from: Instant,
    /// Whether it can be reached, as far as is known.
    pub reachable: bool,
}

impl FaultItem {
    /// Makes a record.
    pub fn new(latency: Duration, available_from: Instant, reachable: bool) -> Self {
        Self { latency, available_from, reachable }
    }

    /// Tells whether its penalty is over.
    pub fn is_available(&self, now: Instant) -> bool {
        now >= self.available_from
    }

    /// Orders the better choice first: available ones, then lower latency, then the earlier time of availability.
    #[doc(alias = "compareTo")]
    pub fn compare(&self, other: &Self, now: Instant) -> Ordering {
        other
            .is_available(now)
            .cmp(&self.is_available(now))
            .then_with(|| self.latency.cmp(&other.latency))
            .then_with(|| self.available_from.cmp(&other.available_from))
    }
}
