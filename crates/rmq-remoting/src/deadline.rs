//! One instant by which a call must be over, made at the top and handed down.
//!
//! No layer below makes a deadline of its own from a duration, and none subtracts by hand.

use std::cmp::Ordering;
use std::time::Duration;

use tokio::time::Instant;

/// The instant by which a call must be over: dial, permit, write and answer are all inside it.
///
/// Runs on tokio's clock, so paused time works. Anything that takes `impl Into<Deadline>` takes a [`Duration`] from now too. It
/// remembers when it was made, so that a call that failed can say how long it took; that does not matter for equality and order.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    since: Instant,
}

impl Deadline {
    /// Returns the deadline `total` from now. A duration too long for the clock means a century.
    pub fn after(total: Duration) -> Self {
        Self::counted_from(Instant::now(), total)
    }

    /// Returns the deadline `total` after `since`, without a look at the clock.
    pub fn counted_from(since: Instant, total: Duration) -> Self {
        Self { at: since.checked_add(total).unwrap_or_else(|| since + CENTURY), since }
    }

    /// Returns the instant itself.
    pub fn instant(self) -> Instant {
        self.at
    }

    /// Returns when it was made.
    pub fn since(self) -> Instant {
        self.since
    }

    /// Returns what is left, zero once it is over.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Tells whether it is over.
    pub fn is_expired(self) -> bool {
        self.at <= Instant::now()
    }

    /// Returns the earlier of two deadlines: a step inside a call may be shorter than the call, never longer.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<Duration> for Deadline {
    fn from(total: Duration) -> Self {
        Self::after(total)
    }
}

impl From<Instant> for Deadline {
    fn from(instant: Instant) -> Self {
        Self { at: instant, since: Instant::now() }
    }
}

impl PartialEq for Deadline {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Deadline {}

impl PartialOrd for Deadline {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Deadline {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_the_paused_clock() {
        let deadline = Deadline::after(Duration::from_secs(3));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(deadline.remaining(), Duration::from_secs(2));
        assert!(!deadline.is_expired());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(deadline.is_expired());
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn edges_neither_panic_nor_overflow() {
        assert!(Deadline::from(Duration::ZERO).is_expired());
        assert!(!Deadline::from(Duration::MAX).is_expired());
        let soon = Deadline::after(Duration::from_millis(1));
        assert_eq!(soon.earlier(Deadline::after(Duration::MAX)), soon);
    }
}
