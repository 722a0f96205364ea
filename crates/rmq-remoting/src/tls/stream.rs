//! ClientStream: a TLS stream whose later errors are explained too.
//!
//! In TLS 1.3 a server refuses a client's certificate after the client took the handshake for done.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::error::TlsError;
use crate::connector::{Stream, Transport};

pub(super) struct ClientStream {
    pub(super) tls: TlsStream<Box<dyn Transport>>,
    pub(super) addr: Arc<str>,
    pub(super) expected: Arc<str>,
    /// Whether anything was ever read: the server has let this client in.
    pub(super) heard: bool,
    /// The error of a write, until the reading half has found out more.
    pub(super) broken: Option<io::Error>,
}

impl ClientStream {
    fn explained<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        polled.map_err(|error| TlsError::explain(error, &self.addr, &self.expected, false))
    }

    /// A write that broke before anything was heard: the alert that says why is still to be read, so that the reading half tells the error.
    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(Err(error)) if !self.heard && self.broken.is_none() => {
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Err(_)) if self.broken.is_some() => Poll::Pending,
            polled => self.explained(polled),
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.tls).poll_read(cx, buf);
        self.heard |= buf.filled().len() > before;
        if matches!(polled, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            if let Some(error) = self.broken.take() {
                return self.explained(Poll::Ready(Err(error)));
            }
        }
        self.explained(polled)
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write(cx, buf);
        self.written(cx, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tls).poll_flush(cx);
        self.written(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tls).poll_write_vectored(cx, slices);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }
}

/// The stream behind one pointer.
pub(super) fn boxed(stream: Stream) -> Box<dyn Transport> {
    match stream {
        Stream::Tcp(socket) => Box::new(socket),
        Stream::Boxed(transport) => transport,
    }
}
