//! Going on: what a send does that its first steps, or its first attempt, did not end.
//!
//! From wherever they came to: the steps that have to wait, the other tries, and the end.

use std::sync::Arc;
use std::time::Duration;

use rmq_message::validate_topic;
use rmq_remoting::Deadline;
use tokio::time::Instant;

use super::{Delivery, Stage};
use crate::attempts::{Attempt, Attempts};
use crate::error::{Failure, Outcome, SendError};
use crate::send::attempt::{Good, Over, OverOneway, Sent};
use crate::send::lane::Target;
use crate::send::prepare::Reconsumed;
use crate::send::reply::Stored;
use crate::send::retry::{self, Next};
use crate::send::stale_route::{self, Doubt};
use crate::send::tries::Tries;
use crate::send_result::{Receipt, SendResult};

/// The first attempt of a send that goes on: where it goes, and how far it came.
pub(crate) struct First<O> {
    pub(in crate::send) target: Target,
    pub(in crate::send) progress: Progress<O>,
}

/// How far a first attempt has come.
pub(crate) enum Progress<O> {
    ToBegin,
    /// Answered, by a server that is going away.
    Moving(Box<Sent>),
    Over(O),
}

impl Delivery<'_> {
    /// Goes on, from wherever the first steps came to, and ends.
    pub(in crate::send) async fn go_on(mut self, first: Option<First<Over>>) -> Result<SendResult, SendError> {
        let result = self.attempts(first).await;
        self.account.close(&result);
        result
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
                    let until = retry::attempt_deadline(self.deadline(), Instant::now(), tries.left(), self.policy());
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
            let again = again && !self.deadline().is_expired();
            if let Some(topic) = &self.topic {
                match doubt {
                    Doubt::None => {}
                    // The next try is worth a fresher route, but not all of the time.
                    Doubt::Proof if again => {
                        let until = Deadline::after(self.deadline().remaining() / 3);
                        sender.instance.renew_stale(&topic.route, until).await;
                    }
                    Doubt::Hint | Doubt::Proof => sender.instance.suspect_route(&topic.route),
                }
            }
            if !again || self.deadline().is_expired() {
                break;
            }
            // A route that was refreshed meanwhile is the better one to choose from.
            if let Ok(fresh) = sender.topic(self.prepared.message().topic_shared(), self.deadline()).await {
                fixed = fixed.map(|target| sender.same_again(&target, &fresh));
                self.topic = Some(fresh);
            }
            // A look-up may have taken what was left: an attempt without time would hide why the last one failed.
            if self.deadline().is_expired() {
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

    /// Decides whether another try follows a failed attempt, and waits where it has to come later.
    async fn again(&self, tries: &mut Tries, attempt: Attempt) -> bool {
        let (sender, deadline) = (self.sender(), self.deadline());
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

    fn result(&self, good: Good, tried: Attempts) -> SendResult {
        let Good { attempt: stored_by, stored: Stored { status, queue_id, queue_offset }, answer } = good;
        let (message_id, elapsed) = (self.prepared.message_id(), self.since.elapsed());
        let receipt = Receipt { status, queue_id, queue_offset, message_id, stored_by, elapsed };
        SendResult::new(receipt, answer).after(tried.into_boxed())
    }

    /// Goes on to the end, for which no broker's answer is waited.
    pub(in crate::send) async fn go_on_oneway(mut self, first: Option<First<OverOneway>>) -> Result<(), SendError> {
        let sender = self.sender();
        let over = match self.reach(first).await {
            Ok(First { progress: Progress::Over(over), .. }) => Ok(over),
            Ok(First { target, .. }) => {
                let (topic, deadline) = (self.topic.as_deref(), self.deadline());
                Ok(sender.attempt_oneway(&mut self.account, &self.prepared, topic, target, deadline).await)
            }
            Err(error) => Err(error),
        };
        match over {
            Ok(over) => self.end_oneway_with(over),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Ends after its one attempt.
    pub(super) fn end_oneway_with(&mut self, over: OverOneway) -> Result<(), SendError> {
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
        let topic = match sender.topic(&name, self.deadline()).await {
            Ok(topic) => topic,
            Err(error) => {
                let error = error.of_topic(&sender.namespace.unwrap_shared(&name));
                return Err(self.failed(Failure::Route(error), Attempts::None));
            }
        };
        self.settle(topic)?;
        match self.account.take_target() {
            Some(target) => Ok(First { target, progress: Progress::ToBegin }),
            None => Err(self.without_queue(Attempts::None)),
        }
    }

    async fn prepare(&mut self) -> Result<(), SendError> {
        let sender = self.sender();
        match self.account.before(self.prepared.message(), self.since) {
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
        let compressed = sender.compress(&body, self.deadline()).await;
        sender.prepare(&mut self.prepared, compressed, sender.clock.now_millis());
        self.stage = Stage::Prepared;
        Ok(())
    }

    /// The queue whose turn it is, away from `last_broker`.
    fn turn(&self, last_broker: Option<&str>) -> Option<Target> {
        let sender = self.sender();
        self.topic.as_ref()?.next(&sender.faults, sender.instance.random(), last_broker)
    }
}
