//! The futures of callers: an awaited answer, and a oneway frame on its way to the kernel.
//!
//! A [`Call`] owns its slot and its room; dropping it anywhere gives both back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use parking_lot::MutexGuard;
use tokio::time::{Instant, Sleep, sleep_until};

use super::slots::{Found, SlotKey};
use super::{RETIRED, Shared, State};
use crate::answer::Answer;
use crate::code::ResponseCode;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError};

/// A request on the wire; resolves to its answer.
pub(crate) struct Call {
    shared: Arc<Shared>,
    slot: SlotKey,
    /// When the caller's time began; once it has its answer, when that was there.
    since: Instant,
    /// Room of the client that goes with it.
    client_bytes: Option<usize>,
    /// Whoever polls next is known to the slot already.
    watched: bool,
    done: bool,
}

impl Call {
    /// Takes over the slot, room on the connection, and room for `client_bytes` of the client.
    pub(super) fn new(shared: Arc<Shared>, slot: SlotKey, since: Instant, client_bytes: Option<usize>) -> Self {
        Self { shared, slot, since, client_bytes, watched: false, done: false }
    }

    /// The first poll comes from the task whose waker went with the request, before that task is woken: it has nothing to do.
    pub(super) fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// The first poll may come from anywhere at any time.
    pub(crate) fn unwatched(mut self) -> Self {
        self.watched = false;
        self
    }

    /// When the answer was there, once it was handed out.
    pub(crate) fn answered_at(&self) -> Option<Instant> {
        self.done.then_some(self.since)
    }

    /// After a shutdown of the client an unsent request of its own says so, and not that its connection was lost.
    #[cold]
    fn lost(&self, cause: ConnectionEnd, written: bool) -> RemotingError {
        let error = self.shared.lost(cause, written);
        if self.client_bytes.is_some() { self.shared.settings.closed_or(error) } else { error }
    }
}

impl Future for Call {
    type Output = Result<Answer, RemotingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, slot, since, watched, done, .. } = &mut *self;
        if std::mem::take(watched) {
            return Poll::Pending;
        }
        let mut state = shared.state.lock();
        match state.slots.look(*slot) {
            Found::Answer(answer) => {
                // Others may have been read since then; this one was before them.
                *since = state.last_read;
                shared.after_call(state);
                *done = true;
                if answer.response_code() == ResponseCode::GO_AWAY {
                    shared.go_away();
                }
                Poll::Ready(Ok(answer))
            }
            Found::Waiting { start } | Found::Expired { start } if state.ended.is_some() => {
                let written = start < state.handed;
                let cause = state.ended.clone().unwrap_or(ConnectionEnd::Closed);
                drop(state);
                Poll::Ready(Err(self.lost(cause, written)))
            }
            Found::Expired { .. } => {
                drop(state);
                Poll::Ready(Err(RemotingError::Timeout { addr: Arc::clone(&shared.peer), after: since.elapsed() }))
            }
            Found::Waiting { .. } => {
                state.slots.watch(*slot, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let shared = &self.shared;
        if !self.done {
            let mut state = shared.state.lock();
            state.slots.leave(self.slot);
            shared.after_call(state);
        }
        shared.room.give_back(0);
        if let Some(bytes) = self.client_bytes {
            shared.settings.room.give_back(bytes);
        }
    }
}

impl Shared {
    /// A call is over: too many orphans retire the connection, and a retired one ends with its last call.
    fn after_call(&self, state: MutexGuard<'_, State>) {
        let retire = state.slots.orphans() > self.settings.config.max_orphans;
        let driver = if self.life.load(Ordering::Acquire) == RETIRED { state.driver.clone() } else { None };
        drop(state);
        if retire {
            self.retire();
        }
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// A oneway frame that is to be handed to the kernel by its deadline.
pub(crate) struct OnewayWrite {
    shared: Arc<Shared>,
    start: u64,
    end: u64,
    deadline: Deadline,
    started: Instant,
    /// Armed only once there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl OnewayWrite {
    pub(super) fn new(shared: Arc<Shared>, (start, end): (u64, u64), deadline: Deadline, started: Instant) -> Self {
        Self { shared, start, end, deadline, started, timer: None }
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
