//! Delivery: one send that has its room, until it is over.
//!
//! Whoever begins it does the steps that need no waiting, and [`go_on`](Delivery::go_on) does the rest, from wherever the first steps came to:
//! every rule is here or in what is called from here, and none is written twice.

use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageQueue, validate_topic};
use rmq_remoting::Deadline;
use rmq_route::TopicRoute;
use tokio::time::Instant;

use super::account::Account;
use super::attempt::Over;
use super::lane::Target;
use super::prepare::{Prepared, Reconsumed};
use super::reply::Stored;
use super::retry::{self, Next};
use super::sending::Ended;
use super::topics::Topic;
use super::tries::Tries;
use super::{SendOptions, Sender, refused};
use crate::attempts::{Attempt, Attempts};
use crate::error::{Failure, Outcome, SendError};
use crate::instance::RouteError;
use crate::retry_policy::RetryPolicy;
use crate::send_result::{SendResult, SendStatus};

pub(crate) struct Delivery<'a> {
    pub(super) account: Account<'a>,
    options: SendOptions,
    deadline: Deadline,
}

/// A send that can begin its next attempt.
pub(crate) struct Ready {
    pub(super) prepared: Prepared,
    pub(super) topic: Arc<Topic>,
    /// The queue of all attempts, where the caller chose it.
    pub(super) fixed: Option<Target>,
}

/// How far a send has come.
pub(crate) enum Stage {
    /// It has its room.
    Entered(Message),
    /// Its message is ready, its route is not known.
    Prepared(Prepared),
    /// Its route is known, and perhaps something of its first attempt.
    Ready(Ready, Option<First>),
}

/// What is known of the first attempt.
pub(crate) enum First {
    /// Its queue is chosen.
    Aimed(Target),
    Over(Box<Over>),
}

/// Why the first attempt cannot begin at once.
pub(super) enum Halt {
    /// Something has to be waited for.
    Held(Box<Stage>),
    Failed(SendError),
}

impl<'a> Delivery<'a> {
    pub(super) fn open(sender: &'a Sender, options: SendOptions, deadline: Deadline) -> Self {
        Self { account: Account::open(sender, options.way, deadline.since()), options, deadline }
    }

    pub(super) fn sender(&self) -> &'a Sender {
        self.account.sender()
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline
    }

    fn policy(&self) -> &RetryPolicy {
        match &self.options.retries {
            Some(policy) => policy,
            None => &self.sender().config.retries,
        }
    }

    /// The deadline of the first attempt.
    pub(super) fn first_deadline(&self) -> Deadline {
        let policy = self.policy();
        retry::attempt_deadline(self.deadline, self.deadline.since(), policy.tries(), policy)
    }

    /// Does what comes before the first attempt, as far as that needs no waiting.
    pub(super) fn begin(&mut self, message: Message, now_millis: i64) -> Result<(Ready, Target), Halt> {
        let sender = self.sender();
        if !sender.hooks.send.is_empty() || !sender.hooks.forbidden.is_empty() {
            return Err(Halt::Held(Box::new(Stage::Entered(message))));
        }
        let reconsumed = match Reconsumed::of(&message) {
            Ok(reconsumed) => reconsumed,
            Err(error) => return Err(Halt::Failed(self.refused(message, Failure::Message(error)))),
        };
        let Ok(compressed) = sender.compress_here(message.body()) else {
            return Err(Halt::Held(Box::new(Stage::Entered(message))));
        };
        let prepared = sender.prepare(message, reconsumed, compressed, now_millis);
        let Some(topic) = sender.known_topic(prepared.message().topic_shared()) else {
            return Err(Halt::Held(Box::new(Stage::Prepared(prepared))));
        };
        let ready = self.settle(prepared, topic).map_err(Halt::Failed)?;
        match ready.fixed.clone().or_else(|| ready.topic.next(&sender.faults, None)) {
            Some(target) => Ok((ready, target)),
            None => Err(Halt::Failed(self.without_queue(ready.prepared, &ready.topic, Attempts::None))),
        }
    }

    /// Goes on, from wherever the first steps came to, and ends.
    pub(super) async fn go_on(mut self, from: Stage) -> Result<SendResult, SendError> {
        let result = self.attempts(from).await;
        self.account.close(&result);
        result
    }

    /// Ends well after its first attempt, or goes on.
    pub(super) fn end_with(self, ready: Ready, over: Over) -> Ended<'a, SendResult> {
        match over {
            Over { attempt, stored: Some(stored) } if self.suffices(&stored) => {
                let result = self.stored(&ready.prepared, &ready.topic, stored, Attempts::One(attempt));
                self.account.close_stored(&result);
                Ok(Ok(result))
            }
            over => Err(Box::pin(self.go_on(Stage::Ready(ready, Some(First::Over(Box::new(over))))))),
        }
    }

    /// Ends with the error of its first steps.
    pub(super) fn fail(self, error: SendError) -> SendError {
        self.account.close_failed(&error);
        error
    }

    async fn attempts(&mut self, from: Stage) -> Result<SendResult, SendError> {
        let sender = self.sender();
        let (Ready { prepared, mut topic, fixed }, mut first) = self.reach(from).await?;
        let mut tries = Tries::new(self.policy().tries());
        let mut degraded = None;
        loop {
            let over = match first.take() {
                Some(First::Over(over)) => *over,
                chosen => {
                    let target = match chosen {
                        Some(First::Aimed(target)) => Some(target),
                        _ => fixed.clone().or_else(|| topic.next(&sender.faults, tries.last_broker())),
                    };
                    let Some(target) = target else {
                        return Err(self.without_queue(prepared, &topic, tries.into_attempts()));
                    };
                    let until = retry::attempt_deadline(self.deadline, Instant::now(), tries.left(), self.policy());
                    sender.attempt(&mut self.account, &prepared, &topic, target, until).await
                }
            };
            let Over { attempt, stored } = over;
            let failed = attempt.error().map(|error| (Arc::clone(attempt.broker_name()), error.kind()));
            let again = match stored {
                Some(stored) if self.suffices(&stored) => {
                    return Ok(self.stored(&prepared, &topic, stored, tries.with(attempt)));
                }
                Some(stored) => {
                    degraded = Some(stored);
                    tries.spend(attempt)
                }
                None => self.again(&mut tries, attempt, &topic.route, fixed.is_some()).await,
            };
            if !again || self.deadline.is_expired() {
                break;
            }
            if let Some((broker, reason)) = failed {
                self.account.retried(&broker, reason);
            }
            // A route that was refreshed meanwhile is the better one to choose from.
            if let Ok(fresh) = sender.topic(prepared.message().topic_shared(), self.deadline).await {
                topic = fresh;
            }
        }
        let attempts = tries.into_attempts();
        match degraded {
            Some(stored) => Ok(self.result(&prepared, &topic, stored, attempts)),
            None => Err(self.failed(prepared, Failure::Attempt, attempts)),
        }
    }

    /// Goes on to the end, for which no broker's answer is waited.
    pub(super) async fn go_on_oneway(mut self, from: Stage) -> Result<(), SendError> {
        let result = self.attempt_once(from).await;
        self.account.close_oneway(&result);
        result.map(drop)
    }

    /// Ends after its one attempt.
    pub(super) fn end_oneway_with(self, ready: Ready, attempt: Attempt) -> Result<(), SendError> {
        let result = self.once(ready.prepared, attempt);
        self.account.close_oneway(&result);
        result.map(drop)
    }

    async fn attempt_once(&mut self, from: Stage) -> Result<Attempt, SendError> {
        let sender = self.sender();
        let (Ready { prepared, topic, fixed }, first) = self.reach(from).await?;
        let aimed = match first {
            Some(First::Over(over)) => return self.once(prepared, over.attempt),
            Some(First::Aimed(target)) => Some(target),
            None => None,
        };
        let Some(target) = aimed.or(fixed).or_else(|| topic.next(&sender.faults, None)) else {
            return Err(self.without_queue(prepared, &topic, Attempts::None));
        };
        let attempt = sender.attempt_oneway(&mut self.account, &prepared, &topic, target, self.deadline).await;
        self.once(prepared, attempt)
    }

    fn once(&self, prepared: Prepared, attempt: Attempt) -> Result<Attempt, SendError> {
        match attempt.error() {
            None => Ok(attempt),
            Some(_) => Err(self.failed(prepared, Failure::Attempt, Attempts::One(attempt))),
        }
    }

    /// What every send that has its room does before its first attempt: prepares the message, finds the route, settles the queue if the
    /// caller chose it.
    async fn reach(&mut self, from: Stage) -> Result<(Ready, Option<First>), SendError> {
        let prepared = match from {
            Stage::Entered(message) => self.prepare(message).await?,
            Stage::Prepared(prepared) => prepared,
            Stage::Ready(ready, first) => return Ok((ready, first)),
        };
        let (sender, name) = (self.sender(), prepared.message().topic_shared());
        // The message was checked without the namespace, which makes its topic longer.
        if !sender.namespace.is_none() {
            if let Err(error) = validate_topic(&sender.namespace.wrap(name)) {
                return Err(self.refused(prepared.into_given(), Failure::Message(error.into())));
            }
        }
        let topic = match sender.topic(name, self.deadline).await {
            Ok(topic) => topic,
            Err(error) => {
                let error = error.of_topic(&sender.namespace.unwrap_shared(name));
                return Err(self.failed(prepared, Failure::Route(error), Attempts::None));
            }
        };
        Ok((self.settle(prepared, topic)?, None))
    }

    async fn prepare(&mut self, message: Message) -> Result<Prepared, SendError> {
        let sender = self.sender();
        let edited = match self.account.before(&message) {
            Ok(edited) => edited,
            Err(error) => return Err(self.refused(message, Failure::Hook(error))),
        };
        if let Some(Err(error)) = edited.as_ref().map(|edited| edited.validate(&sender.limits)) {
            return Err(self.refused(message, Failure::Message(error)));
        }
        let (sent, original) = match edited {
            None => (message, None),
            Some(edited) => (edited, Some(message)),
        };
        let reconsumed = match Reconsumed::of(&sent) {
            Ok(reconsumed) => reconsumed,
            Err(error) => return Err(self.refused(original.unwrap_or(sent), Failure::Message(error))),
        };
        let compressed = sender.compress(sent.body(), self.deadline).await;
        let now = sender.instance.remoting().clock().now_millis();
        let prepared = sender.prepare(sent, reconsumed, compressed, now);
        Ok(match original {
            None => prepared,
            Some(original) => prepared.instead_of(original),
        })
    }

    fn settle(&self, prepared: Prepared, topic: Arc<Topic>) -> Result<Ready, SendError> {
        match self.sender().fixed(&self.options.aim, prepared.message(), &topic) {
            Ok(fixed) => Ok(Ready { prepared, topic, fixed }),
            Err(error) => Err(self.failed(prepared, Failure::Select(error), Attempts::None)),
        }
    }

    /// Whether the send ends with a message that is stored like this.
    fn suffices(&self, stored: &Stored) -> bool {
        stored.status == SendStatus::SendOk || !self.policy().is_after_degraded()
    }

    /// Decides whether another try follows a failed attempt, and waits where it has to come later.
    async fn again(&self, tries: &mut Tries, attempt: Attempt, route: &TopicRoute, is_fixed: bool) -> bool {
        let (sender, deadline) = (self.sender(), self.deadline);
        let next = attempt.error().map_or(Next::Stop, |error| retry::after(error, self.policy()));
        let not_sent = attempt.outcome() == Some(Outcome::NotSent);
        let may_move = !is_fixed && route.data.queue_datas.len() > 1;
        let suspected = sender.faults.suspects().contains(attempt.broker_name());
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
                    may_move && (not_sent || suspected) && sender.faults.trusts_other(route, attempt.broker_name());
                if !tries.spend(attempt) || !(free || sender.budget.take()) {
                    return false;
                }
                if next == Next::Again {
                    Duration::ZERO
                } else {
                    let longest = retry::busy_pause(tries.busy()).min(deadline.remaining() / 2);
                    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
                    Duration::from_nanos(sender.instance.remoting().random().below(nanos))
                }
            }
        };
        if !pause.is_zero() {
            // A producer that ends waits for nothing: the next attempt says so.
            sender.instance.sleep(pause).await;
        }
        true
    }

    /// The result of a send that ends well.
    fn stored(&self, prepared: &Prepared, topic: &Topic, stored: Stored, attempts: Attempts) -> SendResult {
        self.sender().budget.refill();
        self.result(prepared, topic, stored, attempts)
    }

    fn result(&self, prepared: &Prepared, topic: &Topic, stored: Stored, attempts: Attempts) -> SendResult {
        let Stored { status, broker_name, queue_id, queue_offset, answer } = stored;
        SendResult {
            status,
            message_id: prepared.message_id(),
            queue: MessageQueue::new(Arc::clone(&topic.shown), broker_name, queue_id),
            queue_offset,
            answer,
            attempts,
            elapsed: self.deadline.since().elapsed(),
        }
    }

    /// The error of a send whose message was not prepared.
    fn refused(&self, message: Message, failure: Failure) -> SendError {
        refused(message, failure, self.deadline.since())
    }

    fn failed(&self, prepared: Prepared, failure: Failure, attempts: Attempts) -> SendError {
        let message_id = prepared.message_id().as_str().to_owned();
        let elapsed = self.deadline.since().elapsed();
        SendError::new(failure, prepared.into_given(), Some(message_id), attempts, elapsed)
    }

    /// The error of a send whose route has no queue that can be sent to.
    fn without_queue(&self, prepared: Prepared, topic: &Topic, attempts: Attempts) -> SendError {
        let error = RouteError::NoWritableQueue { topic: Arc::clone(&topic.shown) };
        self.failed(prepared, Failure::Route(error), attempts)
    }
}
