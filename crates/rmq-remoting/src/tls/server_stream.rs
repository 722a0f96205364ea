//! ServerStream: a connection that finds out by its first byte whether it is TLS, and shakes hands when it is first read or written.
//!
//! A plain frame cannot begin with the byte of a TLS handshake: it would be longer than any frame may be.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::connector::Transport;

pub(super) struct ServerStream {
    state: State,
}

enum State {
    /// Nothing was read yet.
    Fresh(TlsAcceptor, Box<dyn Transport>),
    Shaking(Box<Accept<Replayed>>),
    Plain(Replayed),
    Tls(Box<TlsStream<Replayed>>),
    Failed,
}

impl ServerStream {
    /// TLS, or not.
    pub(super) fn either(acceptor: TlsAcceptor, transport: Box<dyn Transport>) -> Self {
        Self { state: State::Fresh(acceptor, transport) }
    }

    /// TLS, whatever comes.
    pub(super) fn tls(acceptor: &TlsAcceptor, transport: Box<dyn Transport>) -> Self {
        Self { state: State::Shaking(Box::new(acceptor.accept(Replayed { first: None, transport }))) }
    }

    /// The stream to read from and write to, once it is known.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Transport>>> {
        loop {
            self.state = match &mut self.state {
                State::Fresh(acceptor, transport) => {
                    let mut byte = [0];
                    let mut buf = ReadBuf::new(&mut byte);
                    ready!(Pin::new(&mut **transport).poll_read(cx, &mut buf))?;
                    let first = buf.filled().first().copied();
                    let acceptor = acceptor.clone();
                    match std::mem::replace(&mut self.state, State::Failed) {
                        State::Fresh(_, transport) => {
                            let stream = Replayed { first, transport };
                            if first == Some(TLS_HANDSHAKE) {
                                State::Shaking(Box::new(acceptor.accept(stream)))
                            } else {
                                State::Plain(stream)
                            }
                        }
                        other => other,
                    }
                }
                State::Shaking(accept) => match ready!(Pin::new(&mut **accept).poll(cx)) {
                    Ok(stream) => State::Tls(Box::new(stream)),
                    Err(error) => {
                        self.state = State::Failed;
                        return Poll::Ready(Err(error));
                    }
                },
                State::Plain(_) | State::Tls(_) | State::Failed => break,
            };
        }
        Poll::Ready(match &mut self.state {
            State::Plain(stream) => Ok(Pin::new(stream)),
            State::Tls(stream) => Ok(Pin::new(&mut **stream)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Plain(stream) => Pin::new(stream).poll_flush(cx),
            State::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
            // Nothing was written yet.
            State::Fresh(..) | State::Shaking(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Fresh(_, transport) => Pin::new(&mut **transport).poll_shutdown(cx),
            State::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            State::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            // Nobody was promised anything: it ends here, instead of going on shaking hands.
            State::Shaking(_) | State::Failed => {
                self.state = State::Failed;
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// A transport whose first byte is read a second time.
struct Replayed {
    first: Option<u8>,
    transport: Box<dyn Transport>,
}

impl AsyncRead for Replayed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() > 0 {
            if let Some(first) = self.first.take() {
                buf.put_slice(&[first]);
                return Poll::Ready(Ok(()));
            }
        }
        Pin::new(&mut *self.transport).poll_read(cx, buf)
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.transport).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.transport).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.transport).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }
}

/// The type of the record that a TLS client begins with.
const TLS_HANDSHAKE: u8 = 0x16;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::tls::material::provider;

    #[tokio::test]
    async fn a_handshake_that_is_not_done_ends_with_the_shutdown() {
        let builder = rustls::ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let nobody = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
        let config = builder.expect("versions").with_no_client_auth().with_cert_resolver(nobody);
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut server = ServerStream::either(TlsAcceptor::from(Arc::new(config)), Box::new(ours));
        theirs.write_all(&[TLS_HANDSHAKE, 3, 1]).await.unwrap();
        let mut read = [0; 8];
        assert!(futures_util::poll!(std::pin::pin!(server.read(&mut read))).is_pending(), "the rest is still to come");
        server.shutdown().await.unwrap();
        assert_eq!(theirs.read(&mut read).await.unwrap(), 0, "the peer sees the end");
        assert_eq!(server.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::NotConnected);
    }
}
