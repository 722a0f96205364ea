//! ShutdownReport: what a producer's end left behind.

use std::time::Duration;

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sends that had begun and were not over when the grace was; each of them ends with an error of its own.
    pub unfinished: usize,
    /// Those of them of which nothing was sent.
    pub not_sent: usize,
    /// Those of them that may be stored all the same: they were on the wire.
    pub maybe_stored: usize,
    /// Brokers that were told of the leave, and said that they heard it.
    pub unregistered: usize,
    /// Brokers that were connected and could not be told in time. They notice by themselves; oneway messages that one of them had not read by
    /// then may be lost.
    pub not_unregistered: usize,
    /// How long it took.
    pub took: Duration,
}

impl ShutdownReport {
    /// Tells whether every send was over in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unfinished == 0
    }
}
