//! Ticks: when a scheduled task runs next.
//!
//! Missed ticks are skipped, and each tick is late by a random part of a twentieth of the period, so that clients started together do not
//! stay together.

use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::Random;
use tokio::time::Instant;

pub(super) struct Ticks {
    period: Duration,
    /// The next tick, without its lateness.
    next: Instant,
    random: Arc<Random>,
}

impl Ticks {
    /// The first tick is one period from now.
    pub(super) fn every(period: Duration, random: Arc<Random>) -> Self {
        Self { period, next: Instant::now() + period, random }
    }

    /// Waits for the next tick.
    ///
    /// # Cancel safety
    /// Dropped early, the tick comes at its time with the next call, with another lateness.
    pub(super) async fn tick(&mut self) {
        let spread = u64::try_from(self.period.as_nanos() / 20).unwrap_or(u64::MAX);
        let late = Duration::from_nanos(self.random.below(spread));
        tokio::time::sleep_until(self.next + late).await;
        let now = Instant::now();
        let behind = now.saturating_duration_since(self.next).as_nanos() % self.period.as_nanos().max(1);
        self.next = now + self.period.saturating_sub(Duration::from_nanos(u64::try_from(behind).unwrap_or(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(period: Duration) -> Ticks {
        Ticks::every(period, Arc::new(Random::new(Some(1))))
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_and_each_tick_is_late_by_less_than_a_twentieth() {
        let start = Instant::now();
        let mut ticks = ticks(Duration::from_secs(30));
        for n in 1..=20 {
            ticks.tick().await;
            let late = start.elapsed().checked_sub(Duration::from_secs(30) * n).expect("never early");
            assert!(late < Duration::from_millis(1_500), "{n}: {late:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn missed_ticks_are_skipped() {
        let start = Instant::now();
        let mut ticks = ticks(Duration::from_secs(30));
        ticks.tick().await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        ticks.tick().await;
        ticks.tick().await;
        let elapsed = start.elapsed();
        assert!((360..=366).contains(&elapsed.as_secs()), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_that_was_not_waited_out_comes_at_its_time() {
        let start = Instant::now();
        let mut ticks = ticks(Duration::from_secs(30));
        let _ = tokio::time::timeout(Duration::from_secs(20), ticks.tick()).await;
        ticks.tick().await;
        assert!((30..33).contains(&start.elapsed().as_secs()));
    }
}
