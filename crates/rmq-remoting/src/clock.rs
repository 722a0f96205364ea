//! Wall clock and randomness, injectable.
//!
//! Only time stamps inside messages and ids come from the wall clock; every decision (deadlines, back-off, idle close)
//! runs on tokio's clock, so a step of the system time changes nothing.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;

/// Where time stamps on the wire come from.
pub trait WallClock: Send + Sync + 'static {
    /// Returns milliseconds since 1970-01-01 UTC.
    fn now_millis(&self) -> i64;

    /// Returns the same for whoever has read tokio's clock just now, which spares a look at the other one: the system's clock is then read
    /// once per millisecond and thread. Default: [`now_millis`](Self::now_millis).
    fn millis_at(&self, now: Instant) -> i64 {
        let _ = now;
        self.now_millis()
    }
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now_millis(&self) -> i64 {
        millis(system_time())
    }

    #[inline]
    fn millis_at(&self, now: Instant) -> i64 {
        KNOWN_MILLI.with(|known| if known.is_at(now) { known.millis.get() } else { known.learn(now, system_time()) })
    }
}

/// A millisecond of the system's clock, and when tokio's says that it is that.
struct Milli {
    from: Cell<Option<Instant>>,
    until: Cell<Option<Instant>>,
    millis: Cell<i64>,
}

thread_local! {
    static KNOWN_MILLI: Milli = const { Milli { from: Cell::new(None), until: Cell::new(None), millis: Cell::new(0) } };
}

impl Milli {
    #[inline]
    fn is_at(&self, now: Instant) -> bool {
        self.until.get().is_some_and(|until| now < until) && self.from.get().is_some_and(|from| from <= now)
    }

    /// The milliseconds of a time that was read after `now`, which are remembered for what is left of them. The two clocks run alike for
    /// that long.
    #[cold]
    fn learn(&self, now: Instant, time: SystemTime) -> i64 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_nanos(u64::from(NANOS_OF_MILLI - since.subsec_nanos() % NANOS_OF_MILLI));
        self.from.set(Some(now));
        // Of a time before 1970 nothing is known.
        self.until.set(now.checked_add(left).filter(|_| time >= UNIX_EPOCH));
        self.millis.set(millis(time));
        self.millis.get()
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place where the system clock is read")]
fn system_time() -> SystemTime {
    SystemTime::now()
}

fn millis(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    }
}

const NANOS_OF_MILLI: u32 = 1_000_000;

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
    fn a_known_millisecond_is_never_over() {
        for _ in 0..50_000 {
            let before = millis(system_time());
            let at = SystemClock.millis_at(Instant::now());
            let after = millis(system_time());
            // A clock that was set back in between says nothing.
            if before <= after {
                assert!((before..=after).contains(&at), "{before} {at} {after}");
            }
        }
    }

    #[test]
    fn a_millisecond_is_known_from_when_it_was_read_until_it_ends() {
        let now = Instant::now();
        let known = Milli { from: Cell::new(None), until: Cell::new(None), millis: Cell::new(0) };
        assert!(!known.is_at(now));
        for nanos in [0, 1, 999_999, 1_000_000, 1_999_999_999, 1_793_491_200_000_999_999_u64] {
            let time = UNIX_EPOCH + Duration::from_nanos(nanos);
            assert_eq!(known.learn(now, time), i64::try_from(nanos / 1_000_000).unwrap());
            let until = now + Duration::from_nanos(1_000_000 - nanos % 1_000_000);
            let instant = Duration::from_nanos(1);
            assert!([now, until - instant].into_iter().all(|now| known.is_at(now)));
            // Other times are asked for, those of another runtime with a clock of its own among them.
            assert!([now - instant, until].into_iter().all(|now| !known.is_at(now)));
        }
        assert_eq!(known.learn(now, UNIX_EPOCH - Duration::from_millis(1_500)), -1_500);
        assert!(!known.is_at(now));
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
