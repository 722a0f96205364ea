//! TlsAcceptor: any acceptor, and a handshake behind each connection.
//!
//! Handshakes run on the connections' own tasks, so that a slow or silent client keeps nobody waiting.

use std::fmt;
use std::io;

use super::server_config::{TlsServerConfig, TlsServerMode};
use super::server_stream::ServerStream;
use super::stream::boxed;
use crate::connector::{Acceptor, BoxFuture, Stream};

/// Serves TLS on the connections of another acceptor.
pub struct TlsAcceptor<A> {
    config: TlsServerConfig,
    inner: A,
}

impl<A: Acceptor> TlsAcceptor<A> {
    /// Puts TLS on whatever `inner` hands out.
    pub fn new(config: TlsServerConfig, inner: A) -> Self {
        Self { config, inner }
    }
}

impl<A: Acceptor> Acceptor for TlsAcceptor<A> {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async {
            let (stream, peer) = self.inner.accept().await?;
            let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::clone(&self.config.server));
            let stream = match self.config.mode {
                TlsServerMode::Permissive => ServerStream::either(acceptor, boxed(stream)),
                TlsServerMode::Enforcing => ServerStream::tls(&acceptor, boxed(stream)),
            };
            Ok((Stream::boxed(stream), peer))
        })
    }
}

impl<A> fmt::Debug for TlsAcceptor<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").field("config", &self.config).finish_non_exhaustive()
    }
}
