//! Wall clock and randomness, injectable.
//!
//! Only time stamps inside messages and ids come from the wall clock; every decision (deadlines, back-off, idle close)
//! runs on tokio's clock, so a step of the system time changes nothing.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    #[inline]
    fn now_millis(&self) -> i64 {
        let now = SystemTime::now();
        let known = KNOWN_MILLI.get();
        // Who asks often mostly asks within the same millisecond, and to compare times is less than to take them apart.
        if known.start <= now && now < known.end { known.millis } else { learn(now) }
    }
}

/// A millisecond of the system clock, and its number.
#[derive(Clone, Copy)]
struct Milli {
    start: SystemTime,
    /// When the next one starts.
    end: SystemTime,
    millis: i64,
}

thread_local! {
    static KNOWN_MILLI: Cell<Milli> = const { Cell::new(Milli { start: UNIX_EPOCH, end: UNIX_EPOCH, millis: 0 }) };
}

/// The milliseconds of a time, which are remembered unless it is before 1970 or far from now.
#[cold]
fn learn(now: SystemTime) -> i64 {
    let since = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => since,
        Err(before) => return i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    let Ok(millis) = i64::try_from(since.as_millis()) else { return i64::MAX };
    let begun = Duration::from_nanos(u64::from(since.subsec_nanos() % NANOS_OF_MILLI));
    if let (Some(start), true) = (now.checked_sub(begun), since < FAR) {
        KNOWN_MILLI.set(Milli { start, end: start + ONE_MILLI, millis });
    }
    millis
}

const ONE_MILLI: Duration = Duration::from_millis(1);
const NANOS_OF_MILLI: u32 = 1_000_000;
/// The year 4000 or so: behind it a clock may have no next millisecond.
const FAR: Duration = Duration::from_secs(1 << 36);

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
    #[allow(clippy::disallowed_methods, reason = "it is what the clock is held against")]
    fn a_time_is_the_same_whether_its_millisecond_is_known_or_not() {
        let plain = |time: SystemTime| i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        for _ in 0..20_000 {
            let (before, millis, after) = (SystemTime::now(), SystemClock.now_millis(), SystemTime::now());
            // A clock that was set back in between says nothing.
            if before <= after {
                assert!((plain(before)..=plain(after)).contains(&millis), "{millis}");
            }
        }
        for nanos in [0, 1, 999_999, 1_000_000, 1_999_999_999, 1_793_491_200_000_999_999] {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos);
            assert_eq!(learn(time), plain(time));
            let Milli { start, end, millis } = KNOWN_MILLI.get();
            assert!(start <= time && time < end && millis == plain(time));
            assert_eq!((plain(start), plain(end - Duration::from_nanos(1)), plain(end)), (millis, millis, millis + 1));
        }
    }

    #[test]
    fn a_clock_before_1970_or_far_from_now_is_read_too() {
        assert_eq!(learn(UNIX_EPOCH - Duration::from_millis(1_500)), -1_500);
        let far = UNIX_EPOCH + FAR + Duration::from_millis(3);
        assert_eq!(learn(far), (1 << 36) * 1_000 + 3);
        assert!(KNOWN_MILLI.get().end < far);
    }

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
