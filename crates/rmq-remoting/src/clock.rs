//! Wall clock and randomness, injectable.
//!
//! Only time stamps inside messages and ids come from the wall clock; every decision (deadlines, back-off, idle close)
//! runs on tokio's clock, so a step of the system time changes nothing.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Where time stamps on the wire come from.
pub trait WallClock: Send + Sync + 'static {
    /// Returns milliseconds since 1970-01-01 UTC.
    fn now_millis(&self) -> i64;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the system clock is read")]
    fn now_millis(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        }
    }
}

/// A small random source for jitter, ids and start positions. Not for secrets.
///
/// The same seed gives the same numbers, which is what simulations need.
pub struct Random {
    state: Mutex<u64>,
}

impl Random {
    /// Starts from `seed`, or from the operating system's randomness when there is none.
    pub fn new(seed: Option<u64>) -> Self {
        // `RandomState` is seeded by the operating system; hashing nothing yields its key material, mixed.
        let seed = seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        Self { state: Mutex::new(seed) }
    }

    /// Returns 64 random bits (splitmix64).
    pub fn next_u64(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        drop(state);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        // The modulo bias is below 2^-32 for every bound used here.
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_two_seeds_differ() {
        let (a, b, c) = (Random::new(Some(7)), Random::new(Some(7)), Random::new(Some(8)));
        let first: Vec<u64> = (0..8).map(|_| a.next_u64()).collect();
        assert_eq!(first, (0..8).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| c.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn below_stays_below() {
        let random = Random::new(None);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
