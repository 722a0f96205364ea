//! What users call: `Producer::send`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rmq_producer::{Message, Producer};

use crate::contestant::{Contestant, Latencies};
use crate::message::{GROUP, TOPIC, body};
use crate::runtime;

pub(crate) struct PublicSend {
    runtime: tokio::runtime::Runtime,
    producer: Producer,
}

impl PublicSend {
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        let runtime = runtime::new()?;
        let producer = runtime.block_on(producer(address))?;
        Ok(Self { runtime, producer })
    }
}

async fn producer(address: &str) -> anyhow::Result<Producer> {
    let builder = Producer::builder(GROUP).name_servers(address).send_timeout(Duration::from_secs(60));
    Ok(builder.start().await?)
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
