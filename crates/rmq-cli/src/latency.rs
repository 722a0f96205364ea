//! How long sends took, in one small histogram, and how times are written.
//!
//! Smallest and largest are exact; every quantile is at most 1 % above the true one. Memory does not grow with the number of sends.

use std::fmt;
use std::time::Duration;

/// Times of any number of sends: linear below 256 ns, from there 128 steps per doubling.
#[derive(Debug)]
pub(crate) struct Latency {
    buckets: Vec<u64>,
    count: u64,
    min: u64,
    max: u64,
    sum: u128,
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: Vec::new(), count: 0, min: u64::MAX, max: 0, sum: 0 }
    }
}

impl Latency {
    pub(crate) fn record(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = bucket(nanos);
        if self.buckets.len() <= at {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] += 1;
        self.count += 1;
        self.sum += u128::from(nanos);
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// The time that this many percent of the sends did not exceed; nothing when nothing was recorded.
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        let rank = (self.count * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, &sends) in self.buckets.iter().enumerate() {
            seen += sends;
            if seen >= rank {
                return Some(Duration::from_nanos(upper_end(at).clamp(self.min, self.max)));
            }
        }
        Some(Duration::from_nanos(self.max))
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.min))
    }

    pub(crate) fn max(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(self.max))
    }

    pub(crate) fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(u128::from(self.count))?;
        u64::try_from(mean).ok().map(Duration::from_nanos)
    }
}

/// `min 0.31 ms · p50 0.82 ms · …`, or nothing when nothing was recorded.
impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantiles = [("p50", 50), ("p90", 90), ("p99", 99)].map(|(name, percent)| (name, self.percentile(percent)));
        let all =
            [("min", self.min())].into_iter().chain(quantiles).chain([("max", self.max()), ("mean", self.mean())]);
        for (at, (name, time)) in all.filter_map(|(name, time)| Some((name, time?))).enumerate() {
            let space = if at == 0 { "" } else { "   " };
            write!(f, "{space}{name} {}", Time(time))?;
        }
        Ok(())
    }
}

/// A time with three digits or so, in the unit that suits it.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_secs_f64() * 1_000.0;
        let text = match millis {
            ..10.0 => format!("{millis:.2} ms"),
            ..100.0 => format!("{millis:.1} ms"),
            ..10_000.0 => format!("{millis:.0} ms"),
            _ => format!("{:.1} s", millis / 1_000.0),
        };
        f.pad(&text)
    }
}

/// Which bucket holds this number. The 8 highest bits decide.
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - LINEAR_BITS).saturating_sub(nanos.leading_zeros());
    let top = usize::try_from(nanos >> shift).unwrap_or(usize::MAX);
    shift as usize * STEPS + top
}

/// The largest number that the bucket holds.
fn upper_end(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let top = (bucket - shift * STEPS) as u64;
    let end = (u128::from(top) + 1) << shift;
    u64::try_from(end - 1).unwrap_or(u64::MAX)
}

const LINEAR_BITS: u32 = 8;
const STEPS: usize = 1 << (LINEAR_BITS - 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_its_bucket_and_close_to_its_end() {
        let mut numbers: Vec<u64> = (0..2_000).collect();
        numbers.extend(
            (8..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1, (1 << bit) + (1 << (bit - 1))]),
        );
        numbers.push(u64::MAX);
        for number in numbers {
            let (end, below) = (upper_end(bucket(number)), bucket(number).checked_sub(1).map(upper_end));
            assert!(end >= number && below.is_none_or(|below| below < number), "{number}: {below:?}..{end}");
            assert!(end - number <= number / 100, "{number} is taken for {end}");
        }
    }

    #[test]
    fn quantiles_of_a_thousand_even_steps_are_right_within_one_percent() {
        let mut latency = Latency::default();
        for micros in (1..=1_000).rev() {
            latency.record(Duration::from_micros(micros));
        }
        assert_eq!((latency.min(), latency.max()), (Some(Duration::from_micros(1)), Some(Duration::from_millis(1))));
        assert_eq!(latency.mean(), Some(Duration::from_nanos(500_500)));
        for percent in [1, 50, 90, 99, 100] {
            let found = latency.percentile(percent).unwrap().as_nanos();
            let exact = u128::from(percent) * 10_000;
            assert!((exact..=exact + exact / 100).contains(&found), "p{percent}: {found}");
        }
    }

    #[test]
    fn one_send_is_its_own_quantile() {
        let mut latency = Latency::default();
        latency.record(Duration::from_nanos(1_234_567));
        for percent in [0, 50, 99, 100] {
            assert_eq!(latency.percentile(percent), Some(Duration::from_nanos(1_234_567)));
        }
        assert_eq!(latency.to_string().matches("1.23 ms").count(), 6, "{latency}");
    }

    #[test]
    fn without_sends_there_is_nothing_to_say() {
        let latency = Latency::default();
        assert_eq!((latency.percentile(50), latency.min(), latency.mean()), (None, None, None));
        assert_eq!(latency.to_string(), "");
    }

    #[test]
    fn times_are_written_with_a_unit_that_suits_them() {
        for (micros, text) in [
            (0, "0.00 ms"),
            (412, "0.41 ms"),
            (12_340, "12.3 ms"),
            (123_400, "123 ms"),
            (3_000_000, "3000 ms"),
            (61_000_000, "61.0 s"),
        ] {
            assert_eq!(Time(Duration::from_micros(micros)).to_string(), text);
        }
        assert_eq!(format!("[{:>9}]", Time(Duration::from_millis(5))), "[  5.00 ms]");
    }
}
