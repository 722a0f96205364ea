//! Where sockets come from: TCP by default; TLS, a proxy, memory or a simulator plug in here.
//!
//! Nothing else in this crate but `tcp_connector` opens or accepts a connection.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::endpoint::Endpoint;

/// A boxed future, as trait objects need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Any byte stream that can carry frames.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// An open byte stream to a peer.
#[non_exhaustive]
pub enum Stream {
    /// A plain socket: a caller that is alone on it writes inline, without waking the connection's task.
    Tcp(TcpStream),
    /// Anything else; only the connection's task writes to it.
    Boxed(Box<dyn Transport>),
}

impl Stream {
    /// Wraps any byte stream.
    pub fn boxed(transport: impl Transport) -> Self {
        Self::Boxed(Box::new(transport))
    }

    /// Turns it into one thing to read from and write to, whatever it is; for other protocols than that of the frames.
    #[must_use]
    pub fn into_transport(self) -> Box<dyn Transport> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Boxed(transport) => transport,
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Boxed(_) => f.write_str("Boxed"),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

/// Opens byte streams to servers. Called once per dial; the dial's time limit is kept by the caller, who drops the future.
pub trait Connector: Send + Sync + 'static {
    /// Opens a stream to `to`.
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>>;

    /// Tells connectors apart: two of one identity open the same streams, so that clients that use them may share connections. Default:
    /// where it lies in memory, i.e. each is like no other; behind an [`Arc`](std::sync::Arc) clones are one.
    fn identity(&self) -> usize {
        std::ptr::from_ref(self).cast::<()>().addr()
    }
}

impl<T: Connector + ?Sized> Connector for std::sync::Arc<T> {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        (**self).connect(to)
    }

    fn identity(&self) -> usize {
        (**self).identity()
    }
}

/// Where a server half gets its connections from.
pub trait Acceptor: Send + 'static {
    /// Waits for the next connection and returns it with a label for its peer.
    ///
    /// # Cancel safety
    ///
    /// Must lose no connection when dropped between polls.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, String)>>;
}

impl Acceptor for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async move {
            let (stream, peer) = Self::accept(self).await?;
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), peer.to_string()))
        })
    }
}
