//! The futures of callers: an awaited answer, and a oneway frame on its way to the kernel.
//!
//! A [`Call`] owns its slot and its room; dropping it anywhere gives both back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};

use parking_lot::MutexGuard;
use tokio::time::{Instant, Sleep, sleep_until};

use super::slots::{Found, SlotKey};
use super::{Badge, RETIRED, Shared, State};
use crate::answer::Answer;
use crate::code::ResponseCode;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError};
use crate::room::Taken;

/// A request on the wire; resolves to its answer.
pub(crate) struct Call {
    shared: Arc<Shared>,
    slot: SlotKey,
    /// When the caller's time began; once it has its answer, when that was there.
    since: Instant,
    /// Room of the client that goes with it.
    client_room: Option<Taken>,
    done: bool,
}

impl Call {
    /// Takes over the slot, with the place on the connection that it stands for, and room of the client.
    #[inline]
    pub(super) fn new(shared: Arc<Shared>, slot: SlotKey, since: Instant, client_room: Option<Taken>) -> Self {
        Self { shared, slot, since, client_room, done: false }
    }

    /// Takes over room of the client too.
    pub(crate) fn hold(&mut self, room: Taken) {
        self.client_room = Some(room);
    }

    /// When the answer was there, once it was handed out.
    pub(crate) fn answered_at(&self) -> Option<Instant> {
        self.done.then_some(self.since)
    }

    /// After a shutdown of the client an unsent request of its own says so, and not that its connection was lost.
    #[cold]
    fn lost(&self, cause: ConnectionEnd, written: bool) -> RemotingError {
        let error = self.shared.lost(cause, written);
        if self.client_room.is_some() { self.shared.settings.closed_or(error) } else { error }
    }

    /// There is no answer: has it failed, or is it still to be waited for?
    #[cold]
    fn look_again(&self, mut state: MutexGuard<'_, State>, cx: &Context<'_>) -> Poll<Result<Answer, RemotingError>> {
        match state.slots.look(self.slot) {
            Found::Waiting { start } | Found::Expired { start } | Found::CutOff { start } if state.ended.is_some() => {
                let written = start < state.handed;
                let cause = state.ended.clone().unwrap_or(ConnectionEnd::Closed);
                drop(state);
                Poll::Ready(Err(self.lost(cause, written)))
            }
            Found::Expired { .. } => {
                drop(state);
                let addr = Arc::clone(&self.shared.peer);
                Poll::Ready(Err(RemotingError::Timeout { addr, after: self.since.elapsed() }))
            }
            Found::CutOff { .. } => {
                drop(state);
                // The connection goes on: what is not written yet will be.
                Poll::Ready(Err(self.lost(ConnectionEnd::Closed, true)))
            }
            Found::Waiting { .. } => {
                state.slots.watch(self.slot, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Future for Call {
    type Output = Result<Answer, RemotingError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.done {
            // Polled again, which nobody should do: the slot may be somebody else's by now.
            return Poll::Pending;
        }
        let state = this.shared.state.lock();
        if !state.slots.is_answered(this.slot) {
            return this.look_again(state, cx);
        }
        // Others may have been read since then; this one was before them.
        this.since = state.last_read;
        this.done = true;
        collect(&this.shared, this.slot, state)
    }
}

/// Takes the answer, which is there.
#[inline(always)]
fn collect(shared: &Shared, slot: SlotKey, mut state: MutexGuard<'_, State>) -> Poll<Result<Answer, RemotingError>> {
    let nobody_is_to_know = shared.is_indifferent(&state);
    match state.slots.collect(slot) {
        // Every move of an answer costs: the usual one is taken out right into what is returned, with nothing to do behind that.
        Some(kept) if nobody_is_to_know && kept.known_code().is_some_and(|code| code != ResponseCode::GO_AWAY) => {
            kept.take_known().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer)))
        }
        Some(kept) => {
            let answer = kept.take();
            shared.after_call(state);
            collected(shared, answer)
        }
        None => Poll::Pending,
    }
}

/// Looks at what an answer says of the connection.
#[cold]
fn collected(shared: &Shared, answer: Option<Answer>) -> Poll<Result<Answer, RemotingError>> {
    let Some(answer) = answer else { return Poll::Pending };
    if answer.response_code() == ResponseCode::GO_AWAY {
        shared.go_away();
    }
    Poll::Ready(Ok(answer))
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if !self.done {
            self.shared.leave(self.slot);
        }
        if let Some(taken) = self.client_room.take() {
            self.shared.settings.room.give_back(taken);
        }
    }
}

impl Shared {
    /// A caller leaves its slot: too many orphans retire the connection.
    #[cold]
    fn leave(&self, slot: SlotKey) {
        let mut state = self.state.lock();
        state.slots.leave(slot);
        let retire = state.slots.orphans() > self.settings.config.max_orphans;
        self.after_call(state);
        if retire {
            self.retire();
        }
    }

    /// A call is over: its place is the next one's, and a retired connection ends with its last call.
    #[inline]
    fn after_call(&self, state: MutexGuard<'_, State>) {
        if !self.is_indifferent(&state) {
            self.tell_of_end(state);
        }
    }

    /// Whether nobody has to be told of a call that is over.
    #[inline]
    fn is_indifferent(&self, state: &State) -> bool {
        state.turns.is_idle() && self.life.load(Ordering::Acquire) != RETIRED
    }

    #[cold]
    fn tell_of_end(&self, mut state: MutexGuard<'_, State>) {
        let wakers = self.next_turns(&mut state);
        let driver = if self.life.load(Ordering::Acquire) == RETIRED { state.driver.clone() } else { None };
        drop(state);
        wakers.into_iter().chain(driver).for_each(Waker::wake);
    }
}

/// A oneway frame that is to be handed to the kernel by its deadline.
pub(crate) struct OnewayWrite {
    shared: Arc<Shared>,
    start: u64,
    end: u64,
    deadline: Deadline,
    started: Instant,
    /// Whose it is, where several share the connection.
    badge: Option<Arc<Badge>>,
    /// Armed only once there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl OnewayWrite {
    pub(super) fn new(
        shared: Arc<Shared>,
        (start, end): (u64, u64),
        deadline: Deadline,
        started: Instant,
        badge: Option<&Arc<Badge>>,
    ) -> Self {
        Self { shared, start, end, deadline, started, badge: badge.cloned(), timer: None }
    }

    fn look(&self, cx: &Context<'_>) -> Poll<Result<(), RemotingError>> {
        let mut state = self.shared.state.lock();
        if state.handed >= self.end {
            return Poll::Ready(Ok(()));
        }
        if let Some(cause) = state.ended.clone() {
            let written = self.start < state.handed;
            drop(state);
            return Poll::Ready(Err(self.shared.lost(cause, written)));
        }
        if self.badge.as_ref().is_some_and(|badge| badge.has_ended()) {
            drop(state);
            // The connection goes on: what is not written yet will be.
            return Poll::Ready(Err(self.shared.lost(ConnectionEnd::Closed, true)));
        }
        state.oneways.insert(self.end, cx.waker().clone());
        Poll::Pending
    }
}

impl Future for OnewayWrite {
    type Output = Result<(), RemotingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(outcome) = self.look(cx) {
            return Poll::Ready(outcome);
        }
        let at = self.deadline.instant();
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(RemotingError::Timeout { addr: Arc::clone(&self.shared.peer), after: self.started.elapsed() }))
    }
}

impl Drop for OnewayWrite {
    fn drop(&mut self) {
        self.shared.state.lock().oneways.remove(&self.end);
    }
}
