//! Load: sends that go on while servers are treated badly, and what became of each.

use std::time::Duration;

use rmq_producer::{Message, Producer, SendErrorKind};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::world::spawn;

/// What became of one send.
pub(crate) struct Sent {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    /// The broker that stored it.
    pub(crate) broker: Result<String, SendErrorKind>,
    /// Broker and queue of attempts that failed.
    pub(crate) failed: Vec<(String, i32)>,
}

impl Sent {
    pub(crate) fn ended(&self) -> Instant {
        self.began + self.took
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.broker.is_ok()
    }
}

/// Sends of several tasks, each one after the other.
pub(crate) struct Load {
    stop: CancellationToken,
    workers: JoinSet<Vec<Sent>>,
}

impl Load {
    /// Each worker pauses so long between its sends.
    pub(crate) fn start(producer: &Producer, workers: usize, pause: Duration) -> Self {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for _ in 0..workers {
            let (producer, stop) = (producer.clone(), stop.clone());
            running.spawn(async move {
                let mut sent = Vec::new();
                while !stop.is_cancelled() {
                    sent.push(send(&producer).await);
                    sleep(pause).await;
                }
                sent
            });
        }
        Self { stop, workers: running }
    }

    /// Ends the load and returns all sends in the order of their beginning.
    pub(crate) async fn end(self) -> Vec<Sent> {
        self.stop.cancel();
        let mut sent: Vec<Sent> = self.workers.join_all().await.into_iter().flatten().collect();
        sent.sort_by_key(|sent| sent.began);
        sent
    }
}

pub(crate) async fn send(producer: &Producer) -> Sent {
    let began = Instant::now();
    let outcome = producer.send(Message::new("orders", "x")).await;
    let attempts = match &outcome {
        Ok(result) => result.attempts(),
        Err(error) => error.attempts(),
    };
    let failed = attempts.iter().filter(|attempt| attempt.error().is_some());
    let failed = failed.map(|attempt| (attempt.broker_name().to_string(), attempt.queue().queue_id())).collect();
    let broker = outcome.map(|result| result.queue().broker_name().to_string()).map_err(|error| error.kind());
    Sent { began, took: began.elapsed(), broker, failed }
}

/// Sends that begin now and all at once.
pub(crate) async fn begin(producer: &Producer, count: usize) -> JoinSet<Sent> {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let producer = producer.clone();
        sends.spawn(async move { send(&producer).await });
    }
    crate::world::settle().await;
    sends
}

/// Runs something beside the test until its end.
pub(crate) fn beside(task: impl Future<Output = ()> + Send + 'static) {
    drop(spawn(task));
}
