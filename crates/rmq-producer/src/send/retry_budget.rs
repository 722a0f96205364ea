//! How many retries the traffic can bear: a bucket of tokens that accepted sends fill and retries empty.
//!
//! Never above its capacity nor below zero, so over any stretch of time the retries are at most the capacity plus a
//! share of the sends. A storm of failures therefore cannot multiply the load on brokers that already fail.

use std::sync::atomic::{AtomicU64, Ordering};

/// A bucket of tokens, full at first. An accepted send puts a share of a token in, a retry takes a whole one out.
///
/// Counts without a lock in hundredths of a token, and does not write at all while the bucket is full, which it is as
/// long as all goes well.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    hundredths: AtomicU64,
    capacity: u64,
    refill: u64,
}

impl RetryBudget {
    /// Retries for each accepted send, in per cent, where nobody says otherwise: one retry for five sends.
    pub(crate) const DEFAULT_PERCENT: u32 = 20;

    /// A full bucket for `capacity` retries (the limit of sends in flight, 8,192 by default), to which each accepted
    /// send adds `percent` hundredths of one. A capacity of 0 allows none, ever.
    pub(crate) fn new(capacity: usize, percent: u32) -> Self {
        let capacity = u64::try_from(capacity).unwrap_or(u64::MAX).saturating_mul(TOKEN);
        Self { hundredths: AtomicU64::new(capacity), capacity, refill: percent.into() }
    }

    /// Counts an accepted send.
    pub(crate) fn refill(&self) {
        let fill = |held: u64| (held < self.capacity).then(|| held.saturating_add(self.refill).min(self.capacity));
        // an error is a full bucket
        self.hundredths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fill).ok();
    }

    /// Takes the token of one retry; `false` = there is none, and the send ends with the error that it has.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        let take = |held: u64| held.checked_sub(TOKEN);
        self.hundredths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// How many retries the bucket has room for now.
    #[cfg(test)]
    pub(crate) fn tokens(&self) -> u64 {
        self.hundredths.load(Ordering::Relaxed) / TOKEN
    }
}

/// One retry, in hundredths.
const TOKEN: u64 = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn default_budget(capacity: usize) -> RetryBudget {
        RetryBudget::new(capacity, RetryBudget::DEFAULT_PERCENT)
    }

    #[test]
    fn five_sends_pay_for_one_retry() {
        let budget = default_budget(1);
        assert!(budget.take());
        for _ in 0..4 {
            budget.refill();
            assert!(!budget.take());
        }
        budget.refill();
        assert!(budget.take());
        assert!(!budget.take());
    }

    #[test]
    fn a_bucket_holds_no_more_than_its_capacity() {
        let budget = default_budget(3);
        (0..1000).for_each(|_| budget.refill());
        assert_eq!(budget.tokens(), 3);
        assert_eq!((0..10).filter(|_| budget.take()).count(), 3);
    }

    #[test]
    fn without_capacity_there_is_no_retry() {
        let budget = default_budget(0);
        budget.refill();
        assert!(!budget.take());
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let budget = RetryBudget::new(usize::MAX, u32::MAX);
        assert!(budget.take());
        budget.refill();
        assert_eq!(budget.tokens(), u64::MAX / TOKEN);
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        const SENDS: usize = 10_000;
        let budget = default_budget(100);
        let taken: usize = std::thread::scope(|scope| {
            let run = || {
                (0..SENDS)
                    .filter(|_| {
                        budget.refill();
                        budget.take()
                    })
                    .count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // Every send was refilled, save those that met a full bucket: at most the first few.
        let sends = 4 * SENDS;
        assert!(taken <= 100 + sends / 5, "{taken}");
        assert!(taken >= sends / 5, "{taken}");
    }

    proptest! {
        #[test]
        fn any_course_of_events_follows_the_plain_sum(
            capacity in 0_usize..20,
            percent in 0_u32..300,
            retries in prop::collection::vec(any::<bool>(), 0..400),
        ) {
            let budget = RetryBudget::new(capacity, percent);
            let full = capacity as u64 * TOKEN;
            let mut held = full;
            let (mut sends, mut taken) = (0, 0);
            for retry in retries {
                if retry {
                    let enough = held >= TOKEN;
                    prop_assert_eq!(budget.take(), enough);
                    if enough {
                        held -= TOKEN;
                        taken += 1;
                    }
                } else {
                    budget.refill();
                    held = (held + u64::from(percent)).min(full);
                    sends += 1;
                }
                prop_assert_eq!(budget.tokens(), held / TOKEN);
                prop_assert!(taken * TOKEN <= full + sends * u64::from(percent), "more retries than the share allows");
            }
        }
    }
}
