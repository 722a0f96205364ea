//! The address of one server: open, frozen or shut, and where it leads.
//!
//! A shut TCP door keeps its port bound but does not listen, so that dials are refused and nobody else gets the port. What ends a process ends its
//! `life`; a door that opens again begins a new one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use rmq_remoting::{Acceptor, BoxFuture, Stream};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::lines::Lines;
use super::memory::{MemoryNetwork, MemoryPort};
use super::wire::Wire;

/// Where a door is put.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A TCP port; 0 picks a free one. `advertised` is the host that clients are told.
    Tcp { listen: SocketAddr, advertised: Option<IpAddr> },
    /// An address of the in-process network, and the IP address it stands for.
    Memory { network: Arc<MemoryNetwork>, host: String, address: SocketAddr },
}

/// The door of one server.
pub(crate) struct Door {
    place: Place,
    lines: Arc<Lines>,
    state: Mutex<DoorState>,
}

struct DoorState {
    stand: Stand,
    /// What clients dial, and what names the server in ids.
    address: String,
    socket_address: SocketAddr,
    life: CancellationToken,
    acceptor: Option<Waker>,
}

/// How the door stands.
enum Stand {
    Open(Listener),
    Frozen(Listener),
    Shut(Option<TcpSocket>),
    /// For good.
    Gone,
}

enum Listener {
    Tcp(TcpListener),
    Memory(Arc<MemoryPort>),
}

impl Door {
    /// Opens a door.
    pub(crate) fn open(place: Place, lines: Arc<Lines>) -> io::Result<Arc<Self>> {
        let (stand, address, socket_address) = match &place {
            Place::Tcp { listen, advertised } => {
                let listener = bind(*listen)?.listen(BACKLOG)?;
                let (address, socket_address) = advertise(listener.local_addr()?, *advertised);
                (Stand::Open(Listener::Tcp(listener)), address, socket_address)
            }
            Place::Memory { network, host, address } => {
                let text = format!("{host}:{}", address.port());
                let port = network.port(&text);
                port.listen();
                (Stand::Open(Listener::Memory(port)), text, *address)
            }
        };
        let state = DoorState { stand, address, socket_address, life: CancellationToken::new(), acceptor: None };
        Ok(Arc::new(Self { place, lines, state: Mutex::new(state) }))
    }

    /// What clients dial.
    pub(crate) fn address(&self) -> String {
        self.state.lock().address.clone()
    }

    /// The same as an IP address and port.
    pub(crate) fn socket_address(&self) -> SocketAddr {
        self.state.lock().socket_address
    }

    /// Cancelled when the server dies; a new one after it was opened again.
    pub(crate) fn life(&self) -> CancellationToken {
        self.state.lock().life.clone()
    }

    /// Ends the process behind the door: dials are refused, connections reset, work in progress stops.
    pub(crate) fn shut(&self) {
        let mut state = self.state.lock();
        if matches!(state.stand, Stand::Shut(_) | Stand::Gone) {
            return;
        }
        state.life.cancel();
        let kept = match std::mem::replace(&mut state.stand, Stand::Shut(None)) {
            Stand::Open(Listener::Tcp(listener)) | Stand::Frozen(Listener::Tcp(listener)) => {
                let address = listener.local_addr();
                drop(listener);
                // Failing to keep the port is no harm as long as nobody takes it before the door opens again.
                address.and_then(bind).ok()
            }
            Stand::Open(Listener::Memory(port)) | Stand::Frozen(Listener::Memory(port)) => {
                port.stop_listening();
                None
            }
            Stand::Shut(kept) => kept,
            Stand::Gone => None,
        };
        state.stand = Stand::Shut(kept);
        drop(state);
        self.lines.reset_all();
    }

    /// Shuts the door for good and lets its port go.
    pub(crate) fn remove(&self) {
        self.shut();
        self.state.lock().stand = Stand::Gone;
    }

    /// Opens a shut door at its old address.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let kept = match &mut state.stand {
            Stand::Open(_) | Stand::Frozen(_) => return Ok(()),
            Stand::Gone => return Err(io::Error::other("the cluster has been shut down")),
            Stand::Shut(kept) => kept,
        };
        let listener = match &self.place {
            Place::Tcp { listen, .. } => {
                let socket = match kept.take() {
                    Some(socket) => socket,
                    None => bind(SocketAddr::new(listen.ip(), state.socket_address.port()))?,
                };
                Listener::Tcp(socket.listen(BACKLOG)?)
            }
            Place::Memory { network, .. } => {
                let port = network.port(&state.address);
                port.listen();
                Listener::Memory(port)
            }
        };
        state.stand = Stand::Open(listener);
        state.life = CancellationToken::new();
        state.wake_acceptor();
        Ok(())
    }

    /// Lets a shut door open at another port the next time; returns the new address.
    pub(crate) fn move_to_new_port(&self) -> io::Result<String> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Stand::Shut(kept) = &mut state.stand else {
            return Err(io::Error::other("only a killed server can move"));
        };
        match &self.place {
            Place::Tcp { listen, advertised } => {
                let socket = bind(SocketAddr::new(listen.ip(), 0))?;
                let local = socket.local_addr()?;
                *kept = Some(socket);
                (state.address, state.socket_address) = advertise(local, *advertised);
            }
            Place::Memory { host, .. } => {
                let port = state.socket_address.port().checked_add(1).unwrap_or(1024);
                state.socket_address.set_port(port);
                state.address = format!("{host}:{port}");
            }
        }
        Ok(state.address.clone())
    }

    /// Stops or continues the process behind the door: the system still takes connections, nobody accepts, reads or writes.
    pub(crate) fn freeze(&self, frozen: bool) {
        let mut state = self.state.lock();
        state.stand = match (std::mem::replace(&mut state.stand, Stand::Gone), frozen) {
            (Stand::Open(listener), true) => Stand::Frozen(listener),
            (Stand::Frozen(listener), false) => Stand::Open(listener),
            (stand, _) => stand,
        };
        state.wake_acceptor();
        drop(state);
        self.lines.freeze_all(frozen);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        matches!(self.state.lock().stand, Stand::Frozen(_))
    }

    pub(crate) fn is_shut(&self) -> bool {
        matches!(self.state.lock().stand, Stand::Shut(_))
    }

    /// The next connection, and the life of the server that takes it.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Wire, SocketAddr, CancellationToken)>> {
        let mut state = self.state.lock();
        let polled = match &state.stand {
            Stand::Open(Listener::Tcp(listener)) => match listener.poll_accept(cx) {
                Poll::Ready(accepted) => Poll::Ready(accepted.and_then(|(stream, peer)| Ok((quick(stream)?, peer)))),
                Poll::Pending => Poll::Pending,
            },
            Stand::Open(Listener::Memory(port)) => {
                port.poll_accept(cx).map(|(end, peer)| Ok((Wire::Memory(end), peer)))
            }
            Stand::Frozen(_) | Stand::Shut(_) | Stand::Gone => Poll::Pending,
        };
        if polled.is_pending() {
            state.acceptor = Some(cx.waker().clone());
        }
        polled.map_ok(|(wire, peer)| (wire, peer, state.life.clone()))
    }
}

impl DoorState {
    fn wake_acceptor(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let stand = match state.stand {
            Stand::Open(_) => "open",
            Stand::Frozen(_) => "frozen",
            Stand::Shut(_) => "shut",
            Stand::Gone => "gone",
        };
        f.debug_struct("Door").field("address", &state.address).field("stand", &stand).finish_non_exhaustive()
    }
}

/// What the remoting server takes its connections from.
#[derive(Debug)]
pub(crate) struct DoorAcceptor(pub(crate) Arc<Door>);

impl Acceptor for DoorAcceptor {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, String)>> {
        Box::pin(async {
            let (wire, peer, life) = poll_fn(|cx| self.0.poll_accept(cx)).await?;
            let label = peer.to_string();
            let (line, stream) = self.0.lines.add(wire, label.as_str().into());
            if life.is_cancelled() {
                line.reset(); // killed between the two steps above
            }
            Ok((Stream::boxed(stream), label))
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn quick(stream: TcpStream) -> io::Result<Wire> {
    stream.set_nodelay(true)?;
    Ok(Wire::Tcp(stream))
}

fn advertise(local: SocketAddr, advertised: Option<IpAddr>) -> (String, SocketAddr) {
    let address = SocketAddr::new(advertised.unwrap_or_else(|| local.ip()), local.port());
    (address.to_string(), address)
}

const BACKLOG: u32 = 1024;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn tcp_door() -> Arc<Door> {
        let place = Place::Tcp { listen: "127.0.0.1:0".parse().expect("an address"), advertised: None };
        Door::open(place, Arc::new(Lines::new(1))).expect("a free port")
    }

    #[tokio::test]
    async fn a_shut_door_refuses_keeps_its_port_and_opens_again() {
        let door = tcp_door();
        let address = door.address();
        let mut acceptor = DoorAcceptor(Arc::clone(&door));
        let mut client = TcpStream::connect(&address).await.unwrap();
        let (_held, peer) = acceptor.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap().to_string());
        let life = door.life();
        door.shut();
        assert!(life.is_cancelled());
        assert_eq!(client.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(TcpStream::connect(&address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        door.reopen().unwrap();
        assert!(!door.life().is_cancelled());
        TcpStream::connect(&address).await.unwrap();
        acceptor.accept().await.unwrap();
    }

    #[tokio::test]
    async fn a_door_can_move_only_while_it_is_shut() {
        let door = tcp_door();
        let old = door.address();
        assert!(door.move_to_new_port().is_err());
        door.shut();
        let new = door.move_to_new_port().unwrap();
        assert_ne!(old, new);
        door.reopen().unwrap();
        assert_eq!(door.address(), new);
        TcpStream::connect(&new).await.unwrap();
        assert!(TcpStream::connect(&old).await.is_err());
    }

    #[tokio::test]
    async fn a_frozen_door_takes_connections_and_nobody_answers_the_knock() {
        let door = tcp_door();
        door.freeze(true);
        let _client = TcpStream::connect(door.address()).await.unwrap();
        let mut acceptor = DoorAcceptor(Arc::clone(&door));
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), acceptor.accept()).await.is_err());
        door.freeze(false);
        acceptor.accept().await.unwrap();
    }
}
