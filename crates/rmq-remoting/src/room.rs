//! Room for requests: how many, and how many bytes, may be held at once.
//!
//! A [`Permit`] is the room one request takes; it comes back when the permit drops, wherever that is. Waiters are served in order, so a
//! large request cannot be starved by small ones.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) struct Room {
    max_count: usize,
    max_bytes: usize,
    state: Mutex<State>,
    /// Told when the last permit comes back.
    empty: Notify,
}

#[derive(Default)]
struct State {
    count: usize,
    bytes: usize,
    next_ticket: u64,
    waiting: BTreeMap<u64, Waiter>,
    granted: BTreeSet<u64>,
    closed: bool,
}

struct Waiter {
    bytes: usize,
    waker: Waker,
}

impl Room {
    pub(crate) fn new(max_count: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_count, max_bytes, state: Mutex::default(), empty: Notify::new() })
    }

    /// Takes room at once, or not at all.
    pub(crate) fn try_acquire(self: &Arc<Self>, bytes: usize) -> Option<Permit> {
        let bytes = bytes.min(self.max_bytes); // a request larger than everything may go when it is alone
        let mut state = self.state.lock();
        if state.closed || !state.waiting.is_empty() || !self.fits(&state, bytes) {
            return None;
        }
        state.count += 1;
        state.bytes += bytes;
        Some(Permit { room: Arc::clone(self), bytes })
    }

    /// Waits for room. `None`: closed.
    pub(crate) fn acquire(self: &Arc<Self>, bytes: usize) -> Acquire {
        Acquire { room: Arc::clone(self), bytes: bytes.min(self.max_bytes), ticket: None }
    }

    /// Lets all waiters go empty-handed.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        for waiter in waiting.into_values() {
            waiter.waker.wake();
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Waits until no permit is out.
    pub(crate) async fn drained(&self) {
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

    fn fits(&self, state: &State, bytes: usize) -> bool {
        state.count < self.max_count && state.bytes + bytes <= self.max_bytes
    }

    fn release(&self, bytes: usize) {
        let wakers = {
            let mut state = self.state.lock();
            state.count -= 1;
            state.bytes -= bytes;
            if state.count == 0 {
                self.empty.notify_waiters();
            }
            self.grant(&mut state)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn grant(&self, state: &mut State) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(first) = state.waiting.first_entry() {
            let bytes = first.get().bytes;
            if state.count >= self.max_count || state.bytes + bytes > self.max_bytes {
                break;
            }
            let (ticket, waiter) = first.remove_entry();
            state.count += 1;
            state.bytes += bytes;
            state.granted.insert(ticket);
            wakers.push(waiter.waker);
        }
        wakers
    }
}

/// Room held by one request.
pub(crate) struct Permit {
    room: Arc<Room>,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.room.release(self.bytes);
    }
}

pub(crate) struct Acquire {
    room: Arc<Room>,
    bytes: usize,
    ticket: Option<u64>,
}

impl Future for Acquire {
    type Output = Option<Permit>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Permit>> {
        let bytes = self.bytes;
        let room = Arc::clone(&self.room);
        let mut state = room.state.lock();
        let granted = match self.ticket {
            Some(ticket) => state.granted.remove(&ticket),
            None if !state.closed && state.waiting.is_empty() && room.fits(&state, bytes) => {
                state.count += 1;
                state.bytes += bytes;
                true
            }
            None => false,
        };
        if granted {
            self.ticket = None;
            return Poll::Ready(Some(Permit { room: Arc::clone(&room), bytes }));
        }
        if state.closed {
            self.ticket = None;
            return Poll::Ready(None);
        }
        let ticket = self.ticket.unwrap_or_else(|| {
            state.next_ticket += 1;
            state.next_ticket
        });
        self.ticket = Some(ticket);
        state.waiting.insert(ticket, Waiter { bytes, waker: cx.waker().clone() });
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.room.state.lock();
        if state.granted.remove(&ticket) {
            drop(state);
            self.room.release(self.bytes);
        } else if state.waiting.remove(&ticket).is_some() {
            // Whoever queued behind may fit where this one did not.
            let wakers = self.room.grant(&mut state);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(acquire: &mut Acquire) -> Poll<Option<Permit>> {
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
}
