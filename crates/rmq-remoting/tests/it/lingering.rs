//! A connection that this side ends lets the peer read what was written, whatever the peer writes meanwhile; and it takes its time for that
//! only once, and not for long.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{
    ConnectionContext, Endpoint, FrameCodec, RemotingClient, RemotingCommand, RemotingServer, RequestCode, ResponseCode,
};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;
use tokio_util::codec::Decoder as _;

use crate::fixture::{Peer, SECOND, client, client_with, config, encode, request, settle, spawn, to, wire};

const FRAMES: usize = 200;
const BODY: usize = 1024;
/// The receive buffer of the side that reads slowly: nearly all frames still lie on the other side when that one ends the connection.
const SMALL: u32 = 4096;

/// Reads nothing until it is told that the other side has ended the connection, then writes, and reads only then. Returns how many whole
/// frames came. While it runs, the paused clock stands still, since it is no task: a busy machine cannot make the other side give up.
fn slow_reader(stream: TcpStream) -> (mpsc::Sender<()>, tokio::task::JoinHandle<usize>) {
    let (ended, is_ended) = mpsc::channel();
    let reading = tokio::task::spawn_blocking(move || {
        is_ended.recv().expect("the test says so");
        // Without the mend the second of these is answered with a reset.
        let late = RemotingCommand::response(ResponseCode::SUCCESS).with_body(vec![1; 10_000]);
        for _ in 0..10 {
            drop((&stream).write_all(&encode(late.clone())));
        }
        let mut heard = Vec::new();
        drop((&stream).read_to_end(&mut heard));
        drop(stream.shutdown(Shutdown::Both));
        frames(&heard)
    });
    (ended, reading)
}

fn frames(bytes: &[u8]) -> usize {
    let (mut codec, mut bytes) = (FrameCodec::default(), bytes::BytesMut::from(bytes));
    let mut frames = 0;
    while let Ok(Some(_)) = codec.decode(&mut bytes) {
        frames += 1;
    }
    frames
}

fn blocking(stream: tokio::net::TcpStream) -> TcpStream {
    let stream = stream.into_std().expect("a socket");
    stream.set_nonblocking(false).expect("a socket");
    stream
}

/// Listens with a small receive buffer.
fn narrow() -> (TcpListener, Endpoint) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(SMALL).expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let listener = socket.listen(8).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, Endpoint::new("127.0.0.1", port).expect("a legal address"))
}

/// How many of the oneway requests that were handed to the kernel come to a slow peer although the client ends the connection in this way.
async fn arrive_although(end: impl AsyncFnOnce(RemotingClient, &Endpoint)) -> usize {
    let (listener, to) = narrow();
    let client = RemotingClient::builder().config(config(|_| {})).build().expect("defaults");
    let body = Bytes::from(vec![7; BODY]);
    for _ in 0..FRAMES {
        client.invoke_oneway(&to, request(body.clone()), SECOND).await.expect("the kernel takes it");
    }
    let (ended, reading) = slow_reader(blocking(listener.accept().await.expect("a connection").0));
    end(client, &to).await;
    settle().await;
    ended.send(()).expect("the peer waits");
    reading.await.expect("no panic")
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_took_arrives_although_the_client_is_dropped() {
    assert_eq!(arrive_although(async |client, _| drop(client)).await, FRAMES);
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_took_arrives_although_the_client_closes() {
    let mut kept = None;
    let arrived = arrive_although(async |client, _| {
        client.close();
        kept = Some(client);
    });
    assert_eq!(arrived.await, FRAMES);
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_took_arrives_although_the_client_shuts_down() {
    let mut stopping = None;
    let arrived = arrive_although(async |client, _| {
        stopping = Some(spawn(async move { (client.shutdown(SECOND).await, client.tasks()) }));
    });
    assert_eq!(arrived.await, FRAMES);
    let (report, tasks) = stopping.expect("begun").await.expect("no panic");
    assert_eq!((report.unwritten, report.took, tasks), (0, Duration::ZERO, 0), "the peer has closed");
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_took_arrives_although_the_connection_is_retired() {
    let mut kept = None;
    let arrived = arrive_although(async |client, to| {
        client.retire(to);
        kept = Some(client);
    });
    assert_eq!(arrived.await, FRAMES);
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_took_arrives_although_the_connection_is_idle() {
    let mut kept = None;
    let arrived = arrive_although(async |client, to| {
        let connection = client.connection(to).expect("it is open");
        tokio::time::advance(client.config().idle_timeout).await;
        while connection.is_open() {
            tokio::task::yield_now().await;
        }
        kept = Some(client);
    });
    assert_eq!(arrived.await, FRAMES);
}

#[tokio::test(start_paused = true)]
async fn answers_of_a_server_arrive_although_it_ends() {
    let server = RemotingServer::builder()
        .processor(RequestCode::SEND_MESSAGE_V2, |_: &ConnectionContext, request: RemotingCommand| {
            let answer = RemotingCommand::response(ResponseCode::SUCCESS).with_body(request.body().clone());
            let answer: rmq_remoting::BoxFuture<'static, _> = Box::pin(std::future::ready(Some(answer)));
            answer
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(SMALL).expect("a socket");
    let stream = blocking(socket.connect(server.local_addr().expect("bound")).await.expect("it listens"));
    let asked: Vec<u8> = (0..FRAMES).flat_map(|_| encode(request(vec![7; BODY]))).collect();
    let asker = stream.try_clone().expect("a socket");
    tokio::task::spawn_blocking(move || (&asker).write_all(&asked)).await.expect("no panic").expect("it is read");
    while server.stats().requests_served < FRAMES as u64 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(server.connections()[0].connection().queued_bytes(), 0, "the kernel has taken them");
    let (ended, reading) = slow_reader(stream);
    let stopping = spawn(async move { server.shutdown(SECOND).await });
    settle().await;
    ended.send(()).expect("the peer waits");
    assert_eq!(reading.await.expect("no panic"), FRAMES);
    stopping.await.expect("no panic");
}

/// A client with one connection, and the other end of it.
async fn connected() -> (RemotingClient, Peer) {
    let (client, mut peers, _) = client(1024);
    client.connect(&to(), SECOND).await.expect("a dial");
    (client, peers.next().await)
}

static LATE: [u8; 100_000] = [7; 100_000];

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_is_listened_to_for_a_second() {
    let (client, mut peer) = connected().await;
    let began = Instant::now();
    drop(client);
    assert!(peer.read().await.is_none(), "the end is told at once");
    peer.try_write(&LATE).await.expect("it is read, whatever it is");
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(999)).await;
    peer.try_write(&LATE).await.expect("still");
    tokio::time::sleep(Duration::from_millis(2)).await;
    peer.try_write(&LATE).await.expect_err("the time is over");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_is_not_waited_for() {
    let (client, mut peer) = connected().await;
    let reading = spawn(async move { peer.read().await.is_none() });
    let report = client.shutdown(Duration::from_secs(5)).await;
    assert_eq!((report.took, client.tasks()), (Duration::ZERO, 0));
    assert!(reading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_the_end_of_the_other_side_within_its_grace() {
    let (client, _peer) = connected().await;
    let report = client.shutdown(Duration::from_secs(5)).await;
    assert_eq!((report.took, client.tasks()), (SECOND, 0));

    let (client, mut peer) = connected().await;
    let report = client.shutdown(Duration::from_millis(300)).await;
    assert_eq!((report.took, client.tasks()), (Duration::from_millis(300), 0));
    peer.try_write(&LATE).await.expect_err("nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn after_an_error_of_the_peer_nothing_is_listened_to() {
    let (client, mut peer) = connected().await;
    peer.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it is open");
    settle().await;
    assert_eq!(client.tasks(), 0);
    peer.try_write(&LATE).await.expect_err("it was closed at once");
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_does_not_wait_for_the_end_of_the_old_one() {
    let (wire, mut peers) = wire(1 << 20);
    let client = client_with(config(|_| {}), &wire);
    client.connect(&to(), SECOND).await.expect("a dial");
    let _old = peers.next().await;
    client.retire(&to());
    settle().await;
    let began = Instant::now();
    peers.echo();
    client.invoke(&to(), request("x"), SECOND).await.expect("an echo");
    assert_eq!((began.elapsed(), client.connections().len(), client.tasks()), (Duration::ZERO, 1, 2));
}
