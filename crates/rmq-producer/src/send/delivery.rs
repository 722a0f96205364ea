//! Delivery: one send, from its first step to its end.
//!
//! Whoever begins it does the steps that need no waiting, and [`go_on`](Delivery::go_on) does the rest, from wherever the first steps came to:
//! every rule is here or in what is called from here, and none is written twice. `going_on` has what has to be waited for.

mod going_on;

use std::sync::Arc;
use std::time::Duration;

use rmq_message::Message;
use rmq_remoting::{Answer, Deadline};
use tokio::time::Instant;

use super::account::Account;
use super::prepare::{Prepared, Reconsumed};
use super::reply::{self, Stored};
use super::retry;
use super::topics::Topic;
use super::{SendOptions, Sender, refused};
use crate::attempts::Attempts;
use crate::error::{Failure, SendError};
use crate::instance::RouteError;
use crate::retry_policy::RetryPolicy;
use crate::send_result::{Receipt, SendStatus};
pub(crate) use going_on::{First, Progress};

pub(crate) struct Delivery<'a> {
    pub(super) account: Account<'a>,
    pub(super) prepared: Prepared,
    pub(super) options: SendOptions,
    /// When it began, and how long it may take; as long as the producer says, if it says nothing itself.
    pub(super) since: Instant,
    pub(super) total: Option<Duration>,
    stage: Stage,
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

impl<'a> Delivery<'a> {
    #[inline]
    pub(super) fn new(sender: &'a Sender, message: Message, options: SendOptions) -> Self {
        Self {
            account: Account::new(sender, options.way),
            prepared: Prepared::new(message),
            options,
            // Until it begins.
            since: sender.started,
            total: None,
            stage: Stage::New,
            topic: None,
            is_fixed: false,
        }
    }

    pub(super) fn sender(&self) -> &'a Sender {
        self.account.sender()
    }

    /// When it must be over.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::counted_from(self.since, self.total.unwrap_or(self.sender().config.send_timeout))
    }

    fn policy(&self) -> &RetryPolicy {
        self.options.retries().unwrap_or_else(|| &self.sender().config.retries)
    }

    /// The deadline of a first attempt that begins now.
    #[inline]
    pub(super) fn first_deadline(&self, now: Instant) -> Deadline {
        if self.total.is_none() && self.options.retries().is_none() {
            return Deadline::counted_from(now, self.sender().first_share);
        }
        let policy = self.policy();
        retry::attempt_deadline(self.deadline(), now, policy.tries(), policy)
    }

    /// Does what comes before the first attempt, as far as that needs no waiting, up to where it goes. `false`: something has to be waited for.
    #[inline]
    pub(super) fn begin(&mut self, topic: Option<Arc<Topic>>, now_millis: i64) -> Result<bool, SendError> {
        let sender = self.sender();
        if sender.has_send_hooks() {
            return Ok(false);
        }
        if let Err(error) = Reconsumed::of(self.prepared.message()) {
            return Err(self.refused(Failure::Message(error)));
        }
        let mut compressed = None;
        if sender.compresses(self.prepared.message().body()) {
            let Ok(here) = sender.compress_here(self.prepared.message().body()) else { return Ok(false) };
            compressed = here;
        }
        sender.prepare(&mut self.prepared, compressed, now_millis);
        self.stage = Stage::Prepared;
        match topic {
            Some(topic) => self.settle(topic).map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends with its first attempt, if that went as nearly all do. `None`: it is not over, and nothing was done.
    #[inline]
    pub(super) fn end_well(&mut self, answer: &Answer, started: Instant, lasted: Duration) -> Option<Receipt> {
        let stored = reply::stored(answer, &self.account.target()?.lane.places)?;
        if !self.suffices(&stored) || self.account.is_watched() {
            return None;
        }
        let target = self.account.take_target()?;
        let sender = self.sender();
        sender.note(&mut self.account, &target, None, Ok(Some(stored.status)), lasted);
        sender.budget.refill();
        self.account.close_stored(stored.status);
        // No need to look at the clock again, and hardly ever to reckon.
        let since = self.since;
        let elapsed = if started == since { lasted } else { lasted + started.saturating_duration_since(since) };
        let Stored { status, queue_id, queue_offset } = stored;
        let (message_id, stored_by) = (self.prepared.message_id(), target.good(lasted));
        Some(Receipt { status, queue_id, queue_offset, message_id, stored_by, elapsed })
    }

    /// The error of one that did not get in.
    #[cold]
    pub(super) fn turned_away(&mut self, failure: Failure) -> SendError {
        self.sender().refuse(self.prepared.take_given(), failure, self.deadline())
    }

    /// Ends with the error of its first steps.
    #[cold]
    pub(super) fn fail(&mut self, error: SendError) -> SendError {
        self.account.close_failed(&error);
        error
    }

    /// Ends with its one attempt, which went well.
    pub(super) fn end_oneway_well(&mut self, lasted: Duration) -> Option<()> {
        let target = self.account.take_target()?;
        let over = self.sender().over_oneway(&mut self.account, &target, None, Ok(()), lasted);
        self.end_oneway_with(over).ok()
    }

    /// Chooses the queue of the first attempt: the caller's or the message's choice, which then is that of all attempts, or the next in turn.
    #[inline(always)]
    fn settle(&mut self, topic: Arc<Topic>) -> Result<(), SendError> {
        self.stage = Stage::Settled;
        if self.options.is_aimed() || self.prepared.message().sharding().is_some() {
            return self.settle_fixed(topic);
        }
        self.settle_in_turn(topic)
    }

    #[inline(always)]
    fn settle_in_turn(&mut self, topic: Arc<Topic>) -> Result<(), SendError> {
        let sender = self.sender();
        let target = topic.next(&sender.faults, sender.instance.random(), None);
        self.topic = Some(topic);
        match target {
            Some(target) => {
                self.account.aim(target);
                Ok(())
            }
            None => Err(self.without_queue(Attempts::None)),
        }
    }

    #[inline(never)]
    fn settle_fixed(&mut self, topic: Arc<Topic>) -> Result<(), SendError> {
        match self.sender().fixed(self.options.aim(), self.prepared.message(), &topic) {
            Ok(Some(target)) => {
                self.is_fixed = true;
                self.topic = Some(topic);
                self.account.aim(target);
                Ok(())
            }
            Ok(None) => self.settle_in_turn(topic),
            Err(error) => Err(self.failed(Failure::Select(error), Attempts::None)),
        }
    }

    /// Whether the send ends with a message that is stored like this.
    pub(super) fn suffices(&self, stored: &Stored) -> bool {
        stored.status == SendStatus::SendOk || !self.policy().is_after_degraded()
    }

    /// The error of a send whose message was not prepared.
    #[cold]
    fn refused(&mut self, failure: Failure) -> SendError {
        refused(self.prepared.take_given(), failure, self.since)
    }

    #[cold]
    fn failed(&mut self, failure: Failure, attempts: Attempts) -> SendError {
        let message_id = self.prepared.message_id_text(&self.sender().ids);
        let elapsed = self.since.elapsed();
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
