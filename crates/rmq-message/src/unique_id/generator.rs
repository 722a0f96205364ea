//! Makes unique ids: no lock, no allocation, no clock of its own.
//!
//! One word of state holds the last millisecond used, the ids given out in it, and how often the clock was set back.
//! Every call moves it on, so one generator never gives the same id twice within a month, whatever the clock does (the
//! exceptions have to be sought: see [`UniqueIdGenerator`]).

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::{MonthStarts, UniqueId, low_half};

/// Gives every message of a client its [`UniqueId`]. Shared by reference between threads.
///
/// # How unique
/// An id has room for no more than 12 bytes beside the address, and readers expect process, time and counter in them.
/// Java fills the identity from a hash that is often the same in every process, and containers share process id 1 and
/// even addresses; there ids collide. Here the 64 random bits given to [`new`](Self::new) go into
/// - the identity: 32 bits;
/// - the process field: 16 bits, if the process id is below 1,000. Such ids belong to containers (on a host the system
///   itself has them), where every first process is number 1, so they tell nobody apart. Larger ones are kept, and
///   vary by themselves;
/// - the beginning of the counter in every millisecond: 16 bits. Clients that agree in all else collide only when
///   these beginnings lie closer than the ids that they make in the same millisecond.
///
/// Of 10,000 containers with one address and process id, some two agree in the first 48 bits with a chance of 2 in 10
/// million.
///
/// Within one generator: time never goes back. A clock that was set back by up to a second is waited for on the last
/// millisecond; set back further, it is followed, with the next of 16 identities. The 65,537th id of a millisecond
/// borrows from the next.
///
/// # Time zone
/// The time in an id counts from the beginning of the month, in Java by local time. Here it is UTC, so that all
/// machines agree, or the zone of [`utc_offset_seconds`](Self::utc_offset_seconds). Ids are as valid either way: no
/// broker reads the time. Tools do (`mqadmin queryMsgByUniqueKey` begins its search near that time): those that run in
/// a zone west of the client's read a time too late by the difference, and may need `utc_offset_seconds` to find the
/// message.
#[doc(alias = "MessageClientIDSetter")]
#[derive(Debug)]
pub struct UniqueIdGenerator {
    template: UniqueId,
    identity: u32,
    first_counter: u16,
    utc_offset_seconds: i32,
    /// Where the month began at the last look; far in the future before the first.
    month_start_ms: AtomicI64,
    state: AtomicU64,
}

impl UniqueIdGenerator {
    /// Starts a generator. `ip` is the address under which this client wants to be known, `random` 64 bits from the
    /// operating system's source: with equal numbers two processes may give out equal ids.
    #[must_use]
    pub fn new(ip: IpAddr, process_id: u32, random: u64) -> Self {
        let (identity, process_bits, first_counter) = split(scatter(random));
        let process_id = if process_id < TELLING_PROCESS_ID { process_bits } else { low_half(process_id) };
        let template = UniqueId::template(ip, process_id, identity);
        Self {
            template,
            identity,
            first_counter,
            utc_offset_seconds: 0,
            month_start_ms: AtomicI64::new(i64::MAX),
            state: AtomicU64::new(0),
        }
    }

    /// Counts the time in ids from the beginning of the month in a zone that is so far ahead of UTC. Default: 0, UTC.
    #[must_use]
    pub fn utc_offset_seconds(mut self, seconds: i32) -> Self {
        self.utc_offset_seconds = seconds;
        self.month_start_ms = AtomicI64::new(i64::MAX);
        self
    }

    /// Length of the ids in bytes: 32 with an IPv4 address, 56 with IPv6.
    #[must_use]
    pub fn id_len(&self) -> usize {
        self.template.as_str().len()
    }

    /// Makes the next id, for a message that is sent at `now_ms` (milliseconds since 1970 UTC).
    #[doc(alias = "createUniqID")]
    #[must_use]
    pub fn next(&self, now_ms: i64) -> UniqueId {
        self.id(self.next_stamp(now_ms))
    }

    /// Makes the next id, as [`next`](Self::next) does, in its short form.
    #[must_use]
    #[inline]
    pub fn next_stamp(&self, now_ms: i64) -> UniqueIdStamp {
        let now_ms = now_ms.clamp(0, Moment::LAST_MS);
        let mut last = self.state.load(Ordering::Relaxed);
        loop {
            let next = Moment::next_word(last, now_ms);
            match self.state.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return UniqueIdStamp(next),
                Err(actual) => last = actual,
            }
        }
    }

    /// Writes out an id that this generator has made: the same one, however often and whenever it is asked.
    #[must_use]
    #[inline]
    pub fn id(&self, stamp: UniqueIdStamp) -> UniqueId {
        let moment = Moment::unpack(stamp.0);
        let [_, _, _, _, time @ ..] = self.since_month_start(moment.ms).to_be_bytes();
        let mut id = self.template;
        if moment.set_back != 0 {
            id.identify(self.identity.wrapping_add(moment.set_back));
        }
        id.stamp(time, self.first_counter.wrapping_add(moment.nth));
        id
    }

    /// What its ids begin with, as long as the clock was not set back: all but their last twelve digits.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let text = self.template.as_str();
        &text[..text.len() - UniqueId::END]
    }

    /// The number that the last twelve digits are of an id that this generator has made, if the id begins with the [prefix](Self::prefix).
    #[must_use]
    #[inline]
    pub fn end(&self, stamp: UniqueIdStamp) -> Option<u64> {
        let moment = Moment::unpack(stamp.0);
        (moment.set_back == 0).then(|| {
            let time = self.since_month_start(moment.ms).unsigned_abs();
            time << 16 | u64::from(self.first_counter.wrapping_add(moment.nth))
        })
    }

    #[inline]
    fn since_month_start(&self, ms: i64) -> i64 {
        // every month has 28 days: as long as no more have passed, it is still the same one; a difference that wraps is far from that
        let since = ms.wrapping_sub(self.month_start_ms.load(Ordering::Relaxed));
        if (0..SHORTEST_MONTH_MS).contains(&since) { since } else { self.look_for_month(ms) }
    }

    #[cold]
    fn look_for_month(&self, ms: i64) -> i64 {
        let month_start_ms = MonthStarts::at_offset(ms, self.utc_offset_seconds).current_ms();
        self.month_start_ms.store(month_start_ms, Ordering::Relaxed);
        ms.saturating_sub(month_start_ms)
    }
}

/// One id of a [`UniqueIdGenerator`], in eight bytes: for those who hold many. To be read by the generator that made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UniqueIdStamp(u64);

/// What every id of one generator has for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Moment {
    ms: i64,
    /// Which id of this millisecond.
    nth: u16,
    /// How often the clock was set back, modulo 16.
    set_back: u32,
}

impl Moment {
    /// 44 bits of milliseconds last until the year 2527.
    const LAST_MS: i64 = (1 << 44) - 1;
    const TOLERATED_MS: i64 = 1_000;

    /// The word of the moment that follows that of `word`. Within a millisecond there is nothing to unpack.
    #[inline]
    const fn next_word(word: u64, now_ms: i64) -> u64 {
        let ms = word >> 16 & Self::LAST_MS.unsigned_abs();
        if now_ms.unsigned_abs() == ms && word & 0xFFFF != 0xFFFF {
            word + 1
        } else {
            Self::unpack(word).following(now_ms).pack()
        }
    }

    const fn following(self, now_ms: i64) -> Self {
        let Self { ms, nth, set_back } = self;
        if now_ms > ms {
            Self { ms: now_ms, nth: 0, set_back }
        } else if ms - now_ms > Self::TOLERATED_MS {
            Self { ms: now_ms, nth: 0, set_back: (set_back + 1) % 16 }
        } else if nth < u16::MAX {
            Self { ms, nth: nth + 1, set_back }
        } else {
            Self { ms: if ms < Self::LAST_MS { ms + 1 } else { 0 }, nth: 0, set_back }
        }
    }

    const fn pack(self) -> u64 {
        // LAST_MS bounds it from above, the clamp from below
        (self.set_back as u64) << 60 | self.ms.unsigned_abs() << 16 | self.nth as u64
    }

    #[inline]
    const fn unpack(word: u64) -> Self {
        Self {
            ms: (word >> 16 & Self::LAST_MS.unsigned_abs()) as i64,
            nth: (word & 0xFFFF) as u16,
            set_back: (word >> 60) as u32,
        }
    }
}

/// Spreads the random bits over the word without losing one, so that a weak source (a test's seed) does not leave
/// whole fields zero: the finishing step of SplitMix64.
const fn scatter(random: u64) -> u64 {
    let word = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

fn split(random: u64) -> (u32, u16, u16) {
    let [i0, i1, i2, i3, p0, p1, c0, c1] = random.to_be_bytes();
    (u32::from_be_bytes([i0, i1, i2, i3]), u16::from_be_bytes([p0, p1]), u16::from_be_bytes([c0, c1]))
}

/// Smaller process ids are those of containers, and say nothing.
const TELLING_PROCESS_ID: u32 = 1_000;
const SHORTEST_MONTH_MS: i64 = 28 * 86_400_000;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOVEMBER: i64 = 1_793_491_200_000; // 2026-11-01T00:00Z

    fn generator() -> UniqueIdGenerator {
        UniqueIdGenerator::new([192, 168, 1, 10].into(), 0x1_2345, 42)
    }

    #[test]
    fn an_id_tells_who_made_it_and_when() {
        let id = generator().next(NOVEMBER + 999_999_999);
        assert_eq!(id.ip(), IpAddr::from([192, 168, 1, 10]));
        assert_eq!(id.process_id(), 0x2345);
        assert_eq!(id.since_month_start_ms(), 999_999_999);
        assert_eq!(id.time_ms(NOVEMBER + 1_000_000_000, MonthStarts::utc(NOVEMBER)), NOVEMBER + 999_999_999);
        assert_eq!(id.to_string().len(), generator().id_len());
        let v6 = UniqueIdGenerator::new("2001:db8::1".parse().unwrap(), 0x1234, 42);
        assert_eq!((v6.next(NOVEMBER).to_string().len(), v6.id_len()), (56, 56));
    }

    #[test]
    fn a_stamp_is_always_the_same_id() {
        let (one, other) = (generator(), generator());
        let times =
            [NOVEMBER - 1, NOVEMBER, NOVEMBER - 40 * 86_400_000, NOVEMBER + 1, NOVEMBER + 1, Moment::LAST_MS, -5];
        let stamps = times.map(|now_ms| one.next_stamp(now_ms));
        let ids = times.map(|now_ms| other.next(now_ms));
        assert_eq!(stamps.map(|stamp| one.id(stamp)), ids);
        let in_two = |stamp| {
            let end = one.end(stamp)?;
            Some(format!("{}{end:012X}", one.prefix()))
        };
        assert_eq!(in_two(stamps[0]).as_deref(), Some(ids[0].as_str()));
        for (stamp, id) in stamps.into_iter().zip(ids) {
            let begins_so = id.as_str().starts_with(one.prefix());
            assert_eq!(in_two(stamp), begins_so.then(|| id.to_string()), "the clock was set back three times");
        }
        let mut backwards = stamps;
        backwards.reverse();
        let mut again = backwards.map(|stamp| one.id(stamp));
        again.reverse();
        assert_eq!(again, ids, "whatever month was looked at before");
    }

    #[test]
    fn the_month_may_begin_by_local_time() {
        let shanghai = generator().utc_offset_seconds(8 * 3_600);
        assert_eq!(shanghai.next(NOVEMBER).since_month_start_ms(), 8 * 3_600_000);
    }

    #[test]
    fn the_month_is_the_right_one_whichever_came_before() {
        let generator = generator();
        let days: Vec<i64> = (0..800).chain((0..800).rev()).chain((0..800).map(|n| n * 37 % 800)).collect();
        for day in days {
            let now = NOVEMBER + day * 86_400_000 + 7;
            let month = MonthStarts::utc(now).current_ms();
            assert_eq!(i64::from(generator.next(now).since_month_start_ms()), now - month, "day {day}");
        }
        let id = generator.utc_offset_seconds(3_600).next(NOVEMBER + 1);
        assert_eq!(id.since_month_start_ms(), 3_600_001, "a new zone has other months");
    }

    #[test]
    fn more_ids_than_the_counter_holds_borrow_from_the_next_millisecond() {
        let generator = generator();
        let ids: HashSet<UniqueId> = (0..200_000).map(|_| generator.next(NOVEMBER + 5)).collect();
        assert_eq!(ids.len(), 200_000);
        assert_eq!(generator.next(NOVEMBER + 5).since_month_start_ms(), 5 + 3);
    }

    #[test]
    fn a_clock_that_was_set_back_repeats_no_id() {
        let generator = generator();
        let clock = [5_000, 5_001, 4_500, 5_000, 5_001, 0, 1, 0, 5_000, 5_001, 2_000, 5_000, 5_001, -1, 0];
        let ids: HashSet<UniqueId> = clock.iter().map(|ms| generator.next(NOVEMBER + ms)).collect();
        assert_eq!(ids.len(), clock.len());
        assert_eq!(generator.next(NOVEMBER).identity().wrapping_sub(generator.identity), 3, "set back far three times");
    }

    #[test]
    fn the_short_way_to_the_next_moment_is_the_long_one() {
        for ms in [0, 1, 5_000, 1_000_000, Moment::LAST_MS - 1, Moment::LAST_MS] {
            for nth in [0, 1, u16::MAX - 1, u16::MAX] {
                for now_ms in [0, ms, (ms + 1).min(Moment::LAST_MS), (ms - 1).max(0), (ms - 1_001).max(0)] {
                    for set_back in [0, 1, 15] {
                        let last = Moment { ms, nth, set_back };
                        let next = Moment::next_word(last.pack(), now_ms);
                        assert_eq!(Moment::unpack(next), last.following(now_ms), "{last:?} at {now_ms}");
                    }
                }
            }
        }
    }

    #[test]
    fn threads_share_a_generator() {
        let generator = generator();
        let ids = std::thread::scope(|scope| {
            let make = || (0..50_000).map(|n| generator.next(NOVEMBER + n / 10_000)).collect::<Vec<_>>();
            let threads = [scope.spawn(make), scope.spawn(make), scope.spawn(make)];
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(ids.iter().flatten().collect::<HashSet<_>>().len(), 150_000);
    }

    #[test]
    fn ten_thousand_containers_with_one_address_and_process_id_make_different_ids() {
        let mut ids = HashSet::new();
        for client in 0..10_000 {
            let generator = UniqueIdGenerator::new([127, 0, 0, 1].into(), 1, client);
            ids.extend((0..100).map(|n| generator.next(NOVEMBER + n / 50)));
        }
        assert_eq!(ids.len(), 1_000_000);
    }

    #[test]
    fn a_small_process_id_is_replaced_and_a_large_one_kept() {
        let process_id =
            |given, random| UniqueIdGenerator::new([10, 0, 0, 1].into(), given, random).next(0).process_id();
        let process_ids = |given| (0..100).map(|random| process_id(given, random)).collect::<HashSet<_>>();
        assert!(process_ids(1).len() > 90);
        assert!(process_ids(999).len() > 90);
        assert_eq!(process_ids(1_000), HashSet::from([1_000]));
    }

    #[test]
    fn no_clock_is_too_wrong() {
        let generator = generator();
        for now in [i64::MIN, -1, 0, Moment::LAST_MS, i64::MAX, i64::MAX] {
            assert_eq!(generator.next(now).to_string().len(), 32);
        }
        for moment in
            [Moment { ms: Moment::LAST_MS, nth: u16::MAX, set_back: 15 }, Moment { ms: 1, nth: 2, set_back: 3 }]
        {
            assert_eq!(Moment::unpack(moment.pack()), moment);
        }
    }
}
