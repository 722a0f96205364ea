//! One attempt: address, header, one call; and what its end is told to.
//!
//! Header and born time are made anew for every attempt; the unique id inside the properties stays. An end is told once: to the account, to
//! the faults, to the log.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use rmq_remoting::{Answer, Deadline, Endpoint, PendingAnswer, PendingWrite, RemotingError};
use tokio::time::Instant;
use tracing::{Level, debug, level_enabled};

use super::Sender;
use super::account::Account;
use super::lane::Target;
use super::prepare::Prepared;
use super::property_text::KeptText;
use super::reply::{self, Stored};
use super::topics::Topic;
use crate::attempts::{Attempt, GoodAttempt};
use crate::error::AttemptError;
use crate::hook::CheckForbiddenContext;
use crate::send_result::SendStatus;
use crate::send_way::SendWay;

/// How an attempt ended: stored, or not.
pub(crate) type Over = Result<Box<Good>, Box<Attempt>>;

/// An attempt that stored its message.
pub(crate) struct Good {
    pub(super) attempt: GoodAttempt,
    pub(super) stored: Stored,
    pub(super) answer: Answer,
}

/// A first attempt that was sent, and answered by a server that is going away.
pub(crate) struct Sent {
    pub(super) answer: Answer,
    pub(super) started: Instant,
    pub(super) deadline: Deadline,
}

/// How a oneway attempt ended: written, or not.
pub(crate) type OverOneway = Result<GoodAttempt, Box<Attempt>>;

impl Sender {
    /// Sends the message to a queue, and reads the broker's answer.
    pub(super) async fn attempt(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        topic: Option<&Topic>,
        target: Target,
        deadline: Deadline,
    ) -> Over {
        let started = Instant::now();
        account.aim(target.clone());
        account.begin();
        let address = match self.address(&target, topic, deadline).await {
            Ok(address) => address,
            Err(error) => return self.over(account, &target, None, Err(error), started.elapsed()),
        };
        let end = match self.check_forbidden(prepared, &target, &address, account.way) {
            Err(error) => Err(error),
            Ok(()) => self.call(account, prepared, &target, &address, deadline).await.map_err(AttemptError::from),
        };
        let end = end.and_then(|answer| Ok((reply::read(&answer, &address, &target.lane.places)?, answer)));
        let asked = if target.lane.address().is_none() { Some(address) } else { None };
        self.over(account, &target, asked, end, started.elapsed())
    }

    /// Goes on with an attempt whose answer says that the server is going away: another one may stand behind the address.
    pub(super) async fn move_attempt(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        target: &Target,
        sent: Sent,
    ) -> Over {
        let Sent { answer, started, deadline } = sent;
        let Some(address) = target.lane.address() else {
            // Without an address there is no answer.
            let error = AttemptError::NoBroker { broker_name: Arc::clone(target.lane.broker_name()) };
            return self.over(account, target, None, Err(error), started.elapsed());
        };
        let answer = self.moved(account, prepared, target, address, deadline, answer).await;
        let end = answer.map_err(AttemptError::from);
        let end = end.and_then(|answer| Ok((reply::read(&answer, address, &target.lane.places)?, answer)));
        self.over(account, target, None, end, started.elapsed())
    }

    /// Sends the message to the queue that the account has, and waits only until it is written.
    pub(super) async fn attempt_oneway(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        topic: Option<&Topic>,
        target: Target,
        deadline: Deadline,
    ) -> OverOneway {
        let started = Instant::now();
        account.aim(target.clone());
        account.begin();
        let address = match self.address(&target, topic, deadline).await {
            Ok(address) => address,
            Err(error) => return self.over_oneway(account, &target, None, Err(error), started.elapsed()),
        };
        let end = match self.check_forbidden(prepared, &target, &address, account.way) {
            Err(error) => Err(error),
            Ok(()) => {
                self.call_oneway(account, prepared, &target, &address, deadline).await.map_err(AttemptError::from)
            }
        };
        let asked = if target.lane.address().is_none() { Some(address) } else { None };
        self.over_oneway(account, &target, asked, end, started.elapsed())
    }

    async fn call(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        deadline: Deadline,
    ) -> Result<Answer, RemotingError> {
        let answer = self.call_once(account, prepared, target, address, deadline).await?;
        self.moved(account, prepared, target, address, deadline, answer).await
    }

    /// The answer, or that of another server behind the same address if this one is going away.
    async fn moved(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        deadline: Deadline,
        answer: Answer,
    ) -> Result<Answer, RemotingError> {
        if !self.instance.remoting().may_move(address, &answer) {
            return Ok(answer);
        }
        account.not_executed();
        self.call_once(account, prepared, target, address, deadline).await
    }

    async fn call_once(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        deadline: Deadline,
    ) -> Result<Answer, RemotingError> {
        let answer = {
            let mut kept = KeptText::default();
            let born = self.clock.now_millis();
            let request = self.request(target, prepared, &mut kept, born).map_err(RemotingError::Encode)?;
            self.instance.submit(address, request.frame(), deadline).await?
        };
        account.encoded();
        answer.await
    }

    async fn call_oneway(
        &self,
        account: &mut Account<'_>,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        deadline: Deadline,
    ) -> Result<(), RemotingError> {
        let write = {
            let mut kept = KeptText::default();
            let born = self.clock.now_millis();
            let request = self.request(target, prepared, &mut kept, born).map_err(RemotingError::Encode)?;
            self.instance.submit_oneway(address, request.frame(), deadline).await?
        };
        account.encoded();
        write.await
    }

    /// Puts an attempt's request on the wire, at once or not at all.
    #[inline]
    pub(super) fn try_call(
        &self,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        let Some(line) = &target.lane.line else { return Ok(None) };
        let mut kept = KeptText::default();
        match self.usual_request(target, prepared, &mut kept, born_timestamp) {
            Some(request) => line.try_submit(&request, deadline, context),
            None => self.try_call_unusually(prepared, target, born_timestamp, deadline, context),
        }
    }

    #[inline(never)]
    fn try_call_unusually(
        &self,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        let Some(line) = &target.lane.line else { return Ok(None) };
        let mut kept = KeptText::default();
        let request = self.request(target, prepared, &mut kept, born_timestamp).map_err(RemotingError::Encode)?;
        line.try_submit(request.frame(), deadline, context)
    }

    /// The same for a oneway attempt.
    pub(super) fn try_call_oneway(
        &self,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        deadline: Deadline,
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        let Some(line) = &target.lane.line else { return Ok(None) };
        let mut kept = KeptText::default();
        let request = self.request(target, prepared, &mut kept, born_timestamp).map_err(RemotingError::Encode)?;
        line.try_submit_oneway(request.frame(), deadline)
    }

    async fn address(
        &self,
        target: &Target,
        topic: Option<&Topic>,
        deadline: Deadline,
    ) -> Result<Endpoint, AttemptError> {
        if let Some(address) = target.lane.address() {
            return Ok(address.clone());
        }
        let broker_name = target.lane.broker_name();
        let address = match topic {
            Some(topic) => self.instance.master(broker_name, &topic.route, deadline).await,
            None => Ok(None),
        };
        match address {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(AttemptError::NoBroker { broker_name: Arc::clone(broker_name) }),
            Err(source) => Err(AttemptError::BadAddress { broker_name: Arc::clone(broker_name), source }),
        }
    }

    fn check_forbidden(
        &self,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        way: SendWay,
    ) -> Result<(), AttemptError> {
        if self.hooks.forbidden.is_empty() {
            return Ok(());
        }
        let queue = target.queue();
        let context = CheckForbiddenContext {
            name_servers: &self.config.name_servers,
            group: &self.config.producer_group,
            way,
            address,
            message: prepared.message(),
            queue: &queue,
            unit_mode: self.config.unit_mode,
        };
        self.hooks.check(&context, self.metrics.hook_panics()).map_err(|source| AttemptError::Forbidden { source })
    }

    /// Tells the end of an attempt to all who want to know of it, with the status where the broker said one.
    #[inline(always)]
    pub(super) fn note(
        &self,
        account: &mut Account<'_>,
        target: &Target,
        address: Option<&Endpoint>,
        end: Result<Option<SendStatus>, &AttemptError>,
        elapsed: Duration,
    ) {
        let (error, broker_name) = (end.err(), target.lane.broker_name());
        account.end(&target.lane, end, elapsed);
        match account.way {
            SendWay::Oneway => self.faults.record_oneway(broker_name, error, elapsed),
            SendWay::Awaited | SendWay::Enqueued | SendWay::Callback => {
                self.faults.record(broker_name, error, elapsed);
            }
        }
        log(target, address, error, elapsed);
    }

    /// Takes note of the end of an attempt. `address` is known where it had to be asked for.
    pub(super) fn over(
        &self,
        account: &mut Account<'_>,
        target: &Target,
        address: Option<Endpoint>,
        end: Result<(Stored, Answer), AttemptError>,
        elapsed: Duration,
    ) -> Over {
        account.take_target();
        self.note(account, target, address.as_ref(), end.as_ref().map(|(stored, _)| Some(stored.status)), elapsed);
        match end {
            Ok((stored, answer)) => Ok(Box::new(Good { attempt: target.good_at(address, elapsed), stored, answer })),
            Err(error) => Err(failed(target, address, error, elapsed)),
        }
    }

    /// Takes note of the end of a oneway attempt.
    pub(super) fn over_oneway(
        &self,
        account: &mut Account<'_>,
        target: &Target,
        address: Option<Endpoint>,
        end: Result<(), AttemptError>,
        elapsed: Duration,
    ) -> OverOneway {
        account.take_target();
        self.note(account, target, address.as_ref(), end.as_ref().map(|()| None), elapsed);
        match end {
            Ok(()) => Ok(target.good_at(address, elapsed)),
            Err(error) => Err(failed(target, address, error, elapsed)),
        }
    }
}

#[inline]
fn log(target: &Target, asked: Option<&Endpoint>, error: Option<&AttemptError>, elapsed: Duration) {
    if level_enabled!(Level::DEBUG) {
        log_it(target, asked, error, elapsed);
    }
}

#[cold]
fn log_it(target: &Target, asked: Option<&Endpoint>, error: Option<&AttemptError>, elapsed: Duration) {
    debug!(
        topic = &*target.lane.destination.topic,
        broker = &**target.lane.broker_name(),
        queue_id = target.queue_id,
        addr = asked.or_else(|| target.lane.address()).map(tracing::field::display),
        code = error.and_then(AttemptError::code).map(|code| code.0),
        elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        error = error.map(tracing::field::display),
        "attempt over"
    );
}

#[cold]
fn failed(target: &Target, address: Option<Endpoint>, error: AttemptError, elapsed: Duration) -> Box<Attempt> {
    Box::new(Attempt { error: Some(Arc::new(error)), ..target.good_at(address, elapsed).to_attempt() })
}
