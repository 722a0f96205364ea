//! The futures of callers: an awaited answer, and a oneway frame on its way to the kernel.
//!
//! A [`Call`] owns its slot and its permit; dropping it anywhere gives both back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::slots::{Found, SlotKey};
use super::{RETIRED, Shared, State};
use crate::command::RemotingCommand;
use crate::error::RemotingError;
use crate::room::Permit;

pub(super) struct Call {
    shared: Arc<Shared>,
    slot: SlotKey,
    started: Instant,
    done: bool,
    _permit: Permit,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, slot: SlotKey, started: Instant, permit: Permit) -> Self {
        Self { shared, slot, started, done: false, _permit: permit }
    }
}

impl Future for Call {
    type Output = Result<RemotingCommand, RemotingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.lock();
        match state.slots.look(self.slot) {
            Found::Answer(answer) => {
                shared.after_call(state);
                self.done = true;
                Poll::Ready(Ok(answer))
            }
            Found::Waiting { start } | Found::Expired { start } if state.ended.is_some() => {
                let written = start < state.handed;
                let cause = state.ended.clone().unwrap_or(crate::error::ConnectionEnd::Closed);
                drop(state);
                Poll::Ready(Err(shared.lost(cause, written)))
            }
            Found::Expired { .. } => {
                drop(state);
                Poll::Ready(Err(RemotingError::Timeout {
                    addr: Arc::clone(&shared.peer),
                    after: self.started.elapsed(),
                }))
            }
            Found::Waiting { .. } => {
                state.slots.watch(self.slot, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.done {
            let mut state = self.shared.state.lock();
            state.slots.leave(self.slot);
            self.shared.after_call(state);
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

pub(super) struct OnewayWrite {
    shared: Arc<Shared>,
    start: u64,
    end: u64,
}

impl OnewayWrite {
    pub(super) fn new(shared: Arc<Shared>, (start, end): (u64, u64)) -> Self {
        Self { shared, start, end }
    }
}

impl Future for OnewayWrite {
    type Output = Result<(), RemotingError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
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

impl Drop for OnewayWrite {
    fn drop(&mut self) {
        self.shared.state.lock().oneways.remove(&self.end);
    }
}
