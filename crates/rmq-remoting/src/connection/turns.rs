//! Turns: who waits for a place on a connection, in the order of arrival.
//!
//! How many requests a connection carries is a plain number under its lock; only once it is reached do turns come in. A place that was set
//! aside for somebody is taken by nobody else, and goes on to the next one if it is not used.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::{Shared, State};
use crate::error::ConnectionEnd;

#[derive(Default)]
pub(super) struct Turns {
    next_ticket: u64,
    waiting: BTreeMap<u64, Waker>,
    /// Places that were set aside and not taken yet.
    set_aside: BTreeSet<u64>,
}

/// A caller's turn; dropped, it is over.
pub(super) struct Turn<'a> {
    shared: &'a Shared,
    ticket: u64,
}

impl Turns {
    /// Nobody waits, and nothing is set aside.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.set_aside.is_empty()
    }

    /// Whether a place is set aside for this one.
    pub(super) fn has(&self, turn: &Turn<'_>) -> bool {
        self.set_aside.contains(&turn.ticket)
    }

    /// The place that was set aside is taken.
    pub(super) fn take(&mut self, turn: &Turn<'_>) {
        self.set_aside.remove(&turn.ticket);
    }

    /// Lets everybody look again: the connection has ended.
    pub(super) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(std::mem::take(&mut self.waiting).into_values());
    }

    fn is_free(&self, live: usize, limit: usize) -> bool {
        live + self.set_aside.len() < limit
    }
}

impl Shared {
    /// Waits for a turn. The error says that the connection has ended.
    ///
    /// # Cancel safety
    /// Dropped early, it takes nothing and stands in nobody's way.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, ConnectionEnd> {
        let ticket = {
            let turns = &mut self.state.lock().turns;
            turns.next_ticket += 1;
            turns.next_ticket
        };
        let turn = Turn { shared: self, ticket };
        poll_fn(|cx| {
            let mut state = self.state.lock();
            if let Some(cause) = &state.ended {
                return Poll::Ready(Err(cause.clone()));
            }
            let (live, limit) = (state.slots.live(), self.settings.config.max_in_flight_per_connection);
            let turns = &mut state.turns;
            if turns.waiting.is_empty() && turns.is_free(live, limit) {
                turns.set_aside.insert(ticket);
            }
            if turns.set_aside.contains(&ticket) {
                return Poll::Ready(Ok(()));
            }
            turns.waiting.insert(ticket, cx.waker().clone());
            Poll::Pending
        })
        .await?;
        Ok(turn)
    }

    /// A place may have become free: sets it aside, and collects whose turn it is.
    #[cold]
    pub(super) fn next_turns(&self, state: &mut State) -> Vec<Waker> {
        let (live, limit) = (state.slots.live(), self.settings.config.max_in_flight_per_connection);
        let turns = &mut state.turns;
        let mut wakers = Vec::new();
        while turns.is_free(live, limit) {
            let Some((ticket, waker)) = turns.waiting.pop_first() else { break };
            turns.set_aside.insert(ticket);
            wakers.push(waker);
        }
        wakers
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let wakers = {
            let mut state = self.shared.state.lock();
            let turns = &mut state.turns;
            if turns.set_aside.remove(&self.ticket) || turns.waiting.remove(&self.ticket).is_some() {
                self.shared.next_turns(&mut state)
            } else {
                Vec::new()
            }
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}
