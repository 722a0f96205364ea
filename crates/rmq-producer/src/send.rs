//! The story of one send.
//!
//! ```text
//! Producer ─ deadline ─► send ─► prepare ─► route (snapshot; network on a miss) ─► select ─► attempt ─► reply ─► result or error
//! ```
//! Each step calls only downward and returns a value. One deadline, made at the top, bounds all of them. After a failed attempt
//! `retry` decides whether `select` and `attempt` have another turn.

mod account;
mod attempt;
mod compress;
mod ending;
mod enqueue;
mod enter;
mod faults;
mod gate;
mod namespace;
mod prepare;
mod reply;
mod retry;
mod retry_budget;
mod select;
mod stale_route;
mod tries;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageLimits, MessageQueue, UniqueIdGenerator, property_key};
use rmq_remoting::{Connection, Deadline};
use rmq_route::TopicRoute;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempts::{Attempt, Attempts};
use crate::callback::{CallbackExecutor, Callbacks};
use crate::config::ProducerConfig;
use crate::error::{Failure, Outcome, SendError};
use crate::fault_probe;
use crate::hook::Hooks;
use crate::instance::{Member, RouteError, ShutdownReport};
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::namespace::Namespace;
use crate::retry_policy::RetryPolicy;
use crate::send_result::{SendResult, SendStatus};
use crate::send_way::SendWay;
use account::Account;
use enter::Entered;
use faults::Faults;
use gate::Gate;
use prepare::Prepared;
use retry::Next;
use retry_budget::RetryBudget;
pub(crate) use select::Aim;
use select::{Cursors, Target};
use stale_route::Doubt;
use tries::Tries;

/// What a caller may say about one send.
#[derive(Clone, Default)]
pub(crate) struct SendOptions {
    pub(crate) aim: Aim,
    /// Instead of the producer's.
    pub(crate) retries: Option<RetryPolicy>,
    /// Whether it is refused when there is no room, instead of waiting.
    pub(crate) at_once: bool,
    pub(crate) way: SendWay,
}

/// What all handles of one producer share.
pub(crate) struct Sender {
    config: ProducerConfig,
    /// In the namespace.
    producer_group: Arc<str>,
    namespace: Namespace,
    /// Its place in the instance.
    instance: Member,
    ids: UniqueIdGenerator,
    /// The message limits, with the properties that are added here counted in.
    limits: MessageLimits,
    cursors: Cursors,
    faults: Faults,
    budget: RetryBudget,
    compression_failures: compress::Failures,
    gate: Arc<Gate>,
    callbacks: Callbacks,
    hooks: Hooks,
    metrics: Arc<Metrics>,
    /// Sends that were not over when the grace was; known for good once it is over.
    unfinished: OnceCell<usize>,
    report: OnceCell<ShutdownReport>,
    /// Cancelled when the last handle is gone.
    deserted: CancellationToken,
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
        let ids = UniqueIdGenerator::new(instance.ip(), std::process::id(), random.next_u64());
        let namespace = config.name_prefix();
        let mut limits = config.limits.clone().adds_property(property_key::UNIQ_KEY, ids.id_len());
        if let Some(namespace) = namespace.prefix() {
            limits = limits.adds_property(property_key::INSTANCE_ID, namespace.len());
        }
        let cursors = Cursors::new(Arc::clone(random));
        let (unfinished, report) = (OnceCell::new(), OnceCell::new());
        let faults = Faults::new(&config);
        let brokers = instance.brokers();
        let probes = fault_probe::run(brokers.clone(), Arc::clone(faults.suspects()), Arc::clone(faults.suspected()));
        brokers.spawn(probes);
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
            limits,
            cursors,
            faults,
            budget,
            compression_failures,
            gate,
            callbacks,
            hooks,
            metrics,
            unfinished,
            report,
            deserted,
        }
    }

    pub(crate) async fn send(
        &self,
        message: Message,
        options: &SendOptions,
        deadline: Deadline,
    ) -> Result<SendResult, SendError> {
        let entered = self.enter(message, options.at_once, deadline).await?;
        let Entered { message, inside: _inside, started } = entered;
        self.deliver(message, started, options, deadline).await
    }

    /// Sends a message that has its room, and accounts for it.
    async fn deliver(
        &self,
        message: Message,
        started: Instant,
        options: &SendOptions,
        deadline: Deadline,
    ) -> Result<SendResult, SendError> {
        let mut account = Account::open(self, options.way, started);
        let result = self.attempts(message, started, options, deadline, &mut account).await;
        account.close(&result);
        result
    }

    async fn attempts(
        &self,
        message: Message,
        started: Instant,
        options: &SendOptions,
        deadline: Deadline,
        account: &mut Account<'_>,
    ) -> Result<SendResult, SendError> {
        let Ready { prepared, mut route, mut fixed } = self.ready(message, started, options, deadline, account).await?;
        let policy = options.retries.as_ref().unwrap_or(&self.config.retries);
        let mut tries = Tries::new(policy.tries());
        let mut degraded = None;
        loop {
            let target = fixed.clone().or_else(|| self.select(&route, tries.last_broker()));
            let Some(target) = target else { return Err(prepared.without_queue(tries.into_attempts(), started)) };
            let budget = retry::attempt_deadline(deadline, tries.left(), policy);
            account.begin(&target.broker_name);
            let (attempt, stored) = self.attempt(&prepared, &route, target, options.way, budget).await;
            account.end(&attempt, stored.as_ref().map(|stored| stored.status));
            self.faults.record(&attempt);
            let failed = attempt.error().map(|error| (Arc::clone(attempt.broker_name()), error.kind()));
            let doubt = stale_route::doubt(attempt.error());
            let again = match stored {
                Some(stored) if stored.status == SendStatus::SendOk || !policy.is_after_degraded() => {
                    self.budget.refill();
                    return Ok(prepared.stored(stored, tries.with(attempt), started));
                }
                Some(stored) => {
                    degraded = Some(stored);
                    tries.spend(attempt) && self.budget.take()
                }
                None => self.again(&mut tries, attempt, &route, policy, fixed.is_some(), deadline).await,
            };
            let again = again && !deadline.is_expired();
            match doubt {
                Doubt::None => {}
                // The next try is worth a fresher route, but not all of the time.
                Doubt::Proof if again => {
                    self.instance.renew_stale(&route, Deadline::after(deadline.remaining() / 3)).await
                }
                Doubt::Hint | Doubt::Proof => self.instance.suspect_route(&route),
            }
            if !again || deadline.is_expired() {
                break;
            }
            // A route that was refreshed meanwhile is the better one to choose from.
            if let Ok(fresh) = self.instance.publish_info(prepared.topic(), deadline).await {
                route = fresh;
            }
            fixed = fixed.map(|target| target.held_in(&route));
            // A look-up may have taken what was left: an attempt without time would hide why the last one failed.
            if deadline.is_expired() {
                break;
            }
            if let Some((broker, reason)) = failed {
                account.retried(&broker, reason);
            }
        }
        let attempts = tries.into_attempts();
        match degraded {
            Some(stored) => {
                self.budget.refill();
                Ok(prepared.stored(stored, attempts, started))
            }
            None => Err(prepared.failed(Failure::Attempt, attempts, started)),
        }
    }

    pub(crate) async fn send_oneway(
        &self,
        message: Message,
        options: &SendOptions,
        deadline: Deadline,
    ) -> Result<(), SendError> {
        let Entered { message, inside: _inside, started } = self.enter(message, options.at_once, deadline).await?;
        let mut account = Account::open(self, options.way, started);
        let result = self.attempt_once(message, started, options, deadline, &mut account).await;
        account.close_oneway(&result);
        result.map(drop)
    }

    async fn attempt_once(
        &self,
        message: Message,
        started: Instant,
        options: &SendOptions,
        deadline: Deadline,
        account: &mut Account<'_>,
    ) -> Result<Attempt, SendError> {
        let Ready { prepared, route, fixed } = self.ready(message, started, options, deadline, account).await?;
        let Some(target) = fixed.or_else(|| self.select(&route, None)) else {
            return Err(prepared.without_queue(Attempts::None, started));
        };
        account.begin(&target.broker_name);
        let attempt = self.attempt_oneway(&prepared, &route, target, options.way, deadline).await;
        account.end(&attempt, None);
        self.faults.record_oneway(&attempt);
        if stale_route::doubt(attempt.error()) > Doubt::None {
            self.instance.suspect_route(&route);
        }
        match attempt.error() {
            None => Ok(attempt),
            Some(_) => Err(prepared.failed(Failure::Attempt, Attempts::One(attempt), started)),
        }
    }

    /// What every send that has its room does before its first attempt: prepares the message, finds the route, settles the queue if the
    /// caller chose it.
    async fn ready(
        &self,
        message: Message,
        started: Instant,
        options: &SendOptions,
        deadline: Deadline,
        account: &mut Account<'_>,
    ) -> Result<Ready, SendError> {
        let edited = match account.before(&message) {
            Ok(edited) => edited,
            Err(error) => return Err(refused(message, Failure::Hook(error), started)),
        };
        if let Some(Err(error)) = edited.as_ref().map(|edited| edited.validate(&self.limits)) {
            return Err(refused(message, Failure::Message(error), started));
        }
        let prepared = match edited {
            None => self.prepare(message, deadline).await,
            Some(edited) => match self.prepare(edited, deadline).await {
                Ok(prepared) => Ok(prepared.instead_of(message)),
                Err((_edited, error)) => Err((message, error)),
            },
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err((message, error)) => return Err(refused(message, Failure::Message(error), started)),
        };
        let route = match self.instance.publish_info(prepared.topic(), deadline).await {
            Ok(route) => route,
            Err(error) => return Err(prepared.failed(Failure::Route(error), Attempts::None, started)),
        };
        match self.fixed(&options.aim, &prepared, &route) {
            Ok(fixed) => Ok(Ready { prepared, route, fixed }),
            Err(error) => Err(prepared.failed(Failure::Select(error), Attempts::None, started)),
        }
    }

    /// Decides whether another try follows a failed attempt, and waits where it has to come later.
    async fn again(
        &self,
        tries: &mut Tries,
        attempt: Attempt,
        route: &TopicRoute,
        policy: &RetryPolicy,
        is_fixed: bool,
        deadline: Deadline,
    ) -> bool {
        let mut next = attempt.error().map_or(Next::Stop, |error| retry::after(error, policy));
        if is_fixed && !route.publish.is_static() && attempt.error().is_some_and(stale_route::is_wrong_queue) {
            next = Next::Stop; // the caller chose a queue that is not there
        }
        let not_sent = attempt.outcome() == Some(Outcome::NotSent);
        let may_move = !is_fixed && route.data.queue_datas.len() > 1;
        let suspected = self.faults.suspects().contains(attempt.broker_name());
        let pause = match next {
            Next::Stop => {
                tries.spend(attempt);
                return false;
            }
            Next::PassOver(wait) => {
                let brokers = if may_move { route.data.queue_datas.len() } else { 1 };
                match tries.pass_over(attempt, wait, brokers) {
                    Some(pause) if pause >= deadline.remaining() => return false,
                    Some(pause) => pause,
                    None => Duration::ZERO,
                }
            }
            Next::Again | Next::AgainAfterPause => {
                // Moving to another broker is free where nothing was sent, and away from one that is set aside; but not from one dead
                // broker to the next, or a cluster that is down would get every retry there is.
                let free =
                    may_move && (not_sent || suspected) && self.faults.trusts_other(route, attempt.broker_name());
                if !tries.spend(attempt) || !(free || self.budget.take()) {
                    return false;
                }
                if next == Next::Again {
                    Duration::ZERO
                } else {
                    let longest = retry::busy_pause(tries.busy()).min(deadline.remaining() / 2);
                    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
                    Duration::from_nanos(self.instance.random().below(nanos))
                }
            }
        };
        if !pause.is_zero() {
            // A producer that ends waits for nothing: the next attempt says so.
            self.instance.sleep(pause).await;
        }
        true
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

/// A send that can begin its first attempt.
struct Ready {
    prepared: Prepared,
    route: Arc<TopicRoute>,
    /// The queue of all attempts, where the caller chose it.
    fixed: Option<Target>,
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
