//! WireTap: a connector that counts what passes through it.
//!
//! Where servers are real, this is what proves that nothing was sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use rmq_remoting::{BoxFuture, Connector, Endpoint, Stream, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Dials through another connector and counts dials and written bytes.
#[derive(Clone)]
pub(crate) struct WireTap {
    inner: Arc<dyn Connector>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    dials: AtomicU64,
    written: AtomicU64,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) dials: u64,
    pub(crate) bytes: u64,
}

impl WireTap {
    pub(crate) fn on(inner: Arc<dyn Connector>) -> Self {
        Self { inner, counts: Arc::default() }
    }

    pub(crate) fn passed(&self) -> Passed {
        let Counts { dials, written } = &*self.counts;
        Passed { dials: dials.load(Ordering::SeqCst), bytes: written.load(Ordering::SeqCst) }
    }
}

impl Connector for WireTap {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        self.counts.dials.fetch_add(1, Ordering::SeqCst);
        let (dial, counts) = (self.inner.connect(to), Arc::clone(&self.counts));
        Box::pin(async move {
            let stream: Box<dyn Transport> = match dial.await? {
                Stream::Tcp(stream) => Box::new(stream),
                Stream::Boxed(stream) => stream,
                other => return Err(io::Error::other(format!("no stream to tap: {other:?}"))),
            };
            Ok(Stream::boxed(Tapped { stream, counts }))
        })
    }
}

struct Tapped {
    stream: Box<dyn Transport>,
    counts: Arc<Counts>,
}

impl AsyncRead for Tapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &poll {
            self.counts.written.fetch_add(*written as u64, Ordering::SeqCst);
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
