//! Account: one send from its admission to its true end.
//!
//! Closed once, by its result or, where the caller dropped the send, by being dropped: then the counters and the hooks learn of it. Between the
//! two it knows which attempt is under way.

use std::sync::Arc;
use std::time::Duration;

use rmq_fault::InFlight;
use rmq_message::{Message, property_key};
use rmq_remoting::HookError;
use tokio::time::Instant;

use super::Sender;
use super::lane::{Lane, Target};
use crate::attempts::GoodAttempt;
use crate::error::{AttemptError, Outcome, SendError, SendErrorKind};
use crate::hook::{About, SendContext, SendEnd, SendReport};
use crate::metrics::{Ended, SendEnded};
use crate::send_result::{SendResult, SendStatus};
use crate::send_way::SendWay;

pub(super) struct Account<'a> {
    sender: &'a Sender,
    pub(super) way: SendWay,
    /// Only where there are hooks that want to know of it.
    hooked: Option<Arc<Hooked>>,
    /// Counted where queues are chosen by it.
    load: Option<InFlight>,
    /// Where the attempt goes that is under way, or is about to begin.
    target: Option<Target>,
    is_under_way: bool,
    /// Whether its request was made, and will be written even if nobody waits for it any more.
    is_encoded: bool,
    /// Whether an attempt that is over may have left a copy.
    possibly_stored: bool,
    /// Counted as begun and not as ended.
    is_open: bool,
}

struct Hooked {
    started: Instant,
    about: About,
    /// As it is sent.
    message: Message,
}

impl<'a> Account<'a> {
    pub(super) fn sender(&self) -> &'a Sender {
        self.sender
    }

    pub(super) fn new(sender: &'a Sender, way: SendWay) -> Self {
        Self {
            sender,
            way,
            hooked: None,
            load: None,
            target: None,
            is_under_way: false,
            is_encoded: false,
            possibly_stored: false,
            is_open: false,
        }
    }

    /// The send has its room.
    pub(super) fn open(&mut self) {
        self.sender.metrics.accepted();
        self.is_open = true;
    }

    /// Shows the message to the hooks. Returns the copy that is to be sent instead, if there are hooks.
    pub(super) fn before(&mut self, message: &Message, started: Instant) -> Result<Option<Message>, HookError> {
        let sender = self.sender;
        if sender.hooks.send.is_empty() {
            return Ok(None);
        }
        let mut copy = message.clone();
        if copy.unique_id().is_none() {
            let id: String = sender.ids.next(sender.clock.now_millis()).into();
            copy.properties_mut().set(property_key::UNIQ_KEY, id);
        }
        let v2 = || sender.config.namespace_v2.as_deref().map(Into::into);
        let about = About {
            group: sender.config.producer_group.as_str().into(),
            way: self.way,
            born_host: sender.instance.ip(),
            namespace: sender.namespace.prefix().cloned().or_else(v2),
        };
        let mut context = SendContext::new(&about, copy.clone());
        let shown = sender.hooks.before(&mut context, sender.metrics.hook_panics());
        let message = if shown.is_ok() { context.into_message() } else { copy };
        let hooked = self.hooked.insert(Arc::new(Hooked { started, about, message }));
        shown.map(|()| Some(hooked.message.clone()))
    }

    /// An attempt will go there.
    #[inline]
    pub(super) fn aim(&mut self, target: Target) {
        self.target = Some(target);
    }

    /// The attempt begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        let Some(target) = &self.target else { return };
        target.lane.counters.begun();
        self.load = self.sender.faults.under_way(target.lane.broker_name());
        self.is_under_way = true;
        self.is_encoded = false;
    }

    /// Where the attempt goes.
    #[inline]
    pub(super) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The same, for whoever [ends](Self::end) it, or begins it elsewhere.
    #[inline]
    pub(super) fn take_target(&mut self) -> Option<Target> {
        self.target.take()
    }

    /// Its request was encoded: from here on the message may be stored.
    pub(super) fn encoded(&mut self) {
        self.is_encoded = true;
    }

    /// Its request was not executed, and is sent once more.
    pub(super) fn not_executed(&mut self) {
        self.is_encoded = false;
    }

    /// It is over, with the status in which the broker stored the message, where it said so.
    #[inline(always)]
    pub(super) fn end(&mut self, lane: &Lane, end: Result<Option<SendStatus>, &AttemptError>, elapsed: Duration) {
        let end = end.map_err(AttemptError::outcome);
        let how = match end {
            Ok(Some(SendStatus::SendOk)) => Ended::Stored,
            Ok(Some(_)) => Ended::Degraded,
            Ok(None) => Ended::Written,
            Err(outcome) => Ended::Failed(outcome),
        };
        self.possibly_stored |= end.err().is_none_or(Outcome::possibly_stored);
        self.load = None;
        self.is_under_way = false;
        lane.counters.ended(how, elapsed);
    }

    /// An attempt at this broker that failed for this reason is followed by another.
    pub(super) fn retried(&self, broker_name: &Arc<str>, reason: SendErrorKind) {
        self.sender.metrics.broker(broker_name).retried(reason);
    }

    pub(super) fn close(&mut self, result: &Result<SendResult, SendError>) {
        match result {
            Ok(result) => self.finish(stored(result.status()), SendEnd::Stored(result)),
            Err(error) => self.close_failed(error),
        }
    }

    /// Whether hooks want to see the end.
    pub(super) fn is_watched(&self) -> bool {
        self.hooked.is_some()
    }

    /// Closes one that nobody watches.
    #[inline]
    pub(super) fn close_stored(&mut self, status: SendStatus) {
        self.close_unwatched(stored(status));
    }

    #[inline]
    fn close_unwatched(&mut self, how: SendEnded) {
        self.is_open = false;
        self.sender.metrics.ended(how);
    }

    pub(super) fn close_failed(&mut self, error: &SendError) {
        self.finish(SendEnded::Failed(error.outcome()), SendEnd::Failed(error));
    }

    pub(super) fn close_oneway(&mut self, result: &Result<GoodAttempt, SendError>) {
        match result {
            Ok(_) if !self.is_watched() => self.close_unwatched(SendEnded::Written),
            Ok(attempt) => self.finish(SendEnded::Written, SendEnd::Written(&attempt.to_attempt())),
            Err(error) => self.close_failed(error),
        }
    }

    /// Whoever waited for the send has gone.
    #[cold]
    fn abandon(&mut self) {
        let mut possibly_stored = self.possibly_stored;
        if let (true, Some(target)) = (self.is_under_way, &self.target) {
            target.lane.counters.ended(Ended::Dropped, Duration::ZERO);
            possibly_stored |= self.is_encoded;
        }
        self.finish(SendEnded::Dropped { possibly_stored }, SendEnd::Dropped { possibly_stored });
    }

    fn finish(&mut self, how: SendEnded, end: SendEnd<'_>) {
        self.close_unwatched(how);
        let metrics = &self.sender.metrics;
        if let Some(Hooked { started, about, message }) = self.hooked.as_deref() {
            let report = SendReport::new(about, message, end, started.elapsed());
            self.sender.hooks.after(&report, metrics.hook_panics());
        }
    }
}

fn stored(status: SendStatus) -> SendEnded {
    if status == SendStatus::SendOk { SendEnded::Stored } else { SendEnded::Degraded }
}

impl Drop for Account<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_open {
            self.abandon();
        }
    }
}
