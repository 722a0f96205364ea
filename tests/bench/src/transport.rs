//! The transport alone: rmq-remoting with a rendered header, by callers that wait each, or by one that keeps a window of requests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rmq_remoting::{
    Answer, Endpoint, FieldText, Line, OpenField, PendingAnswer, RemotingClient, RemotingCommand, RequestCode,
    RequestTemplate, SystemClock, WallClock as _,
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
            template: Arc::new(RequestTemplate::new(request, [OpenField::Millis("g"), "e".into(), "i".into()])?),
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
    line: Line,
    template: Arc<RequestTemplate<3>>,
    body: bytes::Bytes,
    properties: Properties,
    places: Places,
}

impl Sender {
    fn new(transport: &Transport) -> Self {
        Self {
            line: transport.client.line(&transport.to),
            places: Places::default(),
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
            let values = [SystemClock.now_millis().into(), queue.into(), self.properties.next().into()];
            let request = self.template.fill(values, &self.body);
            let answer = self.line.invoke_frame(&request, TIMEOUT).await?;
            self.places.check(answer)?;
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
                self.collect(window.pop_front(), &mut latencies).await?;
            }
            let started = (number % every == 0).then(Instant::now);
            let queue = i32::try_from(number % 8).unwrap_or_default();
            let values = [SystemClock.now_millis().into(), queue.into(), self.properties.next().into()];
            let request = self.template.fill(values, &self.body);
            window.push_back((self.line.submit(&request, TIMEOUT).await?, started));
        }
        for pending in window {
            self.collect(Some(pending), &mut latencies).await?;
        }
        Ok(latencies)
    }

    async fn collect(
        &mut self,
        pending: Option<(PendingAnswer, Option<Instant>)>,
        latencies: &mut Latencies,
    ) -> anyhow::Result<()> {
        let Some((answer, started)) = pending else { return Ok(()) };
        self.places.check(answer.await?)?;
        if let Some(started) = started {
            latencies.add(started.elapsed());
        }
        Ok(())
    }
}

/// Where the fields are that every send reads.
#[derive(Default)]
struct Places {
    /// In answers with these fields.
    fields: Option<u64>,
    queue_id: usize,
    queue_offset: usize,
}

impl Places {
    /// Does what a send does: looks at the code and two numbers, and keeps the answer, which has the ids for whoever asks.
    fn check(&mut self, answer: Answer) -> anyhow::Result<()> {
        if self.fields.is_none() || self.fields != answer.fields_id() {
            self.learn(&answer)?;
        }
        let number = |place| answer.field_at(place).and_then(FieldText::as_i64);
        let (queue_id, queue_offset) = (number(self.queue_id), number(self.queue_offset));
        anyhow::ensure!(answer.is_success() && queue_id.is_some() && queue_offset.is_some(), "not stored: {answer:?}");
        std::hint::black_box((queue_id, queue_offset, answer));
        Ok(())
    }

    #[cold]
    fn learn(&mut self, answer: &Answer) -> anyhow::Result<()> {
        let place = |name| answer.field_place(name).with_context(|| format!("no {name}: {answer:?}"));
        *self = Self { fields: answer.fields_id(), queue_id: place("queueId")?, queue_offset: place("queueOffset")? };
        Ok(())
    }
}

const TIMEOUT: Duration = Duration::from_secs(60);
