//! A connector that hands the other end of each dial to the test, and small helpers around it.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use rmq_remoting::{
    BoxFuture, Connector, Endpoint, FrameCodec, FrameLimits, RemotingClient, RemotingCommand, RemotingConfig,
    RequestCode, ResponseCode, Stream,
};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio_util::codec::{Encoder as _, FramedRead};

/// What a dial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dial {
    Open,
    Refuse,
    Hang,
}

pub(crate) struct Wire {
    peers: mpsc::Sender<DuplexStream>,
    buffer: usize,
    pub(crate) dials: AtomicUsize,
    pub(crate) dial: parking_lot::Mutex<Dial>,
}

impl Connector for Wire {
    fn connect(&self, _: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        self.dials.fetch_add(1, Ordering::SeqCst);
        let dial = *self.dial.lock();
        let (peers, buffer) = (self.peers.clone(), self.buffer);
        Box::pin(async move {
            match dial {
                Dial::Open => {
                    let (ours, theirs) = tokio::io::duplex(buffer);
                    peers.send(theirs).await.expect("the test takes its peers");
                    Ok(Stream::boxed(ours))
                }
                Dial::Refuse => Err(io::ErrorKind::ConnectionRefused.into()),
                Dial::Hang => std::future::pending().await,
            }
        })
    }
}

/// The other ends of a client's dials, in order.
pub(crate) struct Peers(mpsc::Receiver<DuplexStream>);

impl Peers {
    pub(crate) async fn next(&mut self) -> Peer {
        Peer::new(self.0.recv().await.expect("the client dials"))
    }

    /// Serves every connection: answers each request with its own body.
    pub(crate) fn echo(mut self) {
        spawn(async move {
            while let Some(stream) = self.0.recv().await {
                let mut peer = Peer::new(stream);
                spawn(async move {
                    while let Some(request) = peer.read().await {
                        if !request.is_oneway() {
                            peer.answer(&request).await;
                        }
                    }
                });
            }
        });
    }
}

/// One end of a connection, driven by hand.
pub(crate) struct Peer {
    frames: FramedRead<DuplexStream, FrameCodec>,
}

impl Peer {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self { frames: FramedRead::new(stream, FrameCodec::default()) }
    }

    /// Reads the next frame; `None` at the end of the stream. A cut frame is a panic.
    pub(crate) async fn read(&mut self) -> Option<RemotingCommand> {
        self.frames.next().await.map(|frame| frame.expect("the client writes whole frames"))
    }

    pub(crate) async fn request(&mut self) -> RemotingCommand {
        self.read().await.expect("the client sends a request")
    }

    pub(crate) async fn write(&mut self, command: RemotingCommand) {
        let bytes = encode(command);
        self.write_raw(&bytes).await;
    }

    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) {
        // The client may be gone; the test looks at what the client says.
        drop(self.try_write(bytes).await);
    }

    /// Writes, and says whether somebody was there to take it.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frames.get_mut().write_all(bytes).await
    }

    /// Answers with the request's body.
    pub(crate) async fn answer(&mut self, request: &RemotingCommand) {
        self.write(request.response_to(ResponseCode::SUCCESS).with_body(request.body().clone())).await;
    }
}

pub(crate) fn encode(command: RemotingCommand) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    FrameCodec::new(FrameLimits::default()).encode(command, &mut out).expect("a legal frame");
    out.to_vec()
}

pub(crate) fn wire(buffer: usize) -> (Arc<Wire>, Peers) {
    let (sender, receiver) = mpsc::channel(1024);
    let wire = Wire { peers: sender, buffer, dials: AtomicUsize::new(0), dial: parking_lot::Mutex::new(Dial::Open) };
    (Arc::new(wire), Peers(receiver))
}

pub(crate) fn client_with(config: RemotingConfig, wire: &Arc<Wire>) -> RemotingClient {
    RemotingClient::builder().config(config).connector(Arc::clone(wire)).build().expect("a legal configuration")
}

pub(crate) fn client(buffer: usize) -> (RemotingClient, Peers, Arc<Wire>) {
    let (wire, peers) = wire(buffer);
    (client_with(config(|_| {}), &wire), peers, wire)
}

pub(crate) fn config(change: impl FnOnce(&mut RemotingConfig)) -> RemotingConfig {
    let mut config = RemotingConfig::default();
    config.seed = Some(42);
    change(&mut config);
    config
}

pub(crate) fn to() -> Endpoint {
    Endpoint::parse("broker:10911").expect("a legal address")
}

pub(crate) fn request(body: impl Into<bytes::Bytes>) -> RemotingCommand {
    RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body(body)
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Polls `future` at most `polls` times and then drops it; `Some` when it was done before.
pub(crate) async fn stop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polled = 0;
    std::future::poll_fn(move |cx| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Lets everything that is ready run.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}
