//! What time the servers of a cluster think it is.
//!
//! The wall clock is read once, at the start, or not at all; from then on tokio's clock counts, so a paused test sees time stamps stand still.

use std::time::Duration;

use tokio::time::Instant;

/// Time stamps for stored messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClusterClock {
    epoch_millis: i64,
    started: Instant,
}

impl ClusterClock {
    /// A clock that shows `epoch_millis` now.
    pub(crate) fn starting_at(epoch_millis: i64) -> Self {
        Self { epoch_millis, started: Instant::now() }
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) fn now_millis(&self) -> i64 {
        self.epoch_millis.saturating_add(i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// Time since the cluster was started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_stamps_follow_the_paused_clock() {
        let clock = ClusterClock::starting_at(1_700_000_000_000);
        assert_eq!(clock.now_millis(), 1_700_000_000_000);
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now_millis(), 1_700_000_001_500);
    }
}
