//! Plain TCP: a name is resolved at each dial, and all of its addresses are tried.
//!
//! The next address has its turn when the one before failed, or has not answered for a quarter of a second (as RFC 8305 says): an address
//! that drops packets costs no more than that. The first to connect wins, the others are dropped.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use crate::connector::{BoxFuture, Connector, Stream};
use crate::endpoint::Endpoint;

/// Plain TCP with `TCP_NODELAY` and `SO_KEEPALIVE` (Java leaves that off). A host name is resolved at each dial and all of its addresses are
/// tried: the next one when the one before failed or has been silent for 250 ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connector for TcpConnector {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        let to = to.clone();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((to.host(), to.port())).await?;
            first_open(addresses, open).await.map(Stream::Tcp)
        })
    }

    /// All of them are alike.
    fn identity(&self) -> usize {
        0
    }
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Half-open connections are found by heartbeats long before; this is for those that carry none, as to name servers.
    socket.set_keepalive(true)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Opens the addresses in turn, each with a head start, and returns the first that is open, or the last error.
async fn first_open<T, F: Future<Output = io::Result<T>>>(
    addresses: impl Iterator<Item = SocketAddr>,
    mut open: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let mut addresses = addresses.peekable();
    let mut opening: Vec<Pin<Box<F>>> = Vec::new();
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        opening.extend(addresses.next().map(|address| Box::pin(open(address))));
        if opening.is_empty() {
            return Err(error);
        }
        let one = any(&mut opening);
        let over = match addresses.peek() {
            Some(_) => tokio::time::timeout(HEAD_START, one).await.ok(),
            None => Some(one.await),
        };
        match over {
            Some(Ok(opened)) => return Ok(opened),
            Some(Err(failed)) => error = failed,
            None => {}
        }
    }
}

/// Waits for one of the futures and takes it out.
async fn any<T, F: Future<Output = T>>(running: &mut Vec<Pin<Box<F>>>) -> T {
    poll_fn(|cx| {
        for at in 0..running.len() {
            if let Poll::Ready(output) = running[at].as_mut().poll(cx) {
                drop(running.swap_remove(at));
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}

const HEAD_START: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Port 1: refuses; port 2: drops packets; port 3: opens after 100 ms; port 4: after 300 ms.
    async fn play(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            1 => return Err(io::ErrorKind::ConnectionRefused.into()),
            2 => std::future::pending().await,
            3 => sleep(Duration::from_millis(100)).await,
            _ => sleep(Duration::from_millis(300)).await,
        }
        Ok(address.port())
    }

    async fn first_of(ports: &[u16]) -> (Result<u16, io::ErrorKind>, Duration) {
        let begun = Instant::now();
        let addresses = ports.iter().map(|port| SocketAddr::from(([10, 0, 0, 1], *port)));
        (first_open(addresses, play).await.map_err(|error| error.kind()), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_or_drops_packets_does_not_hide_the_next_one() {
        let millis = Duration::from_millis;
        assert_eq!(first_of(&[3]).await, (Ok(3), millis(100)));
        assert_eq!(first_of(&[1, 3]).await, (Ok(3), millis(100)), "a refusal costs nothing");
        assert_eq!(first_of(&[2, 3]).await, (Ok(3), millis(350)), "silence costs the head start");
        assert_eq!(first_of(&[2, 2, 1, 3]).await, (Ok(3), millis(600)));
        assert_eq!(first_of(&[4, 3]).await, (Ok(4), millis(300)), "whoever is first wins");
    }

    #[tokio::test(start_paused = true)]
    async fn when_none_opens_the_last_error_is_told() {
        assert_eq!(first_of(&[1, 1]).await.0, Err(io::ErrorKind::ConnectionRefused));
        assert_eq!(first_of(&[]).await.0, Err(io::ErrorKind::NotFound));
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
    async fn all_addresses_of_a_name_are_tried() {
        // `localhost` is ::1 and 127.0.0.1 on most hosts; the server has only the second one.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let accepted = tokio::spawn(async move { listener.accept().await.map(drop) });
        let to = Endpoint::new("localhost", port).expect("a legal address");
        let stream = TcpConnector.connect(&to).await.expect("one of its addresses is open");
        let Stream::Tcp(stream) = stream else { panic!("plain TCP") };
        assert!(stream.nodelay().expect("an open socket"));
        accepted.await.expect("no panic").expect("accepted");
    }
}
