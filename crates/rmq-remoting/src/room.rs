//! Room for requests: how many, and how many bytes, may be held at once.
//!
//! A [`Permit`] is the room one request takes; it comes back when the permit drops, wherever that is. Waiters are served in order, so a
//! large request cannot be starved by small ones. While nobody waits there is no lock: the number and the bytes are one word.
//!
//! Those who hold room stand on one of two sides. Who wants to know when all of them have given it back makes those who come later stand on
//! the other side, and waits until the first is deserted.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Bounds what is held at once, by number and by bytes together. For clients that hold messages above the transport, as it does itself.
pub struct Room {
    /// The word of one request more than there is room for.
    ceiling: u64,
    max_bytes: u64,
    /// Bytes held, the number of requests above them, and [`SECOND`] and [`WATCHED`] on top.
    held: AtomicU64,
    line: Mutex<Line>,
    /// How many stand on the side that nobody steps on any more; below zero while they are being counted.
    behind: AtomicI64,
    /// Told when that side is deserted, and when the last permit comes back after the room was closed.
    emptied: Notify,
    /// Held by whoever waits for a side to be deserted: there are two only.
    flushing: tokio::sync::Mutex<()>,
}

/// What one request took of a [`Room`], to be given back to it.
///
/// What was added to the room's word, and [`SECOND`] where its holder stands.
#[derive(Debug)]
#[must_use = "it is to be given back"]
pub struct Taken(NonZeroU64);

#[derive(Default)]
struct Line {
    next_ticket: u64,
    waiting: BTreeMap<u64, Waiter>,
    granted: BTreeMap<u64, Taken>,
    closed: bool,
}

struct Waiter {
    bytes: usize,
    waker: Waker,
}

/// Somebody waits, or the room is closed: nothing is taken but under the lock, and who gives room back has to look there.
const WATCHED: u64 = 1 << 63;
/// The side on which those stand who take room now.
const SECOND: u64 = 1 << 62;
const ONE: u64 = 1 << 43;
const BYTES: u64 = ONE - 1;
/// A sum of two never runs into the number.
const MOST_BYTES: u64 = BYTES / 2;
const FLAGS: u64 = WATCHED | SECOND;
/// One more never runs into the flags.
const MOST: u64 = 1 << 18;

impl Room {
    /// For up to 2¹⁸ requests and fewer than 2⁴² bytes; larger limits are cut to that.
    pub fn new(max_count: usize, max_bytes: usize) -> Self {
        Self {
            ceiling: ((max_count as u64).min(MOST) + 1) * ONE,
            max_bytes: (max_bytes as u64).min(MOST_BYTES),
            held: AtomicU64::new(0),
            line: Mutex::default(),
            behind: AtomicI64::new(0),
            emptied: Notify::new(),
            flushing: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes room at once, or not at all. It is to be [given back](Self::give_back).
    #[inline]
    pub fn try_take(&self, bytes: usize) -> Option<Taken> {
        self.take(bytes, SECOND)
    }

    /// Gives back what one request took of this room.
    #[inline]
    #[allow(clippy::needless_pass_by_value, reason = "it is given back once")]
    pub fn give_back(&self, taken: Taken) {
        let taken = taken.0.get();
        let held = self.held.fetch_sub(taken & !SECOND, Ordering::AcqRel);
        let is_behind = (held ^ taken) & SECOND != 0;
        if held & WATCHED != 0 || is_behind {
            self.look_after_others(is_behind);
        }
    }

    /// Takes room at once, or not at all.
    #[inline]
    pub fn try_acquire(&self, bytes: usize) -> Option<Permit<'_>> {
        self.try_take(bytes).map(|taken| Permit { room: self, taken })
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

    /// Whether nothing is taken any more.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.held.load(Ordering::Acquire) & WATCHED != 0 && self.line.lock().closed
    }

    /// How many requests hold room.
    pub fn count(&self) -> usize {
        usize::try_from(count(self.held.load(Ordering::Acquire))).unwrap_or(usize::MAX)
    }

    /// How many bytes they hold.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.held.load(Ordering::Acquire) & BYTES).unwrap_or(usize::MAX)
    }

    /// Waits until no permit of a closed room is out.
    pub async fn drained(&self) {
        self.until(|| self.count() == 0).await;
    }

    /// Waits until all that hold room now have given it back; who comes later does not matter. One after the other, if several wait.
    pub async fn flushed(&self) {
        let _turn = self.flushing.lock().await;
        let is_deserted = || self.behind.load(Ordering::Acquire) == 0;
        // Left over if a wait was given up.
        self.until(is_deserted).await;
        let behind = count(self.held.fetch_xor(SECOND, Ordering::AcqRel));
        // Some of them may have left since; they were counted out already.
        self.behind.fetch_add(i64::try_from(behind).unwrap_or(i64::MAX), Ordering::AcqRel);
        self.until(is_deserted).await;
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if holds() {
                return;
            }
            emptied.await;
        }
    }

    /// A request larger than everything may go when it is alone.
    fn weight(&self, bytes: usize) -> u64 {
        ONE + (bytes as u64).min(self.max_bytes)
    }

    /// Takes room if there is some, and no flag up but the `ignored` ones.
    #[inline(always)]
    fn take(&self, bytes: usize, ignored: u64) -> Option<Taken> {
        let weight = self.weight(bytes);
        let mut held = self.held.load(Ordering::Relaxed);
        loop {
            // A flag that counts makes it more than there ever is room for.
            let next = (held & !ignored) + weight;
            if next >= self.ceiling || next & BYTES > self.max_bytes {
                return None;
            }
            match self.held.compare_exchange_weak(held, held + weight, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return NonZeroU64::new(weight | held & SECOND).map(Taken),
                Err(now) => held = now,
            }
        }
    }

    /// Somebody gave room back that others may wait for, or one of those who are waited for themselves.
    #[cold]
    fn look_after_others(&self, was_behind: bool) {
        if was_behind && self.behind.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
        let wakers = {
            let mut line = self.line.lock();
            if self.count() == 0 {
                self.emptied.notify_waiters();
            }
            self.grant(&mut line)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn grant(&self, line: &mut Line) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(first) = line.waiting.first_entry() {
            let Some(taken) = self.take(first.get().bytes, FLAGS) else { break };
            let (ticket, waiter) = first.remove_entry();
            line.granted.insert(ticket, taken);
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
    taken: Taken,
}

impl Permit<'_> {
    /// Leaves it to the caller to [give the room back](Room::give_back).
    #[inline]
    pub fn keep(self) -> Taken {
        let taken = self.taken.again();
        std::mem::forget(self);
        taken
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.room.give_back(self.taken.again());
    }
}

impl Taken {
    /// Only where this one is never given back itself.
    fn again(&self) -> Self {
        Self(self.0)
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
                let taken = if line.waiting.is_empty() { room.take(bytes, FLAGS) } else { None };
                if taken.is_some() {
                    room.unwatch(&line);
                }
                taken
            }
            None => None,
        };
        if let Some(taken) = granted {
            self.ticket = None;
            return Poll::Ready(Some(Permit { room, taken }));
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
        if let Some(taken) = line.granted.remove(&ticket) {
            drop(line);
            self.room.give_back(taken);
        } else if line.waiting.remove(&ticket).is_some() {
            // Whoever queued behind may fit where this one did not.
            let wakers = self.room.grant(&mut line);
            drop(line);
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

/// How many hold room, by the word.
fn count(held: u64) -> u64 {
    (held & !FLAGS) / ONE
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("count", &self.count()).field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
