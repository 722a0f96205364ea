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

mod badge;
mod call;
mod driver;
mod linger;
mod opaque;
mod out_buffer;
mod serve;
mod slots;
mod submit;
mod turns;
mod uncollected;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;

use parking_lot::Mutex;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answer::Answer;
use crate::code::RequestCode;
use crate::command::RemotingCommand;
use crate::config::RemotingConfig;
use crate::connector::Stream;
use crate::deadline::Deadline;
use crate::error::{ConnectionEnd, RemotingError, RoomLimit};
use crate::processor::Processor;
use crate::request_frame::RequestFrame;
use crate::room::Room;
use crate::stats::Counters;
pub(crate) use badge::Badge;
pub(crate) use call::{Call, OnewayWrite};
use out_buffer::OutBuffer;
use slots::Slots;
use submit::Refused;
use turns::{Turn, Turns};

/// What all connections of one client or server have in common.
pub(crate) struct Settings {
    pub(crate) config: RemotingConfig,
    pub(crate) processors: HashMap<RequestCode, Arc<dyn Processor>>,
    pub(crate) fallback: Option<Arc<dyn Processor>>,
    pub(crate) counters: Counters,
    pub(crate) tracker: TaskTracker,
    /// Connections that have ended for everybody but their peers.
    pub(crate) lingering: TaskTracker,
    /// For these peers, too.
    pub(crate) cut: CancellationToken,
    pub(crate) cancel: CancellationToken,
    /// Room for the awaited requests of all connections: from before the dial until the answer.
    pub(crate) room: Room,
    /// A shutdown has begun.
    pub(crate) closed: AtomicBool,
}

impl Settings {
    pub(crate) fn new(
        config: RemotingConfig,
        processors: HashMap<RequestCode, Arc<dyn Processor>>,
        fallback: Option<Arc<dyn Processor>>,
    ) -> Arc<Self> {
        let room = Room::new(config.max_in_flight, config.max_in_flight_bytes);
        Arc::new(Self {
            config,
            processors,
            fallback,
            counters: Counters::default(),
            tracker: TaskTracker::new(),
            lingering: TaskTracker::new(),
            cut: CancellationToken::new(),
            cancel: CancellationToken::new(),
            room,
            closed: AtomicBool::new(false),
        })
    }

    /// Waits until the peers of all connections have closed their ends, and no longer than until `deadline`: then they are left without.
    pub(crate) async fn let_peers_close(&self, deadline: Instant) {
        self.lingering.close();
        if tokio::time::timeout_at(deadline, self.lingering.wait()).await.is_err() {
            self.cut.cancel();
            self.lingering.wait().await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// After a shutdown an unsent request says so, and not that its connection was lost.
    pub(crate) fn closed_or(&self, error: RemotingError) -> RemotingError {
        match error {
            RemotingError::ConnectionLost { written: false, cause: ConnectionEnd::Closed, .. } if self.is_closed() => {
                RemotingError::Closed
            }
            other => other,
        }
    }
}

/// A handle on one open connection. Clones share it; it lives until its owner, the peer or the network ends it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

/// A connection, as long as others keep it.
#[derive(Default)]
pub(crate) struct WeakConnection {
    shared: Weak<Shared>,
}

pub(crate) struct Shared {
    id: u64,
    peer: Arc<str>,
    settings: Arc<Settings>,
    life: AtomicU8,
    /// The peer asked its clients to leave.
    going_away: AtomicBool,
    state: Mutex<State>,
    /// Bytes that came so far; written by the connection's task alone.
    bytes_read: AtomicU64,
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
    turns: Turns,
    oneways: BTreeMap<u64, Waker>,
    oneway_opaque: i32,
    flusher: Flusher,
    /// Answers that the last read brought.
    last_burst: usize,
    /// When it did.
    last_read: Instant,
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
        let shared = Arc::new(Shared {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            peer,
            life: AtomicU8::new(OPEN),
            going_away: AtomicBool::new(false),
            state: Mutex::new(State {
                out: OutBuffer::default(),
                spare: OutBuffer::default(),
                enqueued: 0,
                handed: 0,
                slots: Slots::default(),
                turns: Turns::default(),
                oneways: BTreeMap::new(),
                oneway_opaque: 0,
                flusher: Flusher::Nobody,
                last_burst: 0,
                last_read: Instant::now(),
                socket,
                driver: None,
                armed: None,
                rearm: false,
                ending: None,
                ended: None,
            }),
            bytes_read: AtomicU64::new(0),
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

    /// Returns how many bytes came from the peer so far: one that sends anything at all is alive.
    pub fn bytes_read(&self) -> u64 {
        self.shared.bytes_read.load(Ordering::Relaxed)
    }

    /// Returns how many bytes wait to be written.
    pub fn queued_bytes(&self) -> u64 {
        let state = self.shared.state.lock();
        state.enqueued - state.handed
    }

    /// Ends it at once; every call on it ends with [`RemotingError::ConnectionLost`]. The peer still gets to read what was written, see
    /// [`RemotingClient`](crate::RemotingClient).
    pub fn close(&self) {
        self.shared.end(ConnectionEnd::Closed);
    }

    /// Ends what is on it for a party that has ended, and for nobody else.
    pub(crate) fn cut_off(&self, badge: &Badge) {
        let mut wakers = Vec::new();
        {
            let mut state = self.shared.state.lock();
            state.slots.cut_off(badge.number(), &mut wakers);
            // Each of them looks whose it is.
            wakers.extend(std::mem::take(&mut state.oneways).into_values());
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn downgrade(&self) -> WeakConnection {
        WeakConnection { shared: Arc::downgrade(&self.shared) }
    }

    /// Tells whether it was given up because the peer asked its clients to leave (GO_AWAY).
    pub(crate) fn is_going_away(&self) -> bool {
        self.shared.going_away.load(Ordering::Acquire)
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
        self.invoke_frame(request, deadline).await.map(RemotingCommand::from)
    }

    /// As [`invoke`](Self::invoke), for any form of a request, and without a map of the answer's fields where that can be avoided.
    ///
    /// # Errors
    ///
    /// As [`invoke`](Self::invoke).
    ///
    /// # Cancel safety
    ///
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_frame<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<Answer, RemotingError> {
        self.call(request, deadline.into(), None).await?.await
    }

    /// Puts a request on the connection, waiting for room.
    pub(crate) async fn call<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
        badge: Option<&Badge>,
    ) -> Result<Call, RemotingError> {
        let started = Instant::now();
        if deadline.instant() <= started {
            return Err(RemotingError::DeadlineExpired);
        }
        let mut turn = None;
        loop {
            match self.shared.submit(request, deadline, None, turn.as_ref(), badge) {
                Ok(slot) => return Ok(Call::new(Arc::clone(&self.shared), slot, deadline.since(), None)),
                Err(Refused::NoPlace) => turn = Some(self.turn(deadline, started).await?),
                Err(Refused::Full) => self.wait_writable(deadline, started).await?,
                Err(Refused::Ended(cause)) => return Err(self.shared.lost(*cause, false)),
                Err(Refused::Failed(error)) => return Err(*error),
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
    pub async fn invoke_oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RemotingError> {
        self.oneway(request, deadline.into(), Instant::now(), None).await?.await
    }

    /// Puts a oneway request on the connection, waiting for room.
    pub(crate) async fn oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
        started: Instant,
        badge: Option<&Arc<Badge>>,
    ) -> Result<OnewayWrite, RemotingError> {
        if deadline.is_expired() {
            return Err(RemotingError::DeadlineExpired);
        }
        loop {
            match self.shared.submit_oneway(request, badge) {
                Ok(frame) => return Ok(OnewayWrite::new(Arc::clone(&self.shared), frame, deadline, started, badge)),
                Err(Refused::NoPlace | Refused::Full) => self.wait_writable(deadline, started).await?,
                Err(Refused::Ended(cause)) => return Err(self.shared.lost(*cause, false)),
                Err(Refused::Failed(error)) => return Err(*error),
            }
        }
    }

    /// Waits for a place among the requests on the connection.
    async fn turn(&self, deadline: Deadline, started: Instant) -> Result<Turn<'_>, RemotingError> {
        let count = self.shared.settings.config.max_in_flight_per_connection;
        let limit = RoomLimit::Connection { count };
        match tokio::time::timeout_at(deadline.instant(), self.shared.turn()).await {
            Ok(turn) => turn.map_err(|cause| self.shared.lost(cause, false)),
            Err(_) => Err(RemotingError::NoRoom { limit, after: started.elapsed() }),
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

impl WeakConnection {
    #[inline]
    pub(crate) fn upgrade(&self) -> Option<Connection> {
        self.shared.upgrade().map(|shared| Connection { shared })
    }

    /// Whether others keep it, and be it for a call.
    pub(crate) fn is_kept(&self) -> bool {
        self.shared.strong_count() > 0
    }
}

impl Shared {
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

    /// The peer answered GO_AWAY: what is on the connection may finish, nothing new goes there.
    fn go_away(&self) {
        self.going_away.store(true, Ordering::Release);
        self.retire();
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
