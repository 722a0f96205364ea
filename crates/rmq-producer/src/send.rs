//! The story of one send.
//!
//! ```text
//! Producer ─ deadline ─► send ─► prepare ─► route (snapshot; network on a miss) ─► select ─► attempt ─► reply ─► result or error
//! ```
//! `sending` polls the usual send in place, `delivery` does the rest; `topics` and `lane` keep what does not differ from send to send.
//!
//! Each step calls only downward and returns a value. One deadline, made at the top, bounds all of them. After a failed attempt
//! `retry` decides whether `select` and `attempt` have another turn.

mod account;
mod attempt;
mod compress;
mod delivery;
mod ending;
mod enqueue;
mod enter;
mod faults;
mod gate;
mod lane;
mod namespace;
mod options;
mod prepare;
mod property_text;
mod reply;
mod retry;
mod retry_budget;
mod select;
mod sending;
mod stale_route;
mod topics;
mod tries;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageLimits, MessageQueue, UniqueIdGenerator, property_key};
use rmq_remoting::{Connection, Deadline, WallClock};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempts;
use crate::callback::{CallbackExecutor, Callbacks};
use crate::config::ProducerConfig;
use crate::error::{Failure, SendError};
use crate::fault_probe;
use crate::hook::Hooks;
use crate::instance::{Member, RouteError, ShutdownReport};
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::namespace::Namespace;
use faults::Faults;
use gate::Gate;
pub(crate) use options::SendOptions;
use property_text::PropertyText;
use retry_budget::RetryBudget;
pub(crate) use sending::{Answered, Sending, Written};
use topics::Topics;

/// What all handles of one producer share.
pub(crate) struct Sender {
    config: ProducerConfig,
    /// In the namespace.
    producer_group: Arc<str>,
    namespace: Namespace,
    /// Its place in the instance.
    instance: Member,
    ids: Arc<UniqueIdGenerator>,
    /// That of the instance.
    clock: Arc<dyn WallClock>,
    property_text: PropertyText,
    /// The message limits, with the properties that are added here counted in.
    limits: MessageLimits,
    topics: Topics,
    faults: Faults,
    /// What a first attempt has of a send's time, unless the send says something of its own.
    first_share: Duration,
    budget: RetryBudget,
    compression_failures: compress::Failures,
    gate: Arc<Gate>,
    callbacks: Callbacks,
    hooks: Hooks,
    metrics: Arc<Metrics>,
    /// Sends that were not over when the grace was; known for good once it is over.
    unfinished: OnceCell<usize>,
    /// What there is to report once leave is taken.
    left: OnceCell<ShutdownReport>,
    report: OnceCell<ShutdownReport>,
    /// Cancelled when the last handle is gone.
    deserted: CancellationToken,
    started: Instant,
    #[cfg(test)]
    slowly: std::sync::atomic::AtomicBool,
}

impl Sender {
    pub(crate) fn new(
        config: ProducerConfig,
        producer_group: Arc<str>,
        instance: Member,
        callbacks: CallbackExecutor,
        hooks: Hooks,
    ) -> Self {
        let random = instance.random();
        let ids = Arc::new(UniqueIdGenerator::new(instance.ip(), std::process::id(), random.next_u64()));
        let clock = Arc::clone(instance.remoting().clock());
        let namespace = config.name_prefix();
        let prefix = namespace.prefix().map(|prefix| &**prefix);
        let property_text = PropertyText::new(config.header_encoding, prefix, &ids);
        let mut limits = config.limits.clone().adds_property(property_key::UNIQ_KEY, ids.id_len());
        if let Some(namespace) = namespace.prefix() {
            limits = limits.adds_property(property_key::INSTANCE_ID, namespace.len());
        }
        let topics = Topics::new(Arc::clone(random));
        let (unfinished, left, report) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let faults = Faults::new(&config);
        let brokers = instance.brokers();
        let probes = fault_probe::run(brokers.clone(), Arc::clone(faults.suspects()), Arc::clone(faults.suspected()));
        brokers.spawn(probes);
        let first_share = retry::first_share(config.send_timeout, &config.retries);
        let budget = RetryBudget::new(config.remoting.max_in_flight, RetryBudget::DEFAULT_PERCENT);
        let compression_failures = compress::Failures::default();
        let gate = Gate::new(config.back_pressure);
        let callbacks = Callbacks::new(callbacks, instance.runtime());
        let (deserted, metrics) = (CancellationToken::new(), Arc::new(Metrics::default()));
        Self {
            config,
            producer_group,
            namespace,
            instance,
            ids,
            clock,
            property_text,
            limits,
            topics,
            faults,
            first_share,
            budget,
            compression_failures,
            gate,
            callbacks,
            hooks,
            metrics,
            unfinished,
            left,
            report,
            deserted,
            started: Instant::now(),
            #[cfg(test)]
            slowly: std::sync::atomic::AtomicBool::default(),
        }
    }

    pub(crate) async fn queues(&self, topic: &Arc<str>, deadline: Deadline) -> Result<Vec<MessageQueue>, RouteError> {
        if self.gate.is_closed() {
            return Err(RouteError::Closed);
        }
        let wrapped = self.namespace.wrap_shared(topic);
        let shown = self.namespace.unwrap_shared(topic);
        let route = self.instance.publish_info(&wrapped, deadline).await.map_err(|error| error.of_topic(&shown))?;
        Ok(namespace::unwrapped(route.publish.queues(), &shown).into_owned())
    }

    /// Whether every send goes the boxed way, as none does but in tests that hold the two ways against each other.
    #[cfg(test)]
    fn goes_slowly(&self) -> bool {
        self.slowly.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn go_slowly(&self, slowly: bool) {
        self.slowly.store(slowly, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether hooks want to see every send, or every attempt, at its beginning.
    fn has_send_hooks(&self) -> bool {
        !self.hooks.send.is_empty() || !self.hooks.forbidden.is_empty()
    }

    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        let mut counted = self.metrics.snapshot(self.gate.held_bytes(), self.callbacks.panics());
        let (brokers, connections) = (self.instance.brokers(), self.instance.remoting().connections());
        for broker in &mut counted.brokers {
            let address = brokers.master(&broker.name);
            let to_it = connections.iter().filter(|line| address.as_ref().is_some_and(|to| line.peer() == to.as_str()));
            broker.queued_bytes = to_it.map(Connection::queued_bytes).sum();
        }
        MetricsSnapshot {
            group: self.config.producer_group.as_str().into(),
            client_id: Arc::clone(self.instance.client_id()),
            compression_failures: self.compression_failures(),
            hook_panics: counted.hook_panics + self.instance.hook_panics(),
            server_requests: self.instance.server_requests(),
            ..counted
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.gate.count()
    }

    pub(crate) fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// How many tasks it runs.
    pub(crate) fn tasks(&self) -> usize {
        self.instance.tasks() + self.callbacks.pending()
    }

    pub(crate) fn instance(&self) -> &Member {
        &self.instance
    }
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
