//! Raw tokio: bytes that were encoded beforehand, written and counted on a current-thread runtime; what the runtime and kernel cost alone.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use rmq_remoting::{FrameCodec, RemotingCommand, RequestCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::codec::Encoder as _;

use crate::contestant::{Contestant, Latencies};
use crate::message::{BROKER, GROUP, Properties, TOPIC, body};
use crate::runtime;

pub(crate) struct RawTokio {
    runtime: tokio::runtime::Runtime,
    stream: TcpStream,
    request: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
}

impl RawTokio {
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        let runtime = runtime::new()?;
        let stream =
            runtime.block_on(TcpStream::connect(address)).with_context(|| format!("{address} cannot be reached"))?;
        stream.set_nodelay(true)?;
        let mut request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body(body());
        let properties = Properties::new().next().text().into_owned();
        let fields = [
            ("a", GROUP),
            ("b", TOPIC),
            ("c", "TBW102"),
            ("d", "4"),
            ("e", "3"),
            ("f", "0"),
            ("g", "1700000000000"),
            ("h", "0"),
            ("i", &properties),
            ("j", "0"),
            ("k", "false"),
            ("m", "false"),
            ("n", BROKER),
        ];
        for (name, value) in fields {
            request = request.with_field(name, value);
        }
        let mut wire = BytesMut::new();
        FrameCodec::default().encode(&request, &mut wire)?;
        Ok(Self { runtime, stream, request: wire.to_vec(), input: vec![0; 256 * 1024], filled: 0 })
    }
}

impl Contestant for RawTokio {
    fn run(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Latencies> {
        let Self { runtime, stream, request, input, filled } = self;
        runtime.block_on(async {
            let mut latencies = Latencies::default();
            let (mut sent, mut answered) = (0, 0);
            let mut out = Vec::new();
            while answered < messages {
                let started = Instant::now();
                while sent < messages && sent - answered < in_flight as u64 {
                    out.extend_from_slice(request);
                    sent += 1;
                }
                stream.write_all(&out).await?;
                out.clear();
                let before = answered;
                while answered == before {
                    let read = stream.read(&mut input[*filled..]).await?;
                    ensure!(read > 0, "the broker closed the connection");
                    *filled += read;
                    let mut at = 0;
                    while let Some(word) = input[at..*filled].first_chunk() {
                        let end = at + 4 + u32::from_be_bytes(*word) as usize;
                        if end > *filled {
                            break;
                        }
                        at = end;
                        answered += 1;
                    }
                    input.copy_within(at..*filled, 0);
                    *filled -= at;
                }
                latencies.add(started.elapsed());
            }
            Ok(latencies)
        })
    }
}
