//! Load: many sends over one producer, so many of them in flight, with something that happens half-way.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmq_producer::{Message, Producer};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ledger::Sent;

/// So many sends of messages that differ in their bodies.
#[derive(Clone)]
pub(super) struct Load {
    topic: Arc<str>,
    sends: usize,
}

/// Where the workers meet.
struct Meeting {
    begun: AtomicUsize,
    /// How many are to begin; more than planned where that is not known yet.
    wanted: AtomicUsize,
    over: AtomicUsize,
    half: Notify,
}

impl Load {
    pub(super) fn new(topic: &str) -> Self {
        let said = env::var(VARIABLE).ok();
        let sends = said.map_or(SENDS, |said| said.parse().expect("a number of sends in RMQ_FAULT_SENDS"));
        Self { topic: topic.into(), sends }
    }

    /// Whether somebody asked for another load than the small one of every day.
    pub(super) fn is_full() -> bool {
        env::var_os(VARIABLE).is_some()
    }

    pub(super) fn sends(&self) -> usize {
        self.sends
    }

    /// The message of this number; numbers from [`Self::sends`] on are no part of the load.
    pub(super) fn message(&self, number: usize) -> Message {
        Message::new(Arc::clone(&self.topic), format!("{number:0BODY_BYTES$}"))
    }

    /// Sends everything; `half_way` runs beside the second half, and some sends begin when it is over, however long it takes: then there are
    /// more of them. Returns what became of each message, and the seconds.
    pub(super) async fn run(&self, producer: &Producer, half_way: impl Future<Output = ()>) -> (Vec<Sent>, f64) {
        let meeting = Arc::new(Meeting {
            begun: AtomicUsize::new(0),
            wanted: AtomicUsize::new(usize::MAX),
            over: AtomicUsize::new(0),
            half: Notify::new(),
        });
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            workers.spawn(self.clone().work(producer.clone(), Arc::clone(&meeting)));
        }
        let working = async {
            let mut all = Vec::with_capacity(self.sends);
            while let Some(sent) = workers.join_next().await {
                all.extend(sent.expect("no send panics"));
            }
            (all, started.elapsed().as_secs_f64())
        };
        let disturbing = async {
            meeting.half.notified().await;
            half_way.await;
            let afterwards = meeting.begun.load(Ordering::Relaxed) + AFTERWARDS;
            meeting.wanted.store(afterwards.max(self.sends), Ordering::Relaxed);
        };
        tokio::join!(working, disturbing).0
    }

    /// One send after another, until all have begun.
    async fn work(self, producer: Producer, meeting: Arc<Meeting>) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let number = meeting.begun.fetch_add(1, Ordering::Relaxed);
            if number >= meeting.wanted.load(Ordering::Relaxed) {
                return sent;
            }
            sent.push(producer.send(self.message(number)).await);
            if meeting.over.fetch_add(1, Ordering::Relaxed) + 1 == self.sends / 2 {
                meeting.half.notify_one();
            }
        }
    }
}

const VARIABLE: &str = "RMQ_FAULT_SENDS";
const BODY_BYTES: usize = 200;
pub(super) const IN_FLIGHT: usize = 64;
/// So many sends, at least, begin when what happens half-way has happened: some of them at each broker.
const AFTERWARDS: usize = 4 * IN_FLIGHT;
const SENDS: usize = 2_000;
