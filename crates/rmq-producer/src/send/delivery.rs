//! Delivery: one send, from its first step to its end.
//!
//! Whoever begins it does the steps that need no waiting, and [`go_on`](Delivery::go_on) does the rest, from wherever the first steps came to:
//! every rule is here or in what is called from here, and none is written twice.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmq_message::{Message, validate_topic};
use rmq_remoting::{Answer, Deadline};
use tokio::time::Instant;

use super::account::Account;
use super::attempt::{Good, Over, OverOneway, Sent};
use super::lane::Target;
use super::prepare::{Prepared, Reconsumed};
use super::reply::{self, Stored};
use super::retry::{self, Next};
use super::stale_route::{self, Doubt};
use super::topics::Topic;
use super::tries::Tries;
use super::{SendOptions, Sender, refused};
use crate::attempts::{Attempt, Attempts, GoodAttempt};
use crate::error::{Failure, Outcome, SendError};
use crate::instance::RouteError;
use crate::retry_policy::RetryPolicy;
use crate::send_result::{MessageId, SendResult, SendStatus};

pub(crate) struct Delivery<'a> {
    pub(super) account: Account<'a>,
    pub(super) prepared: Prepared,
    pub(super) options: SendOptions,
    /// Counted from the send's beginning.
    pub(super) deadline: Deadline,
    stage: Stage,
    /// Whether it may take as long as the producer says, from now on.
    pub(super) has_usual_time: bool,
    /// Known once the send is settled.
    topic: Option<Arc<Topic>>,
    /// Whether all attempts go to the queue of the first one.
    is_fixed: bool,
}

/// How far a send has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// Its message is as it is sent.
    Prepared,
    /// The queue of its first attempt is chosen.
    Settled,
}

/// The first attempt of a send that goes on: where it goes, and how far it came.
pub(crate) struct First<O> {
    pub(super) target: Target,
    pub(super) progress: Progress<O>,
}

/// A send that its first attempt ended, but for the broker's answer.
pub(crate) struct EndedWell {
    stored: Stored,
    stored_by: GoodAttempt,
    message_id: MessageId,
    elapsed: Duration,
}

/// How far a first attempt has come.
pub(crate) enum Progress<O> {
    ToBegin,
    /// Answered, by a server that is going away.
    Moving(Box<Sent>),
    Over(O),
}

impl EndedWell {
    /// Its result, made where it is wanted: it is large.
    #[inline]
    pub(super) fn into_result(self, answer: Answer) -> SendResult {
        let Self { stored: Stored { status, queue_id, queue_offset }, stored_by, message_id, elapsed } = self;
        SendResult { status, message_id, queue_id, queue_offset, answer, stored_by, elapsed, shown: OnceLock::new() }
    }
}

impl<'a> Delivery<'a> {
    #[inline]
    pub(super) fn new(sender: &'a Sender, message: Message, options: SendOptions, deadline: Deadline) -> Self {
        Self {
            account: Account::new(sender, options.way),
            prepared: Prepared::new(message),
            options,
            deadline,
            stage: Stage::New,
            has_usual_time: false,
            topic: None,
            is_fixed: false,
        }
    }

    pub(super) fn sender(&self) -> &'a Sender {
        self.account.sender()
    }

    fn policy(&self) -> &RetryPolicy {
        self.options.retries().unwrap_or_else(|| &self.sender().config.retries)
    }

    /// The deadline of a first attempt that begins now.
    #[inline]
    pub(super) fn first_deadline(&self, now: Instant) -> Deadline {
        if self.has_usual_time && self.options.retries().is_none() {
            return Deadline::counted_from(now, self.sender().first_share);
        }
        let policy = self.policy();
        retry::attempt_deadline(self.deadline, now, policy.tries(), policy)
    }

    /// Does what comes before the first attempt, as far as that needs no waiting. `None`: something has to be waited for.
    #[inline]
    pub(super) fn begin(&mut self, topic: Option<Arc<Topic>>, now_millis: i64) -> Result<Option<Target>, SendError> {
        let sender = self.sender();
        if sender.has_send_hooks() {
            return Ok(None);
        }
        if let Err(error) = Reconsumed::of(self.prepared.message()) {
            return Err(self.refused(Failure::Message(error)));
        }
        let Ok(compressed) = sender.compress_here(self.prepared.message().body()) else { return Ok(None) };
        sender.prepare(&mut self.prepared, compressed, now_millis);
        self.stage = Stage::Prepared;
        match topic {
            Some(topic) => self.settle(topic).map(Some),
            None => Ok(None),
        }
    }

    /// Goes on, from wherever the first steps came to, and ends.
    pub(super) async fn go_on(mut self, first: Option<First<Over>>) -> Result<SendResult, SendError> {
        let result = self.attempts(first).await;
        self.account.close(&result);
        result
    }

    /// Ends with its first attempt, if that went as nearly all do. `None`: it is not over, and nothing was done.
    #[inline]
    pub(super) fn end_well(&mut self, answer: &Answer, started: Instant) -> Option<EndedWell> {
        let stored = reply::stored(answer, &self.account.under_way()?.lane.places)?;
        if !self.suffices(&stored) || self.account.is_watched() {
            return None;
        }
        let target = self.account.take_under_way()?;
        let (sender, lasted) = (self.sender(), started.elapsed());
        sender.note(&mut self.account, &target, None, Ok(Some(stored.status)), lasted);
        sender.budget.refill();
        self.account.close_stored(stored.status);
        // No need to look at the clock again, and hardly ever to reckon.
        let since = self.deadline.since();
        let elapsed = if started == since { lasted } else { lasted + started.saturating_duration_since(since) };
        Some(EndedWell { stored, stored_by: target.good(lasted), message_id: self.prepared.message_id(), elapsed })
    }

    /// The error of one that did not get in.
    #[cold]
    pub(super) fn turned_away(&mut self, failure: Failure) -> SendError {
        self.sender().refuse(self.prepared.take_given(), failure, self.deadline)
    }

    /// Ends with the error of its first steps.
    #[cold]
    pub(super) fn fail(&mut self, error: SendError) -> SendError {
        self.account.close_failed(&error);
        error
    }

    async fn attempts(&mut self, first: Option<First<Over>>) -> Result<SendResult, SendError> {
        let sender = self.sender();
        let First { target, progress } = self.reach(first).await?;
        let mut fixed = self.is_fixed.then(|| target.clone());
        let (mut first, mut next) = (None, None);
        match progress {
            Progress::ToBegin => next = Some(target),
            Progress::Moving(sent) => {
                first = Some(sender.move_attempt(&mut self.account, &self.prepared, &target, *sent).await);
            }
            Progress::Over(over) => first = Some(over),
        }
        let mut tries = Tries::new(self.policy().tries());
        let mut degraded = None;
        loop {
            let over = match first.take() {
                Some(over) => over,
                None => {
                    let Some(target) = next.take() else { return Err(self.without_queue(tries.into_attempts())) };
                    let until = retry::attempt_deadline(self.deadline, Instant::now(), tries.left(), self.policy());
                    sender.attempt(&mut self.account, &self.prepared, self.topic.as_deref(), target, until).await
                }
            };
            let (again, failed, doubt) = match over {
                Ok(good) if self.suffices(&good.stored) => {
                    sender.budget.refill();
                    let tried = tries.with(good.attempt.to_attempt());
                    return Ok(self.result(*good, tried));
                }
                Ok(good) => {
                    let again = tries.spend(good.attempt.to_attempt()) && sender.budget.take();
                    degraded = Some(good);
                    (again, None, Doubt::None)
                }
                Err(attempt) => {
                    let failed = attempt.error().map(|error| (Arc::clone(attempt.broker_name()), error.kind()));
                    let doubt = stale_route::doubt(attempt.error());
                    (self.again(&mut tries, *attempt).await, failed, doubt)
                }
            };
            let again = again && !self.deadline.is_expired();
            if let Some(topic) = &self.topic {
                match doubt {
                    Doubt::None => {}
                    // The next try is worth a fresher route, but not all of the time.
                    Doubt::Proof if again => {
                        let until = Deadline::after(self.deadline.remaining() / 3);
                        sender.instance.renew_stale(&topic.route, until).await;
                    }
                    Doubt::Hint | Doubt::Proof => sender.instance.suspect_route(&topic.route),
                }
            }
            if !again || self.deadline.is_expired() {
                break;
            }
            // A route that was refreshed meanwhile is the better one to choose from.
            if let Ok(fresh) = sender.topic(self.prepared.message().topic_shared(), self.deadline).await {
                fixed = fixed.map(|target| sender.same_again(&target, &fresh));
                self.topic = Some(fresh);
            }
            // A look-up may have taken what was left: an attempt without time would hide why the last one failed.
            if self.deadline.is_expired() {
                break;
            }
            if let Some((broker, reason)) = failed {
                self.account.retried(&broker, reason);
            }
            next = match &fixed {
                Some(target) => Some(target.clone()),
                None => self.turn(tries.last_broker()),
            };
        }
        let attempts = tries.into_attempts();
        match degraded {
            Some(good) => {
                sender.budget.refill();
                Ok(self.result(*good, attempts))
            }
            None => Err(self.failed(Failure::Attempt, attempts)),
        }
    }

    /// Goes on to the end, for which no broker's answer is waited.
    pub(super) async fn go_on_oneway(mut self, first: Option<First<OverOneway>>) -> Result<(), SendError> {
        let sender = self.sender();
        let over = match self.reach(first).await {
            Ok(First { progress: Progress::Over(over), .. }) => Ok(over),
            Ok(First { target, .. }) => {
                let (topic, deadline) = (self.topic.as_deref(), self.deadline);
                Ok(sender.attempt_oneway(&mut self.account, &self.prepared, topic, target, deadline).await)
            }
            Err(error) => Err(error),
        };
        match over {
            Ok(over) => self.end_oneway_with(over),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Ends with its one attempt, which went well.
    pub(super) fn end_oneway_well(&mut self, started: Instant) -> Option<()> {
        let target = self.account.take_under_way()?;
        let over = self.sender().over_oneway(&mut self.account, &target, None, Ok(()), started.elapsed());
        self.end_oneway_with(over).ok()
    }

    /// Ends after its one attempt.
    fn end_oneway_with(&mut self, over: OverOneway) -> Result<(), SendError> {
        let result = over.map_err(|attempt| {
            if stale_route::doubt(attempt.error()) > Doubt::None {
                if let Some(topic) = &self.topic {
                    self.sender().instance.suspect_route(&topic.route);
                }
            }
            self.failed(Failure::Attempt, Attempts::One(*attempt))
        });
        self.account.close_oneway(&result);
        result.map(drop)
    }

    /// What every send that has its room does before its first attempt: prepares the message, finds the route, settles the queue.
    async fn reach<O>(&mut self, first: Option<First<O>>) -> Result<First<O>, SendError> {
        if let Some(first) = first {
            return Ok(first);
        }
        if self.stage == Stage::New {
            self.prepare().await?;
        }
        let sender = self.sender();
        let name = Arc::clone(self.prepared.message().topic_shared());
        // The message was checked without the namespace, which makes its topic longer.
        if !sender.namespace.is_none() {
            if let Err(error) = validate_topic(&sender.namespace.wrap(&name)) {
                return Err(self.refused(Failure::Message(error.into())));
            }
        }
        let topic = match sender.topic(&name, self.deadline).await {
            Ok(topic) => topic,
            Err(error) => {
                let error = error.of_topic(&sender.namespace.unwrap_shared(&name));
                return Err(self.failed(Failure::Route(error), Attempts::None));
            }
        };
        Ok(First { target: self.settle(topic)?, progress: Progress::ToBegin })
    }

    async fn prepare(&mut self) -> Result<(), SendError> {
        let sender = self.sender();
        match self.account.before(self.prepared.message(), self.deadline.since()) {
            Ok(None) => {}
            Ok(Some(edited)) => {
                let valid = edited.validate(&sender.limits);
                self.prepared.send_instead(edited);
                if let Err(error) = valid {
                    return Err(self.refused(Failure::Message(error)));
                }
            }
            Err(error) => return Err(self.refused(Failure::Hook(error))),
        }
        if let Err(error) = Reconsumed::of(self.prepared.message()) {
            return Err(self.refused(Failure::Message(error)));
        }
        let body = self.prepared.message().body().clone();
        let compressed = sender.compress(&body, self.deadline).await;
        sender.prepare(&mut self.prepared, compressed, sender.instance.remoting().clock().now_millis());
        self.stage = Stage::Prepared;
        Ok(())
    }

    /// Chooses the queue of the first attempt: the caller's or the message's choice, which then is that of all attempts, or the next in turn.
    #[inline(always)]
    fn settle(&mut self, topic: Arc<Topic>) -> Result<Target, SendError> {
        self.stage = Stage::Settled;
        if self.options.is_aimed() || self.prepared.message().sharding().is_some() {
            return self.settle_fixed(topic);
        }
        self.settle_in_turn(topic)
    }

    #[inline(always)]
    fn settle_in_turn(&mut self, topic: Arc<Topic>) -> Result<Target, SendError> {
        let sender = self.sender();
        let target = topic.next(&sender.faults, sender.instance.random(), None);
        self.topic = Some(topic);
        match target {
            Some(target) => Ok(target),
            None => Err(self.without_queue(Attempts::None)),
        }
    }

    #[inline(never)]
    fn settle_fixed(&mut self, topic: Arc<Topic>) -> Result<Target, SendError> {
        match self.sender().fixed(self.options.aim(), self.prepared.message(), &topic) {
            Ok(Some(target)) => {
                self.is_fixed = true;
                self.topic = Some(topic);
                Ok(target)
            }
            Ok(None) => self.settle_in_turn(topic),
            Err(error) => Err(self.failed(Failure::Select(error), Attempts::None)),
        }
    }

    /// The queue whose turn it is, away from `last_broker`.
    fn turn(&self, last_broker: Option<&str>) -> Option<Target> {
        let sender = self.sender();
        self.topic.as_ref()?.next(&sender.faults, sender.instance.random(), last_broker)
    }

    /// Whether the send ends with a message that is stored like this.
    pub(super) fn suffices(&self, stored: &Stored) -> bool {
        stored.status == SendStatus::SendOk || !self.policy().is_after_degraded()
    }

    /// Decides whether another try follows a failed attempt, and waits where it has to come later.
    async fn again(&self, tries: &mut Tries, attempt: Attempt) -> bool {
        let (sender, deadline) = (self.sender(), self.deadline);
        let mut next = attempt.error().map_or(Next::Stop, |error| retry::after(error, self.policy()));
        let is_static = self.topic.as_ref().is_some_and(|topic| topic.route.publish.is_static());
        if self.is_fixed && !is_static && attempt.error().is_some_and(stale_route::is_wrong_queue) {
            next = Next::Stop; // the caller chose a queue that is not there
        }
        let not_sent = attempt.outcome() == Some(Outcome::NotSent);
        let route = self.topic.as_ref().filter(|_| !self.is_fixed).map(|topic| &topic.route.data);
        let brokers = route.map_or(1, |route| route.queue_datas.len());
        let may_move = brokers > 1;
        let suspected = sender.faults.suspects().contains(attempt.broker_name());
        let pause = match next {
            Next::Stop => {
                tries.spend(attempt);
                return false;
            }
            Next::PassOver(wait) => match tries.pass_over(attempt, wait, brokers.max(1)) {
                Some(pause) if pause >= deadline.remaining() => return false,
                Some(pause) => pause,
                None => Duration::ZERO,
            },
            Next::Again | Next::AgainAfterPause => {
                // Moving to another broker is free where nothing was sent, and away from one that is set aside; but not from one dead
                // broker to the next, or a cluster that is down would get every retry there is.
                let free = may_move && (not_sent || suspected) && self.trusts_other(attempt.broker_name());
                if !tries.spend(attempt) || !(free || sender.budget.take()) {
                    return false;
                }
                if next == Next::Again {
                    Duration::ZERO
                } else {
                    let longest = retry::busy_pause(tries.busy()).min(deadline.remaining() / 2);
                    let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
                    Duration::from_nanos(sender.instance.random().below(nanos))
                }
            }
        };
        if !pause.is_zero() {
            // A producer that ends waits for nothing: the next attempt says so.
            sender.instance.sleep(pause).await;
        }
        true
    }

    /// Tells whether there is a broker beside this one that is not set aside.
    fn trusts_other(&self, broker_name: &str) -> bool {
        self.topic.as_ref().is_some_and(|topic| self.sender().faults.trusts_other(&topic.route, broker_name))
    }

    fn elapsed(&self) -> Duration {
        self.deadline.since().elapsed()
    }

    fn result(&self, good: Good, tried: Attempts) -> SendResult {
        let Good { attempt, stored, answer } = good;
        let (message_id, elapsed) = (self.prepared.message_id(), self.elapsed());
        let result = EndedWell { stored, stored_by: attempt, message_id, elapsed }.into_result(answer);
        result.after(tried.into_boxed())
    }

    /// The error of a send whose message was not prepared.
    #[cold]
    fn refused(&mut self, failure: Failure) -> SendError {
        refused(self.prepared.take_given(), failure, self.deadline.since())
    }

    #[cold]
    fn failed(&mut self, failure: Failure, attempts: Attempts) -> SendError {
        let message_id = self.prepared.message_id_text(&self.sender().ids);
        let elapsed = self.elapsed();
        let error = SendError::new(failure, self.prepared.take_given(), Some(message_id), attempts, elapsed);
        #[cfg(feature = "acl")]
        let error = error.asked_as(|| self.sender().config.access_key());
        error
    }

    /// The error of a send whose route has no queue that can be sent to.
    #[cold]
    fn without_queue(&mut self, attempts: Attempts) -> SendError {
        let shown = self.topic.as_ref().map_or_else(|| self.prepared.message().topic_shared(), |topic| &topic.shown);
        let error = RouteError::NoWritableQueue { topic: Arc::clone(shown) };
        self.failed(Failure::Route(error), attempts)
    }
}
