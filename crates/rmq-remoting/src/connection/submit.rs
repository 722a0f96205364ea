//! Putting a frame on a connection: one lock for slot, encoding and the decision who writes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use bytes::Bytes;
use parking_lot::MutexGuard;
use tokio::net::tcp::OwnedWriteHalf;

use super::call::{Call, OnewayWrite};
use super::opaque;
use super::out_buffer::{MAX_SLICES, OutBuffer};
use super::slots::{SlotKey, Slots};
use super::turns::Turn;
use super::{Badge, Connection, Flusher, OPEN, Shared, State};
use crate::codec;
use crate::command::RemotingCommand;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError};
use crate::frame_error::FrameError;
use crate::request_frame::RequestFrame;
use crate::room::Permit;

/// Why a frame was not put on a connection; nothing was encoded. Small, because every call looks for it.
pub(super) enum Refused {
    /// As many requests as it carries are on the connection, or others wait for a place.
    NoPlace,
    /// Too many bytes wait to be written.
    Full,
    /// The connection had ended before.
    Ended(Box<ConnectionEnd>),
    /// The request is at fault, or its time is over.
    Failed(Box<RemotingError>),
}

impl Refused {
    #[cold]
    fn of(error: FrameError) -> Self {
        Self::Failed(Box::new(RemotingError::Encode(error)))
    }

    #[cold]
    fn party_has_ended() -> Self {
        Self::Failed(Box::new(RemotingError::Closed))
    }
}

impl Connection {
    /// Puts a request on the connection if that needs no waiting; its answer wakes `waker`. With the call goes the client's room.
    ///
    /// `None`: something has to be waited for, or the connection has ended; nothing was encoded.
    #[inline(always)]
    pub(crate) fn try_call<F: RequestFrame + ?Sized>(
        self,
        request: &F,
        deadline: Deadline,
        waker: &Waker,
        permit: Permit<'_>,
        badge: Option<&Badge>,
    ) -> Result<Option<Call>, Box<RemotingError>> {
        match self.shared.submit(request, deadline, Some(waker), None, badge) {
            Ok(slot) => Ok(Some(Call::new(self.shared, slot, deadline.since(), Some(permit.keep())))),
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::NoPlace | Refused::Full | Refused::Ended(_)) => Ok(None),
        }
    }

    /// Puts a oneway request on the connection if that needs no waiting. `None`: it does, or the connection has ended.
    pub(crate) fn try_oneway<F: RequestFrame + ?Sized>(
        self,
        request: &F,
        deadline: Deadline,
        badge: Option<&Arc<Badge>>,
    ) -> Result<Option<OnewayWrite>, Box<RemotingError>> {
        if deadline.is_expired() {
            return Err(Box::new(RemotingError::DeadlineExpired));
        }
        match self.shared.submit_oneway(request, badge) {
            Ok(frame) => Ok(Some(OnewayWrite::new(self.shared, frame, deadline, deadline.since(), badge))),
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::NoPlace | Refused::Full | Refused::Ended(_)) => Ok(None),
        }
    }
}

/// Says whose a request is; or refuses it if that one has ended. Under the lock of the connection, as the end is.
#[inline(never)]
fn claim(slots: &mut Slots, key: SlotKey, badge: &Badge) -> Result<(), Refused> {
    if badge.has_ended() {
        slots.undo(key);
        return Err(Refused::party_has_ended());
    }
    slots.claim(key, badge.number());
    Ok(())
}

impl State {
    /// Appends a frame. On an error nothing was appended.
    fn append(
        &mut self,
        body: &Bytes,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        self.enqueued += self.out.push(body, encode)? as u64;
        Ok(())
    }
}

impl Shared {
    /// Puts a request on the connection, on the place that is set aside for `turn`, or on a free one.
    #[inline]
    pub(super) fn submit<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
        waker: Option<&Waker>,
        turn: Option<&Turn<'_>>,
        badge: Option<&Badge>,
    ) -> Result<SlotKey, Refused> {
        let at = deadline.instant();
        let mut state = self.state.lock();
        if !self.takes_requests(&state) {
            return Err(self.refuse(&state));
        }
        let has_place = match turn {
            None => state.slots.live() < self.settings.config.max_in_flight_per_connection && state.turns.is_idle(),
            Some(turn) => state.turns.has(turn),
        };
        if !has_place {
            return Err(Refused::NoPlace);
        }
        // The timer fires at the earliest deadline: one that is later cannot be over, as long as the timer has not fired. So the
        // clock is read only for a new earliest one.
        let earliest = state.armed.is_none_or(|armed| at < armed);
        if earliest && deadline.is_expired() {
            return Err(Refused::Failed(Box::new(RemotingError::DeadlineExpired)));
        }
        let start = state.enqueued;
        let Some((key, opaque)) = state.slots.take(at, start, waker) else {
            // Cannot happen while max_in_flight_per_connection + max_orphans fit into the table.
            return Err(Refused::Full);
        };
        if let Some(badge) = badge {
            claim(&mut state.slots, key, badge)?;
        }
        let limits = &self.settings.config.frame_limits;
        let body = request.body();
        let written = state.out.try_push(body, |pen| request.write_head(opaque, limits, pen));
        match written {
            Some(added) => state.enqueued += added as u64,
            None => {
                if let Err(error) = state.append(body, |out| request.encode_head(opaque, false, out, limits)) {
                    // Under the same lock: nobody has missed the place meanwhile.
                    state.slots.undo(key);
                    return Err(Refused::of(error));
                }
            }
        }
        if let Some(turn) = turn {
            state.turns.take(turn);
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
        Ok(key)
    }

    pub(super) fn submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        badge: Option<&Arc<Badge>>,
    ) -> Result<(u64, u64), Refused> {
        let badge = badge.map(|badge| &**badge);
        let mut state = self.state.lock();
        if !self.takes_requests(&state) {
            return Err(self.refuse(&state));
        }
        if badge.is_some_and(Badge::has_ended) {
            return Err(Refused::party_has_ended());
        }
        let start = state.enqueued;
        let opaque = opaque::next_oneway(state.oneway_opaque);
        state.oneway_opaque = opaque;
        let limits = &self.settings.config.frame_limits;
        state.append(request.body(), |out| request.encode_head(opaque, true, out, limits)).map_err(Refused::of)?;
        let end = state.enqueued;
        self.flush(state);
        Ok((start, end))
    }

    /// Appends the answer to a request of the peer. Answers may pass the high-water mark by one frame each.
    pub(super) fn submit_answer(&self, answer: &RemotingCommand) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if let Some(cause) = &state.ended {
            return Err(Refused::Ended(Box::new(cause.clone())));
        }
        let limits = &self.settings.config.frame_limits;
        let encode = |out: &mut Vec<u8>| codec::encode_head(answer, answer.opaque(), out, limits);
        state.append(answer.body(), encode).map_err(Refused::of)?;
        self.flush(state);
        Ok(())
    }

    /// Whether one more request may be appended.
    fn takes_requests(&self, state: &State) -> bool {
        self.life.load(Ordering::Relaxed) == OPEN && state.ending.is_none() && !self.is_full(state)
    }

    /// Why not.
    #[cold]
    fn refuse(&self, state: &State) -> Refused {
        let retired = || (self.life.load(Ordering::Relaxed) != OPEN).then_some(ConnectionEnd::Retired);
        match state.ended.as_ref().or(state.ending.as_ref()).cloned().or_else(retired) {
            Some(cause) => Refused::Ended(Box::new(cause)),
            None => Refused::Full,
        }
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

    /// Sees to it that somebody writes what was appended.
    #[inline]
    fn flush(&self, state: MutexGuard<'_, State>) {
        if state.flusher == Flusher::Nobody {
            self.begin_flush(state);
        }
    }

    /// Nobody writes yet: the caller itself does when it is alone on a plain socket, the task otherwise.
    fn begin_flush(&self, mut state: MutexGuard<'_, State>) {
        let alone = state.slots.live() <= 1 && state.last_burst <= 1 && self.serving.load(Ordering::Relaxed) <= 1;
        match if alone { state.socket.clone() } else { None } {
            Some(socket) => {
                state.flusher = Flusher::Caller;
                let spare = std::mem::take(&mut state.spare);
                let mine = std::mem::replace(&mut state.out, spare);
                drop(state);
                self.write_inline(&socket, mine);
            }
            None => {
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
