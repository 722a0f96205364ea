//! A small seeded source of numbers.
//!
//! The same seed and the same calls give the same numbers, so a run can be repeated.

use parking_lot::Mutex;

/// Numbers for queue choice and for faults with a probability. Not for secrets.
#[derive(Debug)]
pub(crate) struct Random {
    state: Mutex<u64>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }

    /// 64 bits (splitmix64).
    pub(crate) fn next_u64(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`, 0 when `bound` is 0 or less.
    pub(crate) fn below(&self, bound: i32) -> i32 {
        let bound = u64::try_from(bound).unwrap_or(0);
        if bound == 0 { 0 } else { i32::try_from(self.next_u64() % bound).unwrap_or(0) }
    }

    /// True in about `share` of the calls; 0 is never, 1 always.
    pub(crate) fn chance(&self, share: f64) -> bool {
        // The upper 32 bits are exact in an f64.
        let drawn = f64::from(u32::try_from(self.next_u64() >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0;
        drawn < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (a, b) = (Random::new(3), Random::new(3));
        assert!((0..50).all(|_| a.next_u64() == b.next_u64()));
        assert!((0..100).all(|_| (0..7).contains(&a.below(7))));
        assert_eq!((a.below(0), a.below(-4)), (0, 0));
    }

    #[test]
    fn a_chance_is_never_at_zero_and_always_at_one() {
        let random = Random::new(1);
        assert!((0..200).all(|_| !random.chance(0.0)));
        assert!((0..200).all(|_| random.chance(1.0)));
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
