//! A network inside the process: addresses that lead to pipes instead of sockets.
//!
//! Nothing here waits for the operating system, so tests can pause tokio's clock.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::wire::{MemoryEnd, Wire};

/// All ports of one in-process network.
#[derive(Debug, Default)]
pub(crate) struct MemoryNetwork {
    ports: Mutex<HashMap<String, Arc<MemoryPort>>>,
    dials: Mutex<u16>,
}

/// One address of the network.
#[derive(Debug, Default)]
pub(crate) struct MemoryPort {
    state: Mutex<PortState>,
}

#[derive(Debug, Default)]
struct PortState {
    listening: bool,
    waiting: VecDeque<(MemoryEnd, SocketAddr)>,
    acceptor: Option<Waker>,
}

impl MemoryNetwork {
    /// Makes an address known. It refuses connections until it listens.
    pub(crate) fn port(&self, address: &str) -> Arc<MemoryPort> {
        Arc::clone(self.ports.lock().entry(address.to_owned()).or_default())
    }

    /// Opens a pipe to `address`.
    pub(crate) fn connect(&self, address: &str) -> io::Result<MemoryEnd> {
        let refused = |why: String| io::Error::new(io::ErrorKind::ConnectionRefused, why);
        let unknown = || refused(format!("{address} is no address of this cluster"));
        let port = self.ports.lock().get(address).cloned().ok_or_else(unknown)?;
        let mut state = port.state.lock();
        if !state.listening {
            return Err(refused("nobody listens".to_owned()));
        }
        let (theirs, ours) = MemoryEnd::pair(PIPE_BYTES);
        state.waiting.push_back((ours, self.next_client()));
        if let Some(acceptor) = state.acceptor.take() {
            acceptor.wake();
        }
        Ok(theirs)
    }

    fn next_client(&self) -> SocketAddr {
        let mut dials = self.dials.lock();
        let port = FIRST_CLIENT_PORT + *dials;
        *dials = (*dials + 1) % CLIENT_PORTS;
        SocketAddr::new(CLIENT_IP, port)
    }
}

impl MemoryPort {
    pub(crate) fn listen(&self) {
        self.state.lock().listening = true;
    }

    /// Refuses connections from now on; those that were not accepted yet are reset.
    pub(crate) fn stop_listening(&self) {
        let mut state = self.state.lock();
        state.listening = false;
        state.waiting.drain(..).for_each(|(end, _)| Wire::Memory(end).reset());
    }

    pub(crate) fn poll_accept(&self, cx: &Context<'_>) -> Poll<(MemoryEnd, SocketAddr)> {
        let mut state = self.state.lock();
        if let Some(waiting) = state.waiting.pop_front() {
            return Poll::Ready(waiting);
        }
        state.acceptor = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Where every in-process client comes from.
const CLIENT_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const FIRST_CLIENT_PORT: u16 = 32_768;
const CLIENT_PORTS: u16 = 28_000;
/// What a pipe holds each way, about as much as a socket on loopback.
const PIPE_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_refuses_until_it_listens_and_after_it_stopped() {
        let network = MemoryNetwork::default();
        assert_eq!(network.connect("10.0.0.1:1").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let port = network.port("10.0.0.1:1");
        assert_eq!(network.connect("10.0.0.1:1").unwrap_err().to_string(), "nobody listens");
        port.listen();
        network.connect("10.0.0.1:1").unwrap();
        network.connect("10.0.0.1:1").unwrap();
        let (_, first) = std::future::poll_fn(|cx| port.poll_accept(cx)).await;
        let (_, second) = std::future::poll_fn(|cx| port.poll_accept(cx)).await;
        assert_ne!(first, second, "each connection has a peer address of its own");
        port.stop_listening();
        assert!(network.connect("10.0.0.1:1").is_err());
    }
}
