//! The last moments of a connection that this side ends: the peer gets to read what was written to it.
//!
//! A socket that is closed while bytes of its peer are unread, or still to come, answers them with a reset, and a reset takes along what the
//! peer has not read. So the writing side ends first, and whatever comes is thrown away until the peer closes too, or the time is over.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf, WriteHalf};
use tokio::time::Sleep;

use super::driver::{READS_PER_TURN, Reader, Writer};
use crate::connector::Transport;

/// How long a peer may take to read what it was sent and to close. A peer that reads at all needs a round trip.
const LINGER: Duration = Duration::from_secs(1);
/// What is read at a time, to be thrown away.
const SINK: usize = 16 * 1024;

/// A connection that ends its writing and waits for the end of the other side. Dropped, the socket is closed at once.
pub(super) struct Linger {
    /// `None` once the peer has ended its writing.
    reader: Option<Reader>,
    /// `None` once this side has; for a plain socket that is done from the start.
    writer: Option<WriteHalf<Box<dyn Transport>>>,
    sink: Box<[u8]>,
    over: Pin<Box<Sleep>>,
}

impl Linger {
    pub(super) fn begin(reader: Reader, writer: Writer) -> Self {
        let writer = match writer {
            // The half ends the writing side when it is dropped; a caller who is writing inline has it until that is done.
            Writer::Tcp(half) => {
                drop(half);
                None
            }
            Writer::Boxed(half) => Some(half),
        };
        let over = Box::pin(tokio::time::sleep(LINGER));
        Self { reader: Some(reader), writer, sink: vec![0; SINK].into(), over }
    }

    /// Both at once: a peer may take nothing before it has got rid of something.
    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writer) = &mut self.writer {
            if let Poll::Ready(ended) = Pin::new(writer).poll_shutdown(cx) {
                ended?;
                self.writer = None;
            }
        }
        if let Some(reader) = &mut self.reader {
            for _ in 0..READS_PER_TURN {
                let mut sink = ReadBuf::new(&mut self.sink);
                match reader {
                    Reader::Tcp(socket) => ready!(Pin::new(socket).poll_read(cx, &mut sink))?,
                    Reader::Boxed(transport) => ready!(Pin::new(transport).poll_read(cx, &mut sink))?,
                }
                if sink.filled().is_empty() {
                    self.reader = None;
                    break;
                }
            }
        }
        if self.reader.is_some() {
            // There may be more: come again after the others had their turn.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.writer.is_some() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl Future for Linger {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_ends(cx) {
            // An error is an end like any other: nobody waits for anything here.
            Poll::Ready(Ok(()) | Err(_)) => Poll::Ready(()),
            Poll::Pending => self.over.as_mut().poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::super::driver::split;
    use super::*;
    use crate::connector::Stream;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_stops_talking_is_left_in_time_and_keeps_nobody_waiting() {
        let talker = tokio::io::join(tokio::io::repeat(0), tokio::io::sink());
        let (reader, writer, _) = split(Stream::boxed(talker));
        let mut linger = Linger::begin(reader, writer);
        let mut step = async || poll_fn(|cx| Poll::Ready(Pin::new(&mut linger).poll(cx))).await;
        for _ in 0..100 {
            assert!(step().await.is_pending());
            tokio::task::yield_now().await;
        }
        tokio::time::advance(LINGER).await;
        assert!(step().await.is_ready());
    }
}
