//! The transport alone: rmq-remoting with a rendered header, by callers that wait each, or by one that keeps a window of requests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_remoting::{
    Endpoint, RemotingClient, RemotingCommand, RequestCode, RequestTemplate, SystemClock, WallClock as _,
};

use crate::contestant::{Contestant, Latencies};
use crate::message::{BROKER, GROUP, Properties, TOPIC, body};
use crate::runtime;

pub(crate) struct Transport {
    runtime: tokio::runtime::Runtime,
    client: RemotingClient,
    to: Endpoint,
    template: Arc<RequestTemplate<3>>,
    window: bool,
}

impl Transport {
    pub(crate) fn new(address: &str, window: bool) -> anyhow::Result<Self> {
        let mut request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
        let fields = [
            ("a", GROUP),
            ("b", TOPIC),
            ("c", "TBW102"),
            ("d", "4"),
            ("e", ""),
            ("f", "0"),
            ("g", ""),
            ("h", "0"),
            ("i", ""),
            ("j", "0"),
            ("k", "false"),
            ("m", "false"),
            ("n", BROKER),
        ];
        for (name, value) in fields {
            request = request.with_field(name, value);
        }
        Ok(Self {
            runtime: runtime::new()?,
            client: RemotingClient::builder().build()?,
            to: Endpoint::parse(address)?,
            template: Arc::new(RequestTemplate::new(request, ["e", "g", "i"])?),
            window,
        })
    }
}

impl Contestant for Transport {
    fn run(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Latencies> {
        let every = Latencies::every(in_flight);
        self.runtime.block_on(async {
            if self.window {
                let sender = Sender::new(self);
                return runtime::spawn(sender.keep_window(in_flight, messages, every)).await?;
            }
            let callers: Vec<_> = runtime::shares(messages, in_flight)
                .map(|messages| runtime::spawn(Sender::new(self).one_by_one(messages, every)))
                .collect();
            let mut latencies = Latencies::default();
            for caller in callers {
                latencies.extend(caller.await??);
            }
            Ok(latencies)
        })
    }

    fn writes(&self) -> Option<u64> {
        Some(self.client.stats().writes)
    }
}

struct Sender {
    client: RemotingClient,
    to: Endpoint,
    template: Arc<RequestTemplate<3>>,
    body: bytes::Bytes,
    properties: Properties,
}

impl Sender {
    fn new(transport: &Transport) -> Self {
        Self {
            client: transport.client.clone(),
            to: transport.to.clone(),
            template: Arc::clone(&transport.template),
            body: body(),
            properties: Properties::new(),
        }
    }

    async fn one_by_one(mut self, messages: u64, every: u64) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        for number in 0..messages {
            let started = (number % every == 0).then(Instant::now);
            let queue = i32::try_from(number % 8).unwrap_or_default();
            let values = [queue.into(), SystemClock.now_millis().into(), self.properties.next().into()];
            let request = self.template.fill(values, &self.body);
            let answer = self.client.invoke_frame(&self.to, &request, TIMEOUT).await?;
            check(&answer)?;
            if let Some(started) = started {
                latencies.add(started.elapsed());
            }
        }
        Ok(latencies)
    }

    async fn keep_window(mut self, in_flight: usize, messages: u64, every: u64) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut window = VecDeque::with_capacity(in_flight);
        for number in 0..messages {
            if window.len() == in_flight {
                collect(window.pop_front(), &mut latencies).await?;
            }
            let started = (number % every == 0).then(Instant::now);
            let queue = i32::try_from(number % 8).unwrap_or_default();
            let values = [queue.into(), SystemClock.now_millis().into(), self.properties.next().into()];
            let request = self.template.fill(values, &self.body);
            window.push_back((self.client.submit(&self.to, &request, TIMEOUT).await?, started));
        }
        for pending in window {
            collect(Some(pending), &mut latencies).await?;
        }
        Ok(latencies)
    }
}

async fn collect(
    pending: Option<(rmq_remoting::PendingAnswer, Option<Instant>)>,
    latencies: &mut Latencies,
) -> anyhow::Result<()> {
    let Some((answer, started)) = pending else { return Ok(()) };
    check(&answer.await?)?;
    if let Some(started) = started {
        latencies.add(started.elapsed());
    }
    Ok(())
}

/// What a send has to look at.
fn check(answer: &rmq_remoting::Answer) -> anyhow::Result<()> {
    anyhow::ensure!(answer.is_success(), "not stored: {answer:?}");
    // As a send result has it: two numbers and two ids, kept without an allocation.
    let mut stored = Stored::default();
    for (name, value) in answer.fields() {
        match name {
            "queueId" => stored.queue_id = value.as_i64().unwrap_or(-1),
            "queueOffset" => stored.queue_offset = value.as_i64().unwrap_or(-1),
            "msgId" => stored.message_id = value.as_bytes().try_into()?,
            "transactionId" => stored.transaction_id = value.as_bytes().try_into()?,
            _ => {}
        }
    }
    std::hint::black_box(stored);
    Ok(())
}

#[derive(Default)]
struct Stored {
    queue_id: i64,
    queue_offset: i64,
    message_id: [u8; 32],
    transaction_id: [u8; 32],
}

const TIMEOUT: Duration = Duration::from_secs(60);
