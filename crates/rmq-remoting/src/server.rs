//! The server half: accepts connections, dispatches requests by code, answers. A test cluster or a tool is built on it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::code::RequestCode;
use crate::config::{ConfigError, RemotingConfig};
use crate::connection::{Connection, Settings};
use crate::connector::Acceptor;
use crate::deadline::Deadline;
use crate::processor::{ConnectionContext, Processor};
use crate::stats::RemotingStats;

/// Serves requests on every connection that its acceptor hands out. Dropped, it closes them all.
///
/// Java: `NettyRemotingServer`.
#[doc(alias = "NettyRemotingServer")]
pub struct RemotingServer {
    settings: Arc<Settings>,
    connections: Arc<Mutex<HashMap<u64, Connection>>>,
    accepting: CancellationToken,
    local_addr: Option<SocketAddr>,
}

impl RemotingServer {
    /// Returns a builder with the defaults of [`RemotingConfig`], but those of Java's servers where they differ: idle connections are closed
    /// after 120 s, and 10,000 requests of one connection may be worked on at once.
    pub fn builder() -> RemotingServerBuilder {
        let config =
            RemotingConfig { idle_timeout: Duration::from_secs(120), max_serving: 10_000, ..RemotingConfig::default() };
        RemotingServerBuilder { config, processors: HashMap::new(), fallback: None }
    }

    /// Returns where it listens; `None` when it was given an acceptor of its own.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Returns the connections that are open now.
    pub fn connections(&self) -> Vec<ConnectionContext> {
        self.connections.lock().values().cloned().map(ConnectionContext::new).collect()
    }

    /// Returns its counters.
    pub fn stats(&self) -> RemotingStats {
        self.settings.counters.snapshot()
    }

    /// Stops accepting, lets requests being worked on be answered for up to `grace`, closes every connection and waits for its tasks. Clients
    /// that have not closed their ends are waited for within the same grace, for a second at most. After it there is no task and no socket.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it accepts nothing any more; connections close when the server is dropped. It may be called again.
    pub async fn shutdown(&self, grace: Duration) {
        self.accepting.cancel();
        let connections: Vec<Connection> = self.connections.lock().values().cloned().collect();
        connections.iter().for_each(Connection::retire);
        let settings = &self.settings;
        settings.tracker.close();
        let until = Deadline::after(grace).instant();
        let _ = tokio::time::timeout_at(until, settings.tracker.wait()).await;
        settings.cancel.cancel();
        settings.tracker.wait().await;
        settings.let_peers_close(until).await;
    }
}

impl Drop for RemotingServer {
    fn drop(&mut self) {
        self.accepting.cancel();
        self.settings.cancel.cancel();
    }
}

impl fmt::Debug for RemotingServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingServer")
            .field("local_addr", &self.local_addr)
            .field("connections", &self.connections.lock().len())
            .finish_non_exhaustive()
    }
}

/// Options of a [`RemotingServer`].
#[must_use]
pub struct RemotingServerBuilder {
    config: RemotingConfig,
    processors: HashMap<RequestCode, Arc<dyn Processor>>,
    fallback: Option<Arc<dyn Processor>>,
}

impl RemotingServerBuilder {
    /// Sets limits, time-outs, clock and seed. Settings of dialling do not matter here.
    pub fn config(mut self, config: RemotingConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets who answers requests with this code.
    pub fn processor(mut self, code: RequestCode, processor: impl Processor) -> Self {
        self.processors.insert(code, Arc::new(processor));
        self
    }

    /// Sets who answers requests of all other codes. Default: `REQUEST_CODE_NOT_SUPPORTED`, and nothing to a oneway request.
    pub fn fallback(mut self, processor: impl Processor) -> Self {
        self.fallback = Some(Arc::new(processor));
        self
    }

    /// Listens on a TCP address and serves. Port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on, or a setting makes no sense (kind `InvalidInput`, source [`ConfigError`]).
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<RemotingServer> {
        self.config.validate().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let mut server = self.serve(listener).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        server.local_addr = Some(local_addr);
        Ok(server)
    }

    /// Serves whatever `acceptor` hands out. Must be called inside a tokio runtime.
    pub fn serve(self, acceptor: impl Acceptor) -> Result<RemotingServer, ConfigError> {
        self.config.validate()?;
        let settings = Settings::new(self.config, self.processors, self.fallback);
        let connections = Arc::new(Mutex::new(HashMap::new()));
        let accepting = settings.cancel.child_token();
        settings.tracker.spawn(accept(acceptor, Arc::clone(&settings), Arc::clone(&connections), accepting.clone()));
        Ok(RemotingServer { settings, connections, accepting, local_addr: None })
    }
}

impl fmt::Debug for RemotingServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingServerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn accept(
    mut acceptor: impl Acceptor,
    settings: Arc<Settings>,
    connections: Arc<Mutex<HashMap<u64, Connection>>>,
    accepting: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = accepting.cancelled() => return,
            accepted = acceptor.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let registry = Arc::clone(&connections);
                // The lock is held over the start, so that a connection that ends at once is removed after it was added.
                let mut open = connections.lock();
                let connection = Connection::start(stream, peer.into(), Arc::clone(&settings), move |id, _| {
                    registry.lock().remove(&id);
                });
                open.insert(connection.id(), connection);
            }
            Err(error) => {
                // Out of file descriptors, or the peer was gone already: neither is a reason to stop, nor to spin.
                warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
