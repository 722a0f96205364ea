//! What users call: `Producer::send`, with and without a hook on the wire, which makes every request one with a map of fields.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rmq_producer::{Message, Producer, RpcHook};

use crate::contestant::{Contestant, Latencies};
use crate::message::{GROUP, TOPIC, body};
use crate::runtime;

pub(crate) struct PublicSend {
    runtime: tokio::runtime::Runtime,
    producer: Producer,
}

impl PublicSend {
    pub(crate) fn new(address: &str, hooked: bool) -> anyhow::Result<Self> {
        let runtime = runtime::new()?;
        let mut builder = Producer::builder(GROUP).name_servers(address).send_timeout(Duration::from_secs(60));
        if hooked {
            builder = builder.rpc_hook(Idle);
        }
        let producer = runtime.block_on(builder.start())?;
        Ok(Self { runtime, producer })
    }
}

/// A hook that does nothing.
struct Idle;

impl RpcHook for Idle {}

/// Makes the messages and sends none.
pub(crate) struct MessageAlone;

impl Contestant for MessageAlone {
    fn run(&mut self, _: usize, messages: u64) -> anyhow::Result<Latencies> {
        let (topic, body): (Arc<str>, Bytes) = (TOPIC.into(), body());
        for _ in 0..messages {
            drop(std::hint::black_box(Message::new(Arc::clone(&topic), body.clone())));
        }
        Ok(Latencies::default())
    }
}

impl Contestant for PublicSend {
    fn run(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Latencies> {
        let every = Latencies::every(in_flight);
        self.runtime.block_on(async {
            let topic: Arc<str> = TOPIC.into();
            let callers: Vec<_> = runtime::shares(messages, in_flight)
                .map(|messages| {
                    runtime::spawn(send(self.producer.clone(), Arc::clone(&topic), body(), messages, every))
                })
                .collect();
            let mut latencies = Latencies::default();
            for caller in callers {
                latencies.extend(caller.await??);
            }
            Ok(latencies)
        })
    }
}

async fn send(
    producer: Producer,
    topic: Arc<str>,
    body: Bytes,
    messages: u64,
    every: u64,
) -> anyhow::Result<Latencies> {
    let mut latencies = Latencies::default();
    for number in 0..messages {
        let started = (number % every == 0).then(Instant::now);
        let sent = producer.send(Message::new(Arc::clone(&topic), body.clone())).await?;
        std::hint::black_box(sent.queue_offset());
        if let Some(started) = started {
            latencies.add(started.elapsed());
        }
    }
    Ok(latencies)
}
