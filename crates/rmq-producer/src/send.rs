//! The story of one send.
//!
//! ```text
//! Producer ─ deadline ─► send ─► prepare ─► route (snapshot; network on a miss) ─► select ─► attempt ─► reply ─► result or error
//! ```
//! Each step calls only downward and returns a value. One deadline, made at the top, bounds all of them.

mod attempt;
mod gate;
mod prepare;
mod reply;
mod select;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageLimits, MessageQueue, UniqueIdGenerator, property_key};
use rmq_remoting::Deadline;
use rmq_route::TopicRoute;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::attempts::Attempts;
use crate::config::ProducerConfig;
use crate::error::{Failure, SendError};
use crate::instance::{ClientInstance, RouteError, ShutdownReport};
use crate::send_result::SendResult;
use gate::{Gate, Inside};
use prepare::Prepared;
use select::{Cursors, Target};

/// What all handles of one producer share.
pub(crate) struct Sender {
    config: ProducerConfig,
    producer_group: Arc<str>,
    instance: ClientInstance,
    ids: UniqueIdGenerator,
    /// The message limits, with the properties that are added here counted in.
    limits: MessageLimits,
    cursors: Cursors,
    gate: Gate,
    /// Sends that were not over when the grace was; known for good once it is over.
    unfinished: OnceCell<usize>,
    report: OnceCell<ShutdownReport>,
}

impl Sender {
    pub(crate) fn new(config: ProducerConfig, producer_group: Arc<str>, instance: ClientInstance) -> Self {
        let random = instance.remoting().random();
        let ids = UniqueIdGenerator::new(instance.ip(), std::process::id(), random.next_u64());
        let limits = config.limits.clone().adds_property(property_key::UNIQ_KEY, ids.id_len());
        let cursors = Cursors::new(Arc::clone(random));
        let (unfinished, report) = (OnceCell::new(), OnceCell::new());
        Self { config, producer_group, instance, ids, limits, cursors, gate: Gate::new(), unfinished, report }
    }

    pub(crate) async fn send(&self, message: Message, deadline: Deadline) -> Result<SendResult, SendError> {
        let Aimed { _inside, started, prepared, route, target } = self.aim(message, deadline).await?;
        let (attempt, stored) = self.attempt(&prepared, &route, target, deadline).await;
        match stored {
            Some(stored) => Ok(prepared.stored(stored, Attempts::One(attempt), started)),
            None => Err(prepared.failed(Failure::Attempt, Attempts::One(attempt), started)),
        }
    }

    pub(crate) async fn send_oneway(&self, message: Message, deadline: Deadline) -> Result<(), SendError> {
        let Aimed { _inside, started, prepared, route, target } = self.aim(message, deadline).await?;
        let attempt = self.attempt_oneway(&prepared, &route, target, deadline).await;
        match attempt.error() {
            None => Ok(()),
            Some(_) => Err(prepared.failed(Failure::Attempt, Attempts::One(attempt), started)),
        }
    }

    /// What every send does before its first attempt: begins, checks the message, finds route and queue.
    async fn aim(&self, message: Message, deadline: Deadline) -> Result<Aimed<'_>, SendError> {
        let started = Instant::now();
        let Some(inside) = self.gate.enter() else { return Err(refused(message, Failure::Closed, started)) };
        if let Err(error) = message.validate(&self.limits) {
            return Err(refused(message, Failure::Message(error), started));
        }
        let prepared = self.prepare(message);
        let route = match self.instance.publish_info(prepared.topic(), deadline).await {
            Ok(route) => route,
            Err(error) => return Err(prepared.failed(Failure::Route(error), Attempts::None, started)),
        };
        match self.select(&route) {
            Some(target) => Ok(Aimed { _inside: inside, started, prepared, route, target }),
            None => Err(prepared.without_queue(started)),
        }
    }

    pub(crate) async fn queues(&self, topic: &Arc<str>, deadline: Deadline) -> Result<Vec<MessageQueue>, RouteError> {
        if self.gate.is_closed() {
            return Err(RouteError::Closed);
        }
        Ok(self.instance.publish_info(topic, deadline).await?.publish.queues().to_vec())
    }

    pub(crate) async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.gate.close();
        let deadline = Deadline::after(grace);
        let report = self.report.get_or_init(|| async {
            let started = Instant::now();
            let unfinished = *self.unfinished.get_or_init(|| self.drain(deadline)).await;
            let (unregistered, not_unregistered) = self.instance.stop(deadline).await;
            ShutdownReport { unfinished, unregistered, not_unregistered, took: started.elapsed() }
        });
        *report.await
    }

    /// Waits for the sends that have begun and returns how many are left.
    async fn drain(&self, deadline: Deadline) -> usize {
        match tokio::time::timeout_at(deadline.instant(), self.gate.empty()).await {
            Ok(()) => 0,
            Err(_) => self.gate.count(),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.gate.count()
    }

    pub(crate) fn config(&self) -> &ProducerConfig {
        &self.config
    }

    pub(crate) fn instance(&self) -> &ClientInstance {
        &self.instance
    }
}

/// A send that knows where to go.
struct Aimed<'a> {
    /// Counts among the sends in flight until it is dropped.
    _inside: Inside<'a>,
    started: Instant,
    prepared: Prepared,
    route: Arc<TopicRoute>,
    target: Target,
}

/// The error of a send that did not come as far as to prepare its message.
fn refused(message: Message, failure: Failure, started: Instant) -> SendError {
    SendError::new(failure, message, None, Attempts::None, started.elapsed())
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("group", &self.producer_group).finish_non_exhaustive()
    }
}
