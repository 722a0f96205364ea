//! The connection's task: reads bursts, writes what has gathered, fires deadlines, and ends everything together.
//!
//! It never waits for a caller, a processor or a full buffer of its own; it is the only one that reads.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::{Level, debug, enabled, trace};

use super::linger::Linger;
use super::out_buffer::{MAX_SLICES, OutBuffer};
use super::slots::Delivered;
use super::{Connection, ENDED, Flusher, OPEN};
use crate::answer::Answer;
use crate::codec::AnswerReader;
use crate::connector::{Stream, Transport};
use crate::error::ConnectionEnd;

/// Room made in the read buffer before each read; it grows with what was received, never with what a length word promises.
const READ_CHUNK: usize = 64 * 1024;
const READ_LEAST: usize = 16 * 1024;
/// Reads in a row before writers and deadlines get their turn.
pub(super) const READS_PER_TURN: usize = 16;
/// Answers that are read while callers cannot get at the connection: a few microseconds.
const PER_LOCK: usize = 32;

pub(super) enum Reader {
    Tcp(OwnedReadHalf),
    Boxed(ReadHalf<Box<dyn Transport>>),
}

pub(super) enum Writer {
    Tcp(Arc<OwnedWriteHalf>),
    Boxed(WriteHalf<Box<dyn Transport>>),
}

/// Splits a stream; the third part is the socket where callers may write inline.
pub(super) fn split(stream: Stream) -> (Reader, Writer, Option<Arc<OwnedWriteHalf>>) {
    match stream {
        Stream::Tcp(socket) => {
            let (reader, writer) = socket.into_split();
            let writer = Arc::new(writer);
            (Reader::Tcp(reader), Writer::Tcp(Arc::clone(&writer)), Some(writer))
        }
        Stream::Boxed(transport) => {
            let (reader, writer) = tokio::io::split(transport);
            (Reader::Boxed(reader), Writer::Boxed(writer), None)
        }
    }
}

pub(super) struct Driver {
    connection: Connection,
    reader: Reader,
    writer: Writer,
    input: BytesMut,
    frames: AnswerReader,
    answers: Vec<Answer>,
    wakers: Vec<Waker>,
    writing: OutBuffer,
    /// Bytes were handed to a boxed transport that may still hold them.
    unflushed: bool,
    yielded: bool,
    timer: Pin<Box<Sleep>>,
    timer_set: bool,
    idle_at: Option<Instant>,
    /// Since when the idle limit counts anew: the clock is read once per burst.
    active: Option<Instant>,
    bytes_read: u64,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Driver {
    pub(super) fn new(connection: Connection, reader: Reader, writer: Writer) -> Self {
        let settings = &connection.shared.settings;
        let cancelled = Box::pin(settings.cancel.clone().cancelled_owned());
        let now = Instant::now();
        let idle = settings.config.idle_timeout;
        Self {
            reader,
            writer,
            input: BytesMut::new(),
            frames: AnswerReader::default(),
            answers: Vec::new(),
            wakers: Vec::new(),
            writing: OutBuffer::default(),
            unflushed: false,
            yielded: false,
            timer: Box::pin(tokio::time::sleep_until(now)),
            timer_set: false,
            idle_at: (!idle.is_zero()).then(|| now + idle),
            active: None,
            bytes_read: 0,
            cancelled,
            connection,
        }
    }

    /// Runs until the connection ends, then ends every call on it in one go. One that was ended by this side lingers on by itself.
    pub(super) async fn run(mut self, on_end: impl FnOnce(u64, &ConnectionEnd)) {
        let cause = poll_fn(|cx| self.poll(cx)).await;
        let shared = Arc::clone(&self.connection.shared);
        shared.life.store(ENDED, Ordering::Release);
        {
            let mut state = shared.state.lock();
            state.ended = Some(cause.clone());
            state.socket = None;
            state.driver = None;
            state.out = OutBuffer::default();
            state.spare = OutBuffer::default();
            state.slots.wake_all(&mut self.wakers);
            state.turns.wake_all(&mut self.wakers);
            self.wakers.extend(std::mem::take(&mut state.oneways).into_values());
        }
        if cause.is_failure() {
            drop(self.reader);
            drop(self.writer);
        } else {
            let mut linger = Linger::begin(self.reader, self.writer);
            // The first step at once, so that the peer hears of the end before anybody here does.
            if poll_fn(|cx| Poll::Ready(Pin::new(&mut linger).poll(cx))).await.is_pending() {
                let settings = &shared.settings;
                settings.lingering.spawn(settings.cut.clone().run_until_cancelled_owned(linger));
            }
        }
        on_end(shared.id, &cause);
        shared.settings.counters.connections_ended.add(1);
        debug!(addr = %shared.peer, id = shared.id, %cause, "connection ended");
        shared.writable.notify_waiters();
        self.wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        self.watch(cx);
        if self.cancelled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(ConnectionEnd::Closed);
        }
        if let Poll::Ready(end) = self.poll_read(cx) {
            return Poll::Ready(end);
        }
        if let Err(error) = self.poll_flush(cx) {
            return Poll::Ready(ConnectionEnd::Io(Arc::new(error)));
        }
        if let Some(end) = self.poll_end() {
            return Poll::Ready(end);
        }
        self.poll_timer(cx)
    }

    /// Lets callers wake this task.
    fn watch(&self, cx: &Context<'_>) {
        let mut state = self.connection.shared.state.lock();
        if !state.driver.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            state.driver = Some(cx.waker().clone());
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        for _ in 0..READS_PER_TURN {
            if self.input.capacity() - self.input.len() < READ_LEAST {
                self.input.reserve(READ_CHUNK);
            }
            let read = match &mut self.reader {
                Reader::Tcp(socket) => pin!(socket.read_buf(&mut self.input)).poll(cx),
                Reader::Boxed(transport) => pin!(transport.read_buf(&mut self.input)).poll(cx),
            };
            match ready!(read) {
                Ok(0) if self.input.is_empty() => return Poll::Ready(ConnectionEnd::PeerClosed),
                Ok(0) => return Poll::Ready(ConnectionEnd::CutFrame { received: self.input.len() }),
                Ok(bytes) => {
                    self.bytes_read += bytes as u64;
                    self.connection.shared.bytes_read.store(self.bytes_read, Ordering::Relaxed);
                }
                Err(error) => return Poll::Ready(ConnectionEnd::Io(Arc::new(error))),
            }
            let now = Instant::now();
            self.active = Some(now);
            self.connection.shared.settings.counters.reads.add(1);
            if let Some(end) = self.take_frames(now) {
                return Poll::Ready(end);
            }
        }
        // There may be more: come again after the others had their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Decodes all whole frames of what was read now, and hands the answers out: first those like earlier ones, the others under one lock.
    fn take_frames(&mut self, now: Instant) -> Option<ConnectionEnd> {
        let shared = Arc::clone(&self.connection.shared);
        let limits = &shared.settings.config.frame_limits;
        let mut strays = Strays::default();
        // What is to be traced is not handed out before it was.
        let mut frames = if enabled!(Level::TRACE) { 0 } else { self.hand_out_alike(now, &mut strays) };
        let end = loop {
            let known = self.answers.len();
            let read = self.frames.read(&mut self.input, limits, &mut self.answers);
            let seen = if enabled!(Level::TRACE) { &self.answers[known..] } else { &[] };
            for answer in seen {
                trace!(addr = %shared.peer, opaque = answer.opaque(), code = answer.code(), "answer read");
            }
            match read {
                Ok(Some(request)) => {
                    frames += 1;
                    trace!(addr = %shared.peer, opaque = request.opaque(), code = request.code(), "request read");
                    self.connection.serve(request);
                }
                Ok(None) => break None,
                // What came before the bad frame is still delivered.
                Err(error) => break Some(ConnectionEnd::Frame(error)),
            }
        };
        {
            let mut state = shared.state.lock();
            state.last_burst = self.answers.len() + frames;
            state.last_read = now;
            for answer in self.answers.drain(..) {
                strays.note(state.slots.deliver(answer), &mut self.wakers);
            }
        }
        self.wakers.drain(..).for_each(Waker::wake);
        if strays.late > 0 {
            shared.settings.counters.late_answers.add(strays.late);
        }
        if strays.unknown > 0 {
            shared.settings.counters.unknown_answers.add(strays.unknown);
        }
        end
    }

    /// Hands out the answers at the start of what was read that are like earlier ones, each as it is read, so that none is moved. Returns
    /// how many there were.
    #[inline(never)]
    fn hand_out_alike(&mut self, now: Instant, strays: &mut Strays) -> usize {
        let mut frames = 0;
        loop {
            let mut state = self.connection.shared.state.lock();
            state.last_read = now;
            let (slots, wakers) = (&mut state.slots, &mut self.wakers);
            let read = self.frames.read_alike(&mut self.input, PER_LOCK, |alike| {
                strays.note(slots.deliver_alike(&alike)?, wakers);
                Some(())
            });
            frames += read;
            if read < PER_LOCK {
                return frames;
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let shared = Arc::clone(&self.connection.shared);
        loop {
            if self.writing.is_empty() {
                let mut state = shared.state.lock();
                if state.flusher != Flusher::Task {
                    return Ok(());
                }
                if state.out.is_empty() {
                    drop(state);
                    if !self.poll_transport_flush(cx)? {
                        return Ok(());
                    }
                    let mut state = shared.state.lock();
                    if state.out.is_empty() {
                        state.flusher = Flusher::Nobody;
                        self.yielded = false;
                        return Ok(());
                    }
                    continue;
                }
                if !self.yielded && state.slots.live() > 1 {
                    // The first caller of a burst wakes this task; one turn lets the others append to the same write.
                    self.yielded = true;
                    cx.waker().wake_by_ref();
                    return Ok(());
                }
                std::mem::swap(&mut state.out, &mut self.writing);
            }
            let Poll::Ready(written) = self.poll_write(cx) else { return Ok(()) };
            let written = written?;
            self.active.get_or_insert_with(Instant::now);
            shared.settings.counters.writes.add(1);
            self.writing.advance(written);
            if shared.hand_over(&mut shared.state.lock(), written, &mut self.wakers) {
                shared.writable.notify_waiters();
            }
            self.wakers.drain(..).for_each(Waker::wake);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [io::IoSlice::new(&[]); MAX_SLICES];
        let used = self.writing.slices(&mut slices);
        let slices = &slices[..used];
        let written = match &mut self.writer {
            Writer::Tcp(half) => {
                let socket: &tokio::net::TcpStream = (**half).as_ref();
                loop {
                    match socket.try_write_vectored(slices) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            ready!(socket.poll_write_ready(cx))?;
                        }
                        outcome => break outcome?,
                    }
                }
            }
            Writer::Boxed(transport) => {
                let written = ready!(Pin::new(transport).poll_write_vectored(cx, slices))?;
                self.unflushed = true;
                written
            }
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(written))
    }

    /// Pushes what a boxed transport buffers. `false`: it is not done yet.
    fn poll_transport_flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if let (true, Writer::Boxed(transport)) = (self.unflushed, &mut self.writer) {
            match Pin::new(transport).poll_flush(cx) {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => return Ok(false),
            }
            self.unflushed = false;
        }
        Ok(true)
    }

    /// Ends on request, or when a retired connection has nothing left to do.
    fn poll_end(&self) -> Option<ConnectionEnd> {
        let shared = &self.connection.shared;
        let state = shared.state.lock();
        if let Some(cause) = &state.ending {
            return Some(cause.clone());
        }
        if shared.life.load(Ordering::Acquire) == OPEN {
            return None;
        }
        let idle =
            state.slots.live() == 0 && state.enqueued == state.handed && shared.serving.load(Ordering::Acquire) == 0;
        let orphans = state.slots.orphans();
        idle.then(|| {
            if orphans > shared.settings.config.max_orphans {
                ConnectionEnd::TooManyOrphans { orphans }
            } else {
                ConnectionEnd::Retired
            }
        })
    }

    /// Fires deadlines and the idle limit: one timer, armed for the earliest of them.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionEnd> {
        let shared = Arc::clone(&self.connection.shared);
        let idle_timeout = shared.settings.config.idle_timeout;
        if let (Some(active), Some(idle_at)) = (self.active.take(), &mut self.idle_at) {
            *idle_at = active + idle_timeout;
        }
        loop {
            let wanted = {
                let mut state = shared.state.lock();
                if std::mem::take(&mut state.rearm) {
                    self.timer_set = false;
                }
                if self.timer_set { Some(self.timer.deadline()) } else { earliest(state.armed, self.idle_at) }
            };
            let Some(wanted) = wanted else { return Poll::Pending };
            if !self.timer_set {
                self.timer.as_mut().reset(wanted);
                self.timer_set = true;
            }
            ready!(self.timer.as_mut().poll(cx));
            self.timer_set = false;
            let now = Instant::now();
            let idle = {
                let mut state = shared.state.lock();
                state.armed = state.slots.expire(now, &mut self.wakers);
                state.slots.live() == 0 && state.enqueued == state.handed
            };
            self.wakers.drain(..).for_each(Waker::wake);
            if self.idle_at.is_some_and(|at| at <= now) {
                if idle && shared.serving.load(Ordering::Acquire) == 0 {
                    return Poll::Ready(ConnectionEnd::Idle);
                }
                self.idle_at = Some(now + idle_timeout.max(Duration::from_millis(1)));
            }
        }
    }
}

/// Answers that nobody waited for.
#[derive(Default)]
struct Strays {
    late: u64,
    unknown: u64,
}

impl Strays {
    /// Counts an answer, or notes whom to wake.
    #[inline(always)]
    fn note(&mut self, delivered: Delivered, wakers: &mut Vec<Waker>) {
        match delivered {
            Delivered::To(Some(waker)) => wakers.push(waker),
            Delivered::To(None) => {}
            Delivered::Late => self.late += 1,
            Delivered::Unknown => self.unknown += 1,
        }
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
