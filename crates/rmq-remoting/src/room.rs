//! Room for requests: how many, and how many bytes, may be held at once.
//!
//! A [`Permit`] is the room one request takes; it comes back when the permit drops, wherever that is. Waiters are served in order, so a
//! large request cannot be starved by small ones. While nobody waits there is no lock: the number and the bytes are one word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Bounds what is held at once, by number and by bytes together. For clients that hold messages above the transport, as it does itself.
pub struct Room {
    max_count: u64,
    max_bytes: u64,
    /// Bytes held, the number of requests above them, and [`WATCHED`] on top.
    held: AtomicU64,
    line: Mutex<Line>,
    /// Told when the last permit comes back after the room was closed.
    empty: Notify,
}

#[derive(Default)]
struct Line {
    next_ticket: u64,
    waiting: BTreeMap<u64, Waiter>,
    granted: BTreeSet<u64>,
    closed: bool,
}

struct Waiter {
    bytes: usize,
    waker: Waker,
}

/// Somebody waits, or the room is closed: nothing is taken but under the lock, and who gives room back has to look there.
const WATCHED: u64 = 1 << 63;
const ONE: u64 = 1 << 44;
/// Twice the largest limit and more: a sum of two never runs into the number.
const BYTES: u64 = ONE - 1;

impl Room {
    /// For up to 2¹⁸ requests and 2⁴³ bytes; larger limits are cut to that.
    pub fn new(max_count: usize, max_bytes: usize) -> Self {
        Self {
            max_count: (max_count as u64).min(1 << 18),
            max_bytes: (max_bytes as u64).min(1 << 43),
            held: AtomicU64::new(0),
            line: Mutex::default(),
            empty: Notify::new(),
        }
    }

    /// Takes room at once, or not at all. It is to be [given back](Self::give_back).
    pub fn try_take(&self, bytes: usize) -> bool {
        self.take(bytes, 0)
    }

    /// Gives back what one request took.
    pub fn give_back(&self, bytes: usize) {
        if self.held.fetch_sub(self.weight(bytes), Ordering::AcqRel) & WATCHED != 0 {
            self.look_after_line();
        }
    }

    /// Takes room at once, or not at all.
    pub fn try_acquire(&self, bytes: usize) -> Option<Permit<'_>> {
        self.try_take(bytes).then(|| Permit { room: self, bytes })
    }

    /// Waits for room. `None`: closed.
    pub fn acquire(&self, bytes: usize) -> Acquire<'_> {
        Acquire { room: self, bytes, ticket: None }
    }

    /// Lets all waiters go empty-handed.
    pub fn close(&self) {
        let waiting = {
            let mut line = self.line.lock();
            line.closed = true;
            self.held.fetch_or(WATCHED, Ordering::AcqRel);
            std::mem::take(&mut line.waiting)
        };
        for waiter in waiting.into_values() {
            waiter.waker.wake();
        }
    }

    /// How many requests hold room.
    pub fn count(&self) -> usize {
        usize::try_from((self.held.load(Ordering::Acquire) & !WATCHED) / ONE).unwrap_or(usize::MAX)
    }

    /// How many bytes they hold.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.held.load(Ordering::Acquire) & BYTES).unwrap_or(usize::MAX)
    }

    /// Waits until no permit of a closed room is out.
    pub async fn drained(&self) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// A request larger than everything may go when it is alone.
    fn weight(&self, bytes: usize) -> u64 {
        ONE + (bytes as u64).min(self.max_bytes)
    }

    /// Takes room if there is some and no flag but those of `ignored` is up.
    fn take(&self, bytes: usize, ignored: u64) -> bool {
        let weight = self.weight(bytes);
        let mut held = self.held.load(Ordering::Relaxed);
        loop {
            let next = (held & !WATCHED) + weight;
            if held & WATCHED & !ignored != 0 || next / ONE > self.max_count || next & BYTES > self.max_bytes {
                return false;
            }
            match self.held.compare_exchange_weak(held, held + weight, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => held = now,
            }
        }
    }

    fn look_after_line(&self) {
        let wakers = {
            let mut line = self.line.lock();
            if self.count() == 0 {
                self.empty.notify_waiters();
            }
            self.grant(&mut line)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn grant(&self, line: &mut Line) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(first) = line.waiting.first_entry() {
            if !self.take(first.get().bytes, WATCHED) {
                break;
            }
            let (ticket, waiter) = first.remove_entry();
            line.granted.insert(ticket);
            wakers.push(waiter.waker);
        }
        self.unwatch(line);
        wakers
    }

    /// Nobody waits: the quick way is open again.
    fn unwatch(&self, line: &Line) {
        if line.waiting.is_empty() && !line.closed {
            self.held.fetch_and(!WATCHED, Ordering::AcqRel);
        }
    }
}

/// Room held by one request; it comes back when this is dropped.
#[must_use]
pub struct Permit<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Permit<'_> {
    /// Somebody else gives the room back.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

/// A wait for room. Dropped early, it takes nothing and stands in nobody's way.
#[must_use]
pub struct Acquire<'a> {
    room: &'a Room,
    bytes: usize,
    ticket: Option<u64>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Option<Permit<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (room, bytes) = (self.room, self.bytes);
        let mut line = room.line.lock();
        let granted = match self.ticket {
            Some(ticket) => line.granted.remove(&ticket),
            None if !line.closed => {
                // From here on whoever gives room back comes to the lock, so that no room is missed.
                room.held.fetch_or(WATCHED, Ordering::AcqRel);
                let taken = line.waiting.is_empty() && room.take(bytes, WATCHED);
                if taken {
                    room.unwatch(&line);
                }
                taken
            }
            None => false,
        };
        if granted {
            self.ticket = None;
            return Poll::Ready(Some(Permit { room, bytes }));
        }
        if line.closed {
            self.ticket = None;
            return Poll::Ready(None);
        }
        let ticket = self.ticket.unwrap_or_else(|| {
            line.next_ticket += 1;
            line.next_ticket
        });
        self.ticket = Some(ticket);
        line.waiting.insert(ticket, Waiter { bytes, waker: cx.waker().clone() });
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut line = self.room.line.lock();
        if line.granted.remove(&ticket) {
            drop(line);
            self.room.give_back(self.bytes);
        } else if line.waiting.remove(&ticket).is_some() {
            // Whoever queued behind may fit where this one did not.
            let wakers = self.room.grant(&mut line);
            drop(line);
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("count", &self.count()).field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<'a>(acquire: &mut Acquire<'a>) -> Poll<Option<Permit<'a>>> {
        Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn count_and_bytes_are_taken_together_or_not_at_all() {
        let room = Room::new(2, 100);
        let first = room.try_acquire(60).unwrap();
        assert!(room.try_acquire(60).is_none(), "bytes are short");
        assert_eq!((room.count(), room.bytes()), (1, 60), "a refusal takes nothing");
        let second = room.try_acquire(40).unwrap();
        assert!(room.try_acquire(0).is_none(), "the count is full");
        drop((first, second));
        assert_eq!((room.count(), room.bytes()), (0, 0));
    }

    #[test]
    fn a_request_larger_than_everything_goes_when_it_is_alone() {
        let room = Room::new(2, 100);
        let big = room.try_acquire(1000).unwrap();
        assert_eq!(room.bytes(), 100);
        assert!(room.try_acquire(1).is_none());
        drop(big);
        assert!(room.try_acquire(1).is_some());
    }

    #[test]
    fn waiters_are_served_in_order_even_when_a_later_one_would_fit() {
        let room = Room::new(10, 100);
        let held = room.try_acquire(80).unwrap();
        let mut large = room.acquire(90);
        let mut small = room.acquire(10);
        assert!(poll(&mut large).is_pending());
        assert!(poll(&mut small).is_pending(), "no overtaking");
        drop(held);
        assert!(poll(&mut large).is_ready());
        assert!(poll(&mut small).is_ready());
    }

    #[test]
    fn a_waiter_that_leaves_holds_nothing_and_lets_the_next_one_in() {
        let room = Room::new(10, 100);
        let held = room.try_acquire(50).unwrap();
        let mut large = room.acquire(90);
        let mut small = room.acquire(10);
        assert!(poll(&mut large).is_pending() && poll(&mut small).is_pending());
        drop(large);
        let Poll::Ready(Some(small)) = poll(&mut small) else { panic!("the small one fits now") };
        drop((held, small));
        assert_eq!((room.count(), room.bytes()), (0, 0));
    }

    #[test]
    fn a_grant_that_was_never_collected_comes_back() {
        let room = Room::new(1, 100);
        let held = room.try_acquire(1).unwrap();
        let mut next = room.acquire(1);
        assert!(poll(&mut next).is_pending());
        drop(held);
        assert_eq!(room.count(), 1, "granted to the waiter");
        drop(next);
        assert_eq!(room.count(), 0);
    }

    #[test]
    fn closing_lets_every_waiter_go() {
        let room = Room::new(1, 100);
        let _held = room.try_acquire(1).unwrap();
        let mut next = room.acquire(1);
        assert!(poll(&mut next).is_pending());
        room.close();
        assert!(matches!(poll(&mut next), Poll::Ready(None)));
        assert!(room.try_acquire(1).is_none());
    }

    #[test]
    fn nobody_overtakes_a_waiter_by_the_quick_way_and_it_opens_again_behind_the_last_one() {
        let room = Room::new(2, 100);
        let held = room.try_acquire(90).unwrap();
        let mut next = room.acquire(50);
        assert!(poll(&mut next).is_pending());
        assert!(!room.try_take(1), "there would be room, but somebody waits");
        drop(next);
        assert!(room.try_take(1));
        room.give_back(1);
        drop(held);
        assert_eq!((room.count(), room.bytes()), (0, 0));
    }

    #[test]
    fn the_largest_limits_do_not_run_into_each_other() {
        let room = Room::new(usize::MAX, usize::MAX);
        assert!(room.try_take(usize::MAX) && !room.try_take(1), "one request holds all bytes");
        assert_eq!(room.count(), 1);
        let room = Room::new(65_536, usize::MAX);
        for _ in 0..65_536 {
            assert!(room.try_take(16 << 20));
        }
        assert!(!room.try_take(0));
        assert_eq!((room.count(), room.bytes()), (65_536, 65_536 << 24));
    }

    #[test]
    fn many_threads_leave_nothing_behind() {
        let room = Room::new(3, 100);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let room = &room;
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                    runtime.block_on(async {
                        for n in 0..2_000 {
                            let permit = match room.try_acquire(n % 60 + thread) {
                                Some(permit) => permit,
                                None => room.acquire(n % 60 + thread).await.expect("the room is open"),
                            };
                            assert!(room.count() <= 3 && room.bytes() <= 100);
                            drop(permit);
                        }
                    });
                });
            }
        });
        assert_eq!((room.count(), room.bytes()), (0, 0));
        assert!(room.try_take(1), "the quick way is open");
    }
}
