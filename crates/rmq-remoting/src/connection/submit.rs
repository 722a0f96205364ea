//! Putting a frame on a connection: one lock for slot, encoding and the decision who writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use parking_lot::MutexGuard;
use tokio::net::tcp::OwnedWriteHalf;

use super::call::{Call, OnewayWrite};
use super::out_buffer::{MAX_SLICES, OutBuffer};
use super::slots::SlotKey;
use super::{Connection, Flusher, OPEN, Shared, State};
use crate::codec;
use crate::command::RemotingCommand;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError};
use crate::request_frame::RequestFrame;

/// What putting a frame on a connection came to.
pub(super) enum Submitted<T> {
    Done(T),
    /// Too many bytes wait to be written; nothing was encoded.
    Full,
    /// The connection had ended before; nothing was encoded.
    Ended(ConnectionEnd),
}

impl Connection {
    /// Puts a request on the connection if that needs no waiting; its answer wakes `waker`. With the call goes the client's room
    /// for `client_bytes`.
    ///
    /// `None`: something has to be waited for, or the connection has ended; nothing was encoded, and the client's room is still the
    /// caller's, as with an error.
    pub(crate) fn try_call<F: RequestFrame + ?Sized>(
        self,
        request: &F,
        deadline: Deadline,
        client_bytes: usize,
        waker: &Waker,
    ) -> Option<Result<Call, RemotingError>> {
        if !self.shared.room.try_take(0) {
            return None;
        }
        match self.shared.submit(request, deadline, Some(waker)) {
            Ok(Submitted::Done(slot)) => {
                Some(Ok(Call::new(self.shared, slot, deadline.since(), Some(client_bytes)).watched()))
            }
            Ok(Submitted::Full | Submitted::Ended(_)) => {
                self.shared.room.give_back(0);
                None
            }
            Err(error) => {
                self.shared.room.give_back(0);
                Some(Err(error))
            }
        }
    }

    /// Puts a oneway request on the connection if that needs no waiting. `None`: it does, or the connection has ended.
    pub(crate) fn try_oneway<F: RequestFrame + ?Sized>(
        self,
        request: &F,
        deadline: Deadline,
    ) -> Option<Result<OnewayWrite, RemotingError>> {
        if deadline.is_expired() {
            return Some(Err(RemotingError::DeadlineExpired));
        }
        match self.shared.submit_oneway(request) {
            Ok(Submitted::Done(frame)) => Some(Ok(OnewayWrite::new(self.shared, frame, deadline, deadline.since()))),
            Ok(Submitted::Full | Submitted::Ended(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl Shared {
    pub(super) fn submit<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
        waker: Option<&Waker>,
    ) -> Result<Submitted<SlotKey>, RemotingError> {
        let at = deadline.instant();
        let mut state = self.state.lock();
        if let Some(refused) = self.refuse(&state) {
            return Ok(refused);
        }
        // The timer fires at the earliest deadline: one that is later cannot be over, as long as the timer has not fired. So the
        // clock is read only for a new earliest one.
        let earliest = state.armed.is_none_or(|armed| at < armed);
        if earliest && deadline.is_expired() {
            return Err(RemotingError::DeadlineExpired);
        }
        let start = state.enqueued;
        let Some((key, opaque)) = state.slots.take(at, start, waker) else {
            // Cannot happen while max_in_flight_per_connection + max_orphans fit into the table.
            return Ok(Submitted::Full);
        };
        let limits = &self.settings.config.frame_limits;
        let body = request.body();
        let written = state.out.try_push(body, || request.head_room(), |pen| request.write_head(opaque, limits, pen));
        let written = match written {
            Some(added) => Ok(added),
            None => state.out.push(body, |out| request.encode_head(opaque, false, out, limits)),
        };
        match written {
            Ok(added) => state.enqueued += added as u64,
            Err(error) => {
                state.slots.undo(key);
                return Err(RemotingError::Encode(error));
            }
        }
        let mut rearmed = None;
        if earliest {
            state.armed = Some(at);
            if !std::mem::replace(&mut state.rearm, true) {
                rearmed = state.driver.clone();
            }
        }
        self.flush(state);
        if let Some(driver) = rearmed {
            driver.wake();
        }
        Ok(Submitted::Done(key))
    }

    pub(super) fn submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
    ) -> Result<Submitted<(u64, u64)>, RemotingError> {
        let mut state = self.state.lock();
        if let Some(refused) = self.refuse(&state) {
            return Ok(refused);
        }
        let start = state.enqueued;
        // The negative opaques belong to oneway requests: no slot ever has one, so a stray answer meets nobody.
        state.oneway_opaque = state.oneway_opaque.wrapping_add(1) & i32::MAX;
        let opaque = state.oneway_opaque | i32::MIN;
        let limits = &self.settings.config.frame_limits;
        let added = state
            .out
            .push(request.body(), |out| request.encode_head(opaque, true, out, limits))
            .map_err(RemotingError::Encode)?;
        state.enqueued += added as u64;
        let end = state.enqueued;
        self.flush(state);
        Ok(Submitted::Done((start, end)))
    }

    /// Appends the answer to a request of the peer. Answers may pass the high-water mark by one frame each.
    pub(super) fn submit_answer(&self, answer: &RemotingCommand) -> Result<Submitted<()>, RemotingError> {
        let mut state = self.state.lock();
        if let Some(cause) = &state.ended {
            return Ok(Submitted::Ended(cause.clone()));
        }
        let limits = &self.settings.config.frame_limits;
        let added = state
            .out
            .push(answer.body(), |out| codec::encode_head(answer, answer.opaque(), out, limits))
            .map_err(RemotingError::Encode)?;
        state.enqueued += added as u64;
        self.flush(state);
        Ok(Submitted::Done(()))
    }

    fn refuse<T>(&self, state: &State) -> Option<Submitted<T>> {
        if let Some(cause) = state.ended.as_ref().or(state.ending.as_ref()) {
            return Some(Submitted::Ended(cause.clone()));
        }
        if self.life.load(Ordering::Relaxed) != OPEN {
            return Some(Submitted::Ended(ConnectionEnd::Retired));
        }
        if self.is_full(state) { Some(Submitted::Full) } else { None }
    }

    pub(super) fn is_full(&self, state: &State) -> bool {
        state.enqueued - state.handed >= self.settings.config.write_high_water_bytes as u64
    }

    pub(super) async fn below_high_water(&self) {
        loop {
            let writable = self.writable.notified();
            tokio::pin!(writable);
            writable.as_mut().enable();
            {
                let state = self.state.lock();
                if state.ended.is_some() || !self.is_full(&state) {
                    return;
                }
            }
            writable.await;
        }
    }

    /// Sees to it that somebody writes what was appended: the caller itself when it is alone on a plain socket, the task otherwise.
    fn flush(&self, mut state: MutexGuard<'_, State>) {
        if state.flusher != Flusher::Nobody {
            return;
        }
        let alone = state.slots.live() <= 1 && state.last_burst <= 1 && self.serving.load(Ordering::Relaxed) <= 1;
        match state.socket.clone() {
            Some(socket) if alone => {
                state.flusher = Flusher::Caller;
                let spare = std::mem::take(&mut state.spare);
                let mine = std::mem::replace(&mut state.out, spare);
                drop(state);
                self.write_inline(&socket, mine);
            }
            _ => {
                state.flusher = Flusher::Task;
                let driver = state.driver.clone();
                drop(state);
                if let Some(driver) = driver {
                    driver.wake();
                }
            }
        }
    }

    /// Writes once, without waiting; what the socket does not take is left to the task.
    fn write_inline(&self, socket: &OwnedWriteHalf, mut mine: OutBuffer) {
        let written = {
            let mut slices = [io::IoSlice::new(&[]); MAX_SLICES];
            let used = mine.slices(&mut slices);
            self.settings.counters.writes.add(1);
            socket.try_write_vectored(&slices[..used])
        };
        let mut wakers = Vec::new();
        let mut below = false;
        let mut state = self.state.lock();
        match written {
            Ok(n) => {
                mine.advance(n);
                below = self.hand_over(&mut state, n, &mut wakers);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => state.ending = Some(ConnectionEnd::Io(Arc::new(error))),
        }
        let spoilt = state.ending.is_some();
        if mine.is_empty() {
            state.spare = mine;
        } else {
            state.out.prepend(mine);
        }
        if state.out.is_empty() && !spoilt {
            state.flusher = Flusher::Nobody;
        } else {
            state.flusher = Flusher::Task;
            wakers.extend(state.driver.clone());
        }
        drop(state);
        if below {
            self.writable.notify_waiters();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Counts bytes handed to the kernel or transport and collects the oneway callers whose frames are out. `true`: those who wait for
    /// the out-buffer to drain are to be told.
    pub(super) fn hand_over(&self, state: &mut State, written: usize, wakers: &mut Vec<Waker>) -> bool {
        let was_full = self.is_full(state);
        state.handed += written as u64;
        while let Some(first) = state.oneways.first_entry() {
            if *first.key() > state.handed {
                break;
            }
            wakers.push(first.remove());
        }
        was_full && !self.is_full(state)
    }
}
