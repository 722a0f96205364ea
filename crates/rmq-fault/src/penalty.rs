//! How long a broker stays out of rotation after an answer of a given latency, or after a failure.
//!
//! A table is a staircase: the entry with the largest bound that the latency reaches decides.

use std::time::Duration;

/// What a new outcome does to the time from which a broker is available again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpdateRule {
    /// The newest outcome decides: one fast answer heals at once. Java up to 5.1.3.
    Overwrite,
    /// Only a later time counts: a fast answer does not shorten a penalty. Java since 5.1.4.
    OnlyForward,
}

/// Latency bounds and the time out of rotation that each brings. Java: `MQFaultStrategy#latencyMax` and `notAvailableDuration`.
#[doc(alias = "latencyMax")]
#[doc(alias = "notAvailableDuration")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PenaltyTable {
    steps: Vec<(Duration, Duration)>,
    isolation_latency: Duration,
    rule: UpdateRule,
}

impl PenaltyTable {
    /// The table of Java 4.x: from 550 ms on, up to 600 s; a failure counts as 30 s of latency, i.e. 600 s out of rotation.
    pub fn v4() -> Self {
        let steps =
            [(50, 0), (100, 0), (550, 30_000), (1_000, 60_000), (2_000, 120_000), (3_000, 180_000), (15_000, 600_000)];
        Self::of_millis(&steps, 30_000, UpdateRule::Overwrite)
    }

    /// The table of Java since 5.1.4: from 550 ms on, up to 30 s; a failure counts as 10 s of latency, i.e. 10 s out of rotation.
    pub fn v5() -> Self {
        let steps =
            [(50, 0), (100, 0), (550, 2_000), (1_800, 5_000), (3_000, 6_000), (5_000, 10_000), (15_000, 30_000)];
        Self::of_millis(&steps, 10_000, UpdateRule::OnlyForward)
    }

    /// A table of your own: `(latency bound, time out of rotation)` in rising order of the bounds.
    ///
    /// # Errors
    ///
    /// The bounds do not rise.
    pub fn new(
        steps: impl IntoIterator<Item = (Duration, Duration)>,
        isolation_latency: Duration,
        rule: UpdateRule,
    ) -> Result<Self, UnorderedSteps> {
        let steps: Vec<_> = steps.into_iter().collect();
        if steps.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(UnorderedSteps);
        }
        Ok(Self { steps, isolation_latency, rule })
    }

    /// Returns how long an answer of this latency keeps a broker out of rotation.
    #[doc(alias = "computeNotAvailableDuration")]
    pub fn not_available_for(&self, latency: Duration) -> Duration {
        self.steps.iter().rev().find(|(bound, _)| latency >= *bound).map_or(Duration::ZERO, |(_, pause)| *pause)
    }

    /// Returns how long a failure keeps a broker out of rotation.
    pub fn isolation(&self) -> Duration {
        self.not_available_for(self.isolation_latency)
    }

    /// Returns the steps: latency bounds in rising order, and the time out of rotation that each brings.
    pub fn steps(&self) -> &[(Duration, Duration)] {
        &self.steps
    }

    /// Returns which latency a failure counts as.
    pub fn isolation_latency(&self) -> Duration {
        self.isolation_latency
    }

    /// Returns what a new outcome does to an older one.
    pub fn rule(&self) -> UpdateRule {
        self.rule
    }

    fn of_millis(steps: &[(u64, u64)], isolation_latency: u64, rule: UpdateRule) -> Self {
        let millis = Duration::from_millis;
        let steps = steps.iter().map(|(bound, pause)| (millis(*bound), millis(*pause))).collect();
        Self { steps, isolation_latency: millis(isolation_latency), rule }
    }
}

/// The bounds of a penalty table do not rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnorderedSteps;

impl std::fmt::Display for UnorderedSteps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the latency bounds of a penalty table must rise from entry to entry")
    }
}

impl std::error::Error for UnorderedSteps {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_table_must_rise() {
        let second = Duration::from_secs(1);
        assert!(PenaltyTable::new([(second, second), (second, second)], second, UpdateRule::Overwrite).is_err());
        let table = PenaltyTable::new([(second, second * 5)], second, UpdateRule::Overwrite).unwrap();
        assert_eq!(table.not_available_for(second / 2), Duration::ZERO);
        assert_eq!((table.not_available_for(second), table.isolation()), (second * 5, second * 5));
    }
}
