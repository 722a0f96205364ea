//! One connection: a cheap handle for callers, and one task that reads, writes and watches the clock.
//!
//! ```text
//!  caller ── submit: one lock { slot, encode, who flushes? } ──┬─ alone on a plain socket: writes inline
//!                                                             └─ otherwise: the task writes what has gathered, at once
//!  caller ◄─ wake ── one lock per read { answers into slots } ◄── task reads and decodes a burst
//! ```
//!
//! Inside holds: frames are appended whole, under the lock, so that a cancelled caller cannot cut one; a slot exists exactly as long as
//! its call, or as an orphan without body until its answer comes; nothing is awaited and no user code runs under the lock.

mod call;
mod driver;
mod out_buffer;
mod serve;
mod slots;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::code::RequestCode;
use crate::codec;
use crate::command::RemotingCommand;
use crate::config::RemotingConfig;
use crate::connector::Stream;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError, RoomLimit};
use crate::processor::Processor;
use crate::room::{Permit, Room};
use crate::stats::Counters;
use call::{Call, OnewayWrite};
use out_buffer::{MAX_SLICES, OutBuffer};
use slots::{SlotKey, Slots};

/// What all connections of one client or server have in common.
pub(crate) struct Settings {
    pub(crate) config: RemotingConfig,
    pub(crate) processors: HashMap<RequestCode, Arc<dyn Processor>>,
    pub(crate) fallback: Option<Arc<dyn Processor>>,
    pub(crate) counters: Counters,
    pub(crate) tracker: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

/// A handle on one open connection. Clones share it; it lives until its owner, the peer or the network ends it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    id: u64,
    peer: Arc<str>,
    settings: Arc<Settings>,
    life: AtomicU8,
    state: Mutex<State>,
    /// Room for awaited requests on this connection.
    room: Arc<Room>,
    /// Requests from the peer that are being worked on.
    serving: AtomicUsize,
    /// Told when the out-buffer fell below its high-water mark, and when the connection ended.
    writable: Notify,
}

struct State {
    out: OutBuffer,
    /// Emptied buffer of the last inline writer, to be swapped in again.
    spare: OutBuffer,
    /// All bytes ever appended, and all bytes ever handed to the kernel or transport.
    enqueued: u64,
    handed: u64,
    slots: Slots,
    oneways: BTreeMap<u64, Waker>,
    oneway_opaque: i32,
    flusher: Flusher,
    /// Answers that the last read brought.
    last_burst: usize,
    /// The socket, while it is open and may be written to inline.
    socket: Option<Arc<OwnedWriteHalf>>,
    driver: Option<Waker>,
    /// When the driver's timer fires next.
    armed: Option<Instant>,
    /// A new deadline is earlier than the timer.
    rearm: bool,
    ending: Option<ConnectionEnd>,
    ended: Option<ConnectionEnd>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flusher {
    Nobody,
    Caller,
    Task,
}

const OPEN: u8 = 0;
const RETIRED: u8 = 1;
const ENDED: u8 = 2;

/// What `submit` did.
enum Submitted<T> {
    Done(T),
    /// Too many bytes wait to be written; nothing was encoded.
    Full,
    /// The connection had ended before; nothing was encoded.
    Ended(ConnectionEnd),
}

impl Connection {
    /// Starts the connection's task on the settings' tracker. `on_end` runs on that task, once.
    pub(crate) fn start(
        stream: Stream,
        peer: Arc<str>,
        settings: Arc<Settings>,
        on_end: impl FnOnce(u64, &ConnectionEnd) + Send + 'static,
    ) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (reader, writer, socket) = driver::split(stream);
        let room = Room::new(settings.config.max_in_flight_per_connection, usize::MAX);
        let shared = Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            peer,
            life: AtomicU8::new(OPEN),
            state: Mutex::new(State {
                out: OutBuffer::default(),
                spare: OutBuffer::default(),
                enqueued: 0,
                handed: 0,
                slots: Slots::default(),
                oneways: BTreeMap::new(),
                oneway_opaque: 0,
                flusher: Flusher::Nobody,
                last_burst: 0,
                socket,
                driver: None,
                armed: None,
                rearm: false,
                ending: None,
                ended: None,
            }),
            room,
            serving: AtomicUsize::new(0),
            writable: Notify::new(),
            settings,
        });
        shared.settings.counters.connections_opened.add(1);
        let connection = Self { shared };
        let driver = driver::Driver::new(connection.clone(), reader, writer);
        connection.shared.settings.tracker.spawn(driver.run(on_end));
        connection
    }

    /// Returns a number that no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Returns who is at the other end: the address dialled, or the acceptor's label.
    pub fn peer(&self) -> &str {
        &self.shared.peer
    }

    /// Tells whether new requests may be put on it.
    pub fn is_open(&self) -> bool {
        self.shared.life.load(Ordering::Acquire) == OPEN
    }

    /// Returns how many awaited requests are on it.
    pub fn in_flight(&self) -> usize {
        self.shared.state.lock().slots.live()
    }

    /// Returns how many requests on it were given up and not answered yet.
    pub fn orphans(&self) -> usize {
        self.shared.state.lock().slots.orphans()
    }

    /// Returns how many bytes wait to be written.
    pub fn queued_bytes(&self) -> u64 {
        let state = self.shared.state.lock();
        state.enqueued - state.handed
    }

    /// Ends it at once; every call on it ends with [`RemotingError::ConnectionLost`].
    pub fn close(&self) {
        self.shared.end(ConnectionEnd::Closed);
    }

    /// Takes no new requests and ends when the last one on it is done.
    pub fn retire(&self) {
        self.shared.retire();
    }

    /// Sends a request and waits for its answer, whatever its code. Room, write and answer are inside the deadline.
    ///
    /// # Errors
    ///
    /// See [`RemotingError::certainty`]; once the request is encoded a missing answer means
    /// [`MaybeExecuted`](crate::Certainty::MaybeExecuted), unless the connection ended before its first byte was handed to the kernel.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future frees its room at once, leaves no half frame on the wire and harms no other call. The peer may still execute
    /// the request.
    pub async fn invoke(
        &self,
        request: &RemotingCommand,
        deadline: impl Into<Deadline>,
    ) -> Result<RemotingCommand, RemotingError> {
        let (deadline, started) = (deadline.into(), Instant::now());
        if deadline.instant() <= started {
            return Err(RemotingError::DeadlineExpired);
        }
        let permit = self.room(deadline, started).await?;
        loop {
            match self.shared.submit(request, deadline)? {
                Submitted::Done(slot) => {
                    return Call::new(Arc::clone(&self.shared), slot, started, permit).await;
                }
                Submitted::Full => self.wait_writable(deadline, started).await?,
                Submitted::Ended(cause) => return Err(self.shared.lost(cause, false)),
            }
        }
    }

    /// Sends a request that has no answer and returns once its whole frame is handed to the kernel.
    ///
    /// # Errors
    ///
    /// As [`Connection::invoke`]; a deadline that passes while the frame waits to be written means
    /// [`MaybeExecuted`](crate::Certainty::MaybeExecuted).
    ///
    /// # Cancel safety
    ///
    /// As [`Connection::invoke`].
    pub async fn invoke_oneway(
        &self,
        request: &RemotingCommand,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RemotingError> {
        let (deadline, started) = (deadline.into(), Instant::now());
        if deadline.instant() <= started {
            return Err(RemotingError::DeadlineExpired);
        }
        loop {
            match self.shared.submit_oneway(request)? {
                Submitted::Done(frame) => {
                    let write = OnewayWrite::new(Arc::clone(&self.shared), frame);
                    return match tokio::time::timeout_at(deadline.instant(), write).await {
                        Ok(outcome) => outcome,
                        Err(_) => Err(RemotingError::Timeout {
                            addr: Arc::clone(&self.shared.peer),
                            after: started.elapsed(),
                        }),
                    };
                }
                Submitted::Full => self.wait_writable(deadline, started).await?,
                Submitted::Ended(cause) => return Err(self.shared.lost(cause, false)),
            }
        }
    }

    async fn room(&self, deadline: Deadline, started: Instant) -> Result<Permit, RemotingError> {
        if let Some(permit) = self.shared.room.try_acquire(0) {
            return Ok(permit);
        }
        let count = self.shared.settings.config.max_in_flight_per_connection;
        match tokio::time::timeout_at(deadline.instant(), self.shared.room.acquire(0)).await {
            Ok(Some(permit)) => Ok(permit),
            Ok(None) => Err(self.shared.lost(self.shared.end_cause(), false)),
            Err(_) => Err(RemotingError::NoRoom { limit: RoomLimit::Connection { count }, after: started.elapsed() }),
        }
    }

    /// Waits until the peer has taken enough bytes, or the connection has ended.
    async fn wait_writable(&self, deadline: Deadline, started: Instant) -> Result<(), RemotingError> {
        let bytes = self.shared.settings.config.write_high_water_bytes;
        let limit = RoomLimit::WriteBuffer { bytes };
        tokio::time::timeout_at(deadline.instant(), self.shared.below_high_water())
            .await
            .map_err(|_| RemotingError::NoRoom { limit, after: started.elapsed() })
    }
}

impl Shared {
    fn submit(&self, request: &RemotingCommand, deadline: Deadline) -> Result<Submitted<SlotKey>, RemotingError> {
        let mut state = self.state.lock();
        if let Some(refused) = self.refuse(&state) {
            return Ok(refused);
        }
        let start = state.enqueued;
        let Some((key, opaque)) = state.slots.take(deadline.instant(), start) else {
            // Cannot happen while max_in_flight_per_connection + max_orphans fit into the table.
            return Ok(Submitted::Full);
        };
        let limits = &self.settings.config.frame_limits;
        let state_ref = &mut *state;
        match state_ref.out.push(request.body(), |out| codec::encode_head(request, opaque, out, limits)) {
            Ok(added) => state_ref.enqueued += added as u64,
            Err(error) => {
                state.slots.undo(key);
                return Err(RemotingError::Encode(error));
            }
        }
        let mut rearmed = None;
        if state.armed.is_none_or(|armed| deadline.instant() < armed) {
            state.armed = Some(deadline.instant());
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

    fn submit_oneway(&self, request: &RemotingCommand) -> Result<Submitted<(u64, u64)>, RemotingError> {
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
            .push(request.body(), |out| codec::encode_head(request, opaque, out, limits))
            .map_err(RemotingError::Encode)?;
        state.enqueued += added as u64;
        let end = state.enqueued;
        self.flush(state);
        Ok(Submitted::Done((start, end)))
    }

    /// Appends the answer to a request of the peer. Answers may pass the high-water mark by one frame each.
    fn submit_answer(&self, answer: &RemotingCommand) -> Result<Submitted<()>, RemotingError> {
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

    fn is_full(&self, state: &State) -> bool {
        state.enqueued - state.handed >= self.settings.config.write_high_water_bytes as u64
    }

    async fn below_high_water(&self) {
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
    fn flush(&self, mut state: parking_lot::MutexGuard<'_, State>) {
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
    fn hand_over(&self, state: &mut State, written: usize, wakers: &mut Vec<Waker>) -> bool {
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

    /// Asks the task to end the connection.
    fn end(&self, cause: ConnectionEnd) {
        let driver = {
            let mut state = self.state.lock();
            if state.ended.is_some() || state.ending.is_some() {
                return;
            }
            state.ending = Some(cause);
            self.life.store(ENDED, Ordering::Release);
            state.driver.clone()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn retire(&self) {
        if self.life.compare_exchange(OPEN, RETIRED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            let driver = self.state.lock().driver.clone();
            if let Some(driver) = driver {
                driver.wake();
            }
        }
    }

    fn end_cause(&self) -> ConnectionEnd {
        let state = self.state.lock();
        state.ended.as_ref().or(state.ending.as_ref()).cloned().unwrap_or(ConnectionEnd::Closed)
    }

    fn lost(&self, cause: ConnectionEnd, written: bool) -> RemotingError {
        RemotingError::ConnectionLost { addr: Arc::clone(&self.peer), written, cause }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.shared.id)
            .field("peer", &self.shared.peer)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
