//! A client that knows frames and nothing else.

use std::time::Duration;

use bytes::BytesMut;
use rmq_remoting::FrameCodec;
use rmq_testkit::{Broker, RemotingCommand, RequestCode, TestCluster};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// One connection to a server.
pub(crate) struct Peer {
    stream: Box<dyn Bytes>,
    codec: FrameCodec,
    unread: BytesMut,
}

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

impl Peer {
    pub(crate) async fn tcp(address: &str) -> Self {
        Self::new(TcpStream::connect(address).await.expect("the server listens"))
    }

    /// Dials as clients of the cluster do, also in memory.
    pub(crate) async fn dial(cluster: &TestCluster, address: &str) -> Self {
        let to = address.parse().expect("an address");
        match cluster.connector().connect(&to).await.expect("the server listens") {
            rmq_remoting::Stream::Tcp(stream) => Self::new(stream),
            rmq_remoting::Stream::Boxed(stream) => Self::new(stream),
            _ => unreachable!("no other kind of stream exists"),
        }
    }

    pub(crate) async fn to(cluster: &TestCluster, broker: &Broker) -> Self {
        Self::dial(cluster, &broker.address()).await
    }

    fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), codec: FrameCodec::default(), unread: BytesMut::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the line is open");
        self.stream.flush().await.expect("the line is open");
    }

    pub(crate) async fn send(&mut self, command: &RemotingCommand) {
        let mut frame = BytesMut::new();
        self.codec.encode(command, &mut frame).expect("it fits");
        self.write(&frame).await;
    }

    /// The next frame, or why there is none.
    pub(crate) async fn receive(&mut self) -> Result<RemotingCommand, String> {
        loop {
            if let Some(command) = self.codec.decode(&mut self.unread).map_err(|error| error.to_string())? {
                return Ok(command);
            }
            let read = self.stream.read_buf(&mut self.unread).await.map_err(|error| error.kind().to_string())?;
            if read == 0 {
                return Err(format!("end after {} bytes", self.unread.len()));
            }
        }
    }

    pub(crate) async fn ask(&mut self, command: &RemotingCommand) -> Result<RemotingCommand, String> {
        self.send(command).await;
        self.receive().await
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn hears_nothing(&mut self, patience: Duration) -> bool {
        timeout(patience, self.receive()).await.is_err()
    }

    /// Everything until the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = self.unread.split().to_vec();
        // A reset is an end too.
        drop(self.stream.read_to_end(&mut rest).await);
        rest
    }
}

/// A send with every required letter.
pub(crate) fn send_request(topic: &str, body: &'static str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
        .with_field("a", "pg")
        .with_field("b", topic)
        .with_field("c", "TBW102")
        .with_field("d", "4")
        .with_field("e", "0")
        .with_field("f", "0")
        .with_field("g", "1700000000000")
        .with_field("h", "0")
        .with_field("i", "UNIQ_KEY\u{1}AB\u{2}")
        .with_body(body)
}

pub(crate) fn numbered(mut command: RemotingCommand, opaque: i32) -> RemotingCommand {
    command.set_opaque(opaque);
    command
}
