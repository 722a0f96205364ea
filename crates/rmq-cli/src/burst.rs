//! Many sends, some of them at once.
//!
//! Results come in the order in which they are known. A Ctrl-C lets those under way finish and starts no more; a second one ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rmq_producer::{Message, Producer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::send_record::SendRecord;

/// What to send, and how.
pub(crate) struct Burst {
    pub(crate) producer: Producer,
    /// Makes the message with this number, from 0.
    pub(crate) message: Box<dyn Fn(u64) -> Message + Send + Sync>,
    pub(crate) count: u64,
    pub(crate) concurrency: u16,
    pub(crate) oneway: bool,
    pub(crate) timeout: Duration,
}

/// How a burst ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete,
    /// By Ctrl-C.
    Interrupted,
}

impl Burst {
    /// Sends all messages and hands each record, with the number of its message, to `each`, whose error ends the burst at once. Sends go on
    /// while `each` is awaited.
    pub(crate) async fn run(
        self,
        mut each: impl AsyncFnMut(u64, SendRecord) -> anyhow::Result<()>,
    ) -> anyhow::Result<Ended> {
        // Before anything is sent: a Ctrl-C that nobody listens for yet would end the process in the middle of a send.
        let mut interrupts = interrupts()?;
        let workers = u64::from(self.concurrency).min(self.count);
        let (results, mut received) = mpsc::channel(usize::from(self.concurrency) * 2);
        let shared = Arc::new(Shared { burst: self, next: AtomicU64::new(0), stop: AtomicBool::new(false) });
        // Dropped with this future, it takes the workers along.
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn(Arc::clone(&shared).work(results.clone()));
        }
        drop(results);
        let mut ended = Ended::Complete;
        loop {
            tokio::select! {
                result = received.recv() => match result {
                    Some((number, record)) => each(number, record).await?,
                    None => return Ok(ended),
                },
                Some(()) = interrupts.recv() => {
                    if ended == Ended::Interrupted {
                        std::process::exit(crate::INTERRUPTED.into());
                    }
                    ended = Ended::Interrupted;
                    shared.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    async fn send(&self, message: Message) -> SendRecord {
        let started = Instant::now();
        if self.oneway {
            let topic = Arc::clone(message.topic_shared());
            return match self.producer.send_oneway(message).timeout(self.timeout).await {
                Ok(()) => SendRecord::oneway(&topic, started.elapsed()),
                Err(error) => SendRecord::failed(&error, started.elapsed()),
            };
        }
        match self.producer.send(message).timeout(self.timeout).await {
            Ok(result) => SendRecord::stored(&result, started.elapsed()),
            Err(error) => SendRecord::failed(&error, started.elapsed()),
        }
    }
}

/// Listens for Ctrl-C from now on, also while nobody waits for one.
#[cfg(unix)]
fn interrupts() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}

/// Listens for Ctrl-C from now on, also while nobody waits for one.
#[cfg(windows)]
fn interrupts() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

struct Shared {
    burst: Burst,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    async fn work(self: Arc<Self>, results: mpsc::Sender<(u64, SendRecord)>) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.burst.count {
                return;
            }
            let record = self.burst.send((self.burst.message)(number)).await;
            if results.send((number, record)).await.is_err() {
                return;
            }
        }
    }
}
