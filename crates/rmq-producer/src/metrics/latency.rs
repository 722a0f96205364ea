//! Latencies in log-linear buckets: four to each power of two of microseconds, so that none is wrong by more than a quarter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Count;

/// Counts durations from 1 µs to about two minutes; what is longer goes to the last bucket.
pub(super) struct Latency {
    buckets: [Count; BUCKETS],
    total_micros: AtomicU64,
}

/// How often which latency occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyBuckets {
    /// Upper bound of the bucket, included, and its count; empty buckets are left out.
    buckets: Vec<(Duration, u64)>,
    total: Duration,
}

const STEPS: u64 = 4;
const BUCKETS: usize = 104;

impl Latency {
    #[inline]
    pub(super) fn record(&self, elapsed: Duration) {
        // In one word, which is enough for half a million years.
        let micros = elapsed.as_secs().saturating_mul(1_000_000).saturating_add(elapsed.subsec_micros().into());
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
        self.buckets[bucket(micros)].add_one();
    }

    pub(super) fn snapshot(&self) -> LatencyBuckets {
        let counts = self.buckets.iter().enumerate().map(|(at, count)| (upper_bound(at), count.get()));
        let buckets = counts.filter(|(_, count)| *count > 0).collect();
        LatencyBuckets { buckets, total: Duration::from_micros(self.total_micros.load(Ordering::Relaxed)) }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| Count::default()), total_micros: AtomicU64::default() }
    }
}

/// 0 to 3 µs have a bucket each; from there on every power of two has four.
fn bucket(micros: u64) -> usize {
    let at = if micros < STEPS {
        micros
    } else {
        let power = u64::from(micros.ilog2());
        (power - 1) * STEPS + ((micros >> (power - 2)) & (STEPS - 1))
    };
    usize::try_from(at).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The last microsecond of a bucket.
fn upper_bound(at: usize) -> Duration {
    let at = at as u64;
    if at < STEPS {
        return Duration::from_micros(at);
    }
    let (power, step) = (at / STEPS + 1, at % STEPS);
    let width = 1_u64 << (power - 2);
    Duration::from_micros((STEPS + step + 1) * width - 1)
}

impl LatencyBuckets {
    /// Returns each bucket that is not empty: its upper bound, included, and its count. The last bucket takes all that is longer, too.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Duration, u64)> + '_ {
        self.buckets.iter().copied()
    }

    /// Returns how many latencies were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum()
    }

    /// Returns the sum of all latencies, each in whole microseconds.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.total
    }

    /// Returns a bound that `per_cent` of the latencies do not exceed; too large by a quarter at most. `None` where nothing was counted.
    #[must_use]
    pub fn percentile(&self, per_cent: u8) -> Option<Duration> {
        let rank = (self.count() * u64::from(per_cent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        self.iter().find_map(|(bound, count)| {
            seen += count;
            (seen >= rank).then_some(bound)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_is_below_the_bound_of_its_bucket_and_above_that_of_the_one_before() {
        for micros in (0..5_000).chain([65_535, 65_536, 1_000_000, 3_000_000, 100_000_000]) {
            let at = bucket(micros);
            let value = Duration::from_micros(micros);
            assert!(value <= upper_bound(at), "{micros} in {at}");
            assert!(at == 0 || value > upper_bound(at - 1), "{micros} in {at}");
            assert!(upper_bound(at) <= value + value / 4 + Duration::from_micros(1), "{micros}: {:?}", upper_bound(at));
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_counts() {
        let latency = Latency::default();
        assert_eq!(latency.snapshot().percentile(50), None);
        for micros in 1..=1_000 {
            latency.record(Duration::from_micros(micros));
        }
        let buckets = latency.snapshot();
        assert_eq!(buckets.count(), 1_000);
        let median = buckets.percentile(50).unwrap();
        assert!((500..=625).contains(&median.as_micros()), "{median:?}");
        assert!(buckets.percentile(100).unwrap() >= Duration::from_micros(1_000));
        assert_eq!(buckets.percentile(0), buckets.percentile(1).map(|_| Duration::from_micros(1)));
    }
}
