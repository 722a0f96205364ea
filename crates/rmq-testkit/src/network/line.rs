//! One accepted connection, with the means to disturb it.
//!
//! The stream is shared by the server's connection task and the test's handle: every change under one lock, and whoever waits is woken. Bytes of
//! the test's own never land inside a frame of the server.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::boundary::Boundary;
use super::line_fault::LineFault;
use super::wire::Wire;

/// One accepted connection of a server, to be disturbed underneath the protocol. Cheap to clone.
#[derive(Clone)]
pub struct Line {
    peer: Arc<str>,
    shared: Arc<Mutex<State>>,
}

impl Line {
    pub(crate) fn new(wire: Wire, peer: Arc<str>, fault: Option<&LineFault>) -> Self {
        let mut state = State { wire: Some(wire), ..State::default() };
        if let Some(fault) = fault {
            state.apply(fault);
        }
        Self { peer, shared: Arc::new(Mutex::new(state)) }
    }

    /// Who is at the other end: its address and port, also in memory.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Whether the connection is still there.
    pub fn is_open(&self) -> bool {
        self.shared.lock().wire.is_some()
    }

    /// Bytes that the server has read from it.
    pub fn bytes_read(&self) -> u64 {
        self.shared.lock().read
    }

    /// Bytes that were written to it, the test's own included.
    pub fn bytes_written(&self) -> u64 {
        self.shared.lock().written
    }

    /// Ends it at once; the peer sees the end of the stream after what was written before.
    pub fn close(&self) {
        self.shared.lock().end(End::Close);
    }

    /// Ends it at once as a dying process does; the peer sees a reset.
    pub fn reset(&self) {
        self.shared.lock().end(End::Reset);
    }

    /// Lets the server read nothing more, until [`resume`](Self::resume): what the peer writes piles up.
    pub fn stop_reading(&self) {
        self.shared.lock().reading_stopped = true;
    }

    /// Lets the server write nothing more, until [`resume`](Self::resume): its answers pile up.
    pub fn stop_writing(&self) {
        self.shared.lock().writing_stopped = true;
    }

    /// Lets the server read and write again.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        state.reading_stopped = false;
        state.writing_stopped = false;
        state.wake_all();
    }

    /// Ends it once the server has read `bytes` more; 0 ends it now.
    pub fn close_after_reading(&self, bytes: u64) {
        let mut state = self.shared.lock();
        state.close_at_read = Some(state.read.saturating_add(bytes));
        state.close_if_due();
    }

    /// Ends it once `bytes` more were written, in the middle of a frame if so it falls; 0 ends it now.
    pub fn close_after_writing(&self, bytes: u64) {
        let mut state = self.shared.lock();
        state.close_at_written = Some(state.written.saturating_add(bytes));
        state.close_if_due();
    }

    /// Writes bytes of the test's own, between two frames of the server.
    ///
    /// # Errors
    /// The connection has ended, or ends meanwhile.
    ///
    /// # Cancel safety
    /// Dropped early, a part of the bytes may have been written; the server then goes on behind them.
    pub async fn inject(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.claim().await?.write(bytes.as_ref()).await
    }

    /// Waits for the end of the server's frame and keeps the server from beginning another.
    pub(crate) async fn claim(&self) -> io::Result<Claim<'_>> {
        poll_fn(|cx| self.shared.lock().poll_claim(cx)).await?;
        Ok(Claim { line: self })
    }

    /// Holds reading and writing, beside what a test has stopped by itself.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut state = self.shared.lock();
        state.frozen = frozen;
        if !frozen {
            state.wake_all();
        }
    }

    /// The half that the server reads and writes; dropped, it ends the line and calls `on_end`.
    pub(crate) fn stream(&self, on_end: impl FnOnce(&Self) + Send + 'static) -> LineStream {
        LineStream { line: self.clone(), on_end: Some(Box::new(on_end)) }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Line")
            .field("peer", &self.peer)
            .field("open", &state.wire.is_some())
            .field("bytes_read", &state.read)
            .field("bytes_written", &state.written)
            .finish_non_exhaustive()
    }
}

/// What the server holds of a line.
pub(crate) struct LineStream {
    line: Line,
    on_end: Option<OnEnd>,
}

impl AsyncRead for LineStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.line.shared.lock().poll_read(cx, buf)
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.shared.lock().poll_write(cx, buf, Writer::Server)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.shared.lock().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.line.shared.lock().wire.as_mut() {
            Some(wire) => Pin::new(wire).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for LineStream {
    fn drop(&mut self) {
        self.line.shared.lock().end(End::Close);
        if let Some(on_end) = self.on_end.take() {
            on_end(&self.line);
        }
    }
}

type OnEnd = Box<dyn FnOnce(&Line) + Send>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Close,
    Reset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writer {
    Server,
    Test,
}

#[derive(Default)]
struct State {
    /// `None` once the connection has ended.
    wire: Option<Wire>,
    reading_stopped: bool,
    writing_stopped: bool,
    frozen: bool,
    read: u64,
    written: u64,
    close_at_read: Option<u64>,
    close_at_written: Option<u64>,
    boundary: Boundary,
    /// Whether the test is writing.
    claimed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    injectors: Vec<Waker>,
}

impl State {
    fn apply(&mut self, fault: &LineFault) {
        self.reading_stopped = fault.stop_reading;
        self.writing_stopped = fault.stop_writing;
        self.close_at_read = fault.close_after_reading;
        self.close_at_written = fault.close_after_writing;
        self.close_if_due();
    }

    fn end(&mut self, end: End) {
        if let Some(wire) = self.wire.take() {
            match end {
                End::Close => drop(wire),
                End::Reset => wire.reset(),
            }
        }
        self.wake_all();
    }

    fn wake_all(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).chain(self.injectors.drain(..)).for_each(Waker::wake);
    }

    fn close_if_due(&mut self) {
        let due = |at: Option<u64>, count| at.is_some_and(|at| count >= at);
        if due(self.close_at_read, self.read) || due(self.close_at_written, self.written) {
            self.end(End::Close);
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.wire.is_some() && (self.reading_stopped || self.frozen) {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let allowed = self.close_at_read.map(|at| saturate(at - self.read));
        let Some(wire) = self.wire.as_mut() else { return Poll::Ready(Err(ended())) };
        let before = buf.filled().len();
        let polled = match allowed {
            None => Pin::new(wire).poll_read(cx, buf),
            Some(allowed) => {
                let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed.min(buf.remaining())));
                let polled = Pin::new(wire).poll_read(cx, &mut part);
                let count = part.filled().len();
                buf.advance(count);
                polled
            }
        };
        match polled {
            Poll::Pending => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                self.read += u64::try_from(buf.filled().len() - before).unwrap_or(0);
                self.close_if_due();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8], who: Writer) -> Poll<io::Result<usize>> {
        let held = self.writing_stopped || self.frozen || (who == Writer::Server && self.claimed);
        if self.wire.is_some() && held {
            self.wait_to_write(cx, who);
            return Poll::Pending;
        }
        let allowed = self.close_at_written.map_or(usize::MAX, |at| saturate(at - self.written));
        let Some(wire) = self.wire.as_mut() else { return Poll::Ready(Err(ended())) };
        match Pin::new(wire).poll_write(cx, &buf[..buf.len().min(allowed)]) {
            Poll::Pending => {
                self.wait_to_write(cx, who);
                Poll::Pending
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(count)) => {
                self.written += u64::try_from(count).unwrap_or(0);
                if who == Writer::Server {
                    self.boundary.pass(&buf[..count]);
                    if self.boundary.is_between_frames() {
                        self.injectors.drain(..).for_each(Waker::wake);
                    }
                }
                self.close_if_due();
                Poll::Ready(Ok(count))
            }
        }
    }

    fn poll_claim(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.wire.is_none() {
            return Poll::Ready(Err(ended()));
        }
        if self.claimed || !self.boundary.is_between_frames() {
            self.wait_to_write(cx, Writer::Test);
            return Poll::Pending;
        }
        self.claimed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wire.as_mut() {
            Some(wire) => Pin::new(wire).poll_flush(cx),
            None => Poll::Ready(Err(ended())),
        }
    }

    fn wait_to_write(&mut self, cx: &Context<'_>, who: Writer) {
        match who {
            Writer::Server => self.writer = Some(cx.waker().clone()),
            Writer::Test => self.injectors.push(cx.waker().clone()),
        }
    }
}

/// The right to write between two frames of the server.
pub(crate) struct Claim<'a> {
    line: &'a Line,
}

impl Claim<'_> {
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = poll_fn(|cx| self.line.shared.lock().poll_write(cx, bytes, Writer::Test)).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[count..];
        }
        poll_fn(|cx| self.line.shared.lock().poll_flush(cx)).await
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.line.shared.lock();
        state.claimed = false;
        state.wake_all();
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the line was cut")
}

fn saturate(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::network::wire::MemoryEnd;

    fn line(fault: Option<&LineFault>) -> (Line, LineStream, MemoryEnd) {
        let (ours, theirs) = MemoryEnd::pair(16);
        let line = Line::new(Wire::Memory(ours), "10.0.0.9:1".into(), fault);
        let stream = line.stream(|_| ());
        (line, stream, theirs)
    }

    async fn is_stuck<T>(work: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(50), work).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_the_test_wait_for_the_end_of_a_frame() {
        let (line, mut server, mut peer) = line(None);
        server.write_all(&[0, 0, 0, 4, 1]).await.unwrap();
        let injection = tokio::task::JoinSet::from_iter([{
            let line = line.clone();
            async move { line.inject(&b"xx"[..]).await }
        }]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        server.write_all(&[2, 3, 4]).await.unwrap();
        injection.join_all().await.pop().unwrap().unwrap();
        server.write_all(&[0, 0, 0, 0]).await.unwrap();
        let mut heard = [0; 14];
        peer.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, [0, 0, 0, 4, 1, 2, 3, 4, b'x', b'x', 0, 0, 0, 0]);
        assert_eq!(line.bytes_written(), 14);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_line_reads_and_writes_nothing_until_it_is_resumed() {
        let (line, mut server, mut peer) = line(None);
        line.stop_reading();
        line.stop_writing();
        peer.write_all(b"hi").await.unwrap();
        let mut heard = [0; 2];
        assert!(is_stuck(server.read_exact(&mut heard)).await);
        assert!(is_stuck(server.write_all(b"hi")).await);
        line.freeze(true);
        line.resume();
        assert!(is_stuck(server.read_exact(&mut heard)).await, "still frozen");
        line.freeze(false);
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hi");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_ends_after_the_bytes_that_were_allowed() {
        let (line, mut server, mut peer) = line(None);
        line.close_after_writing(3);
        assert!(server.write_all(b"abcdef").await.is_err());
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"abc");
        assert!(!line.is_open());

        let (line, mut server, mut peer) = self::line(Some(&LineFault::close_after_reading(2)));
        peer.write_all(b"abc").await.unwrap();
        let mut heard = Vec::new();
        assert!(server.read_to_end(&mut heard).await.is_err());
        assert_eq!((heard.as_slice(), line.bytes_read()), (&b"ab"[..], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_waits_learns_of_the_end() {
        let (line, mut server, mut peer) = line(None);
        let reading = tokio::task::JoinSet::from_iter([async move { server.read_u8().await.is_err() }]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        line.reset();
        assert!(reading.join_all().await[0]);
        assert_eq!(peer.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
