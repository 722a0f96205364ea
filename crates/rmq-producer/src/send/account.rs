//! Account: one send from its admission to its true end.
//!
//! Closed once, by its result or, where the caller dropped the send, by being dropped: then the counters and the hooks learn of it. Between the
//! two it knows which attempt is under way.

use std::sync::Arc;

use rmq_message::{Message, property_key};
use rmq_remoting::HookError;
use tokio::time::Instant;

use super::Sender;
use crate::attempts::Attempt;
use crate::error::{SendError, SendErrorKind};
use crate::hook::{About, SendContext, SendEnd, SendReport};
use crate::metrics::{BrokerCounters, Ended, SendEnded};
use crate::send_result::{SendResult, SendStatus};
use crate::send_way::SendWay;

pub(super) struct Account<'a> {
    sender: &'a Sender,
    pub(super) way: SendWay,
    started: Instant,
    /// Only where there are hooks that want to know of it.
    hooked: Option<Box<Hooked>>,
    under_way: Option<(Arc<BrokerCounters>, Instant)>,
    /// Whether an attempt that is over may have left a copy.
    possibly_stored: bool,
    is_closed: bool,
}

struct Hooked {
    about: About,
    /// As it is sent.
    message: Message,
}

impl<'a> Account<'a> {
    pub(super) fn open(sender: &'a Sender, way: SendWay, started: Instant) -> Self {
        sender.metrics.accepted();
        Self { sender, way, started, hooked: None, under_way: None, possibly_stored: false, is_closed: false }
    }

    /// Shows the message to the hooks. Returns the copy that is to be sent instead, if there are hooks.
    pub(super) fn before(&mut self, message: &Message) -> Result<Option<Message>, HookError> {
        let sender = self.sender;
        if sender.hooks.send.is_empty() {
            return Ok(None);
        }
        let mut copy = message.clone();
        if copy.unique_id().is_none() {
            let id: String = sender.ids.next(sender.instance.remoting().clock().now_millis()).into();
            copy.properties_mut().set(property_key::UNIQ_KEY, id);
        }
        let v2 = || sender.config.namespace_v2.as_deref().map(Into::into);
        let about = About {
            group: sender.config.producer_group.as_str().into(),
            way: self.way,
            born_host: sender.instance.ip(),
            namespace: sender.namespace.prefix().cloned().or_else(v2),
        };
        let hooked = self.hooked.insert(Box::new(Hooked { about, message: copy.clone() }));
        let mut context = SendContext::new(&hooked.about, copy);
        sender.hooks.before(&mut context, sender.metrics.hook_panics())?;
        hooked.message = context.into_message();
        Ok(Some(hooked.message.clone()))
    }

    /// An attempt at this broker begins.
    pub(super) fn begin(&mut self, broker_name: &Arc<str>) {
        let broker = self.sender.metrics.broker(broker_name);
        broker.begun();
        self.under_way = Some((broker, Instant::now()));
    }

    /// It is over; `stored` where the broker said so.
    pub(super) fn end(&mut self, attempt: &Attempt, stored: Option<SendStatus>) {
        let how = match (attempt.outcome(), stored) {
            (Some(outcome), _) => Ended::Failed(outcome),
            (None, Some(SendStatus::SendOk)) => Ended::Stored,
            (None, Some(_)) => Ended::Degraded,
            (None, None) => Ended::Written,
        };
        self.possibly_stored |= attempt.possibly_stored() || attempt.error().is_none();
        if let Some((broker, _)) = self.under_way.take() {
            broker.ended(how, attempt.elapsed());
        }
    }

    /// An attempt at this broker that failed for this reason is followed by another.
    pub(super) fn retried(&self, broker_name: &Arc<str>, reason: SendErrorKind) {
        self.sender.metrics.broker(broker_name).retried(reason);
    }

    pub(super) fn close(mut self, result: &Result<SendResult, SendError>) {
        match result {
            Ok(result) if result.status() == SendStatus::SendOk => {
                self.finish(SendEnded::Stored, SendEnd::Stored(result));
            }
            Ok(result) => self.finish(SendEnded::Degraded, SendEnd::Stored(result)),
            Err(error) => self.finish(SendEnded::Failed(error.outcome()), SendEnd::Failed(error)),
        }
    }

    pub(super) fn close_oneway(mut self, result: &Result<Attempt, SendError>) {
        match result {
            Ok(attempt) => self.finish(SendEnded::Written, SendEnd::Written(attempt)),
            Err(error) => self.finish(SendEnded::Failed(error.outcome()), SendEnd::Failed(error)),
        }
    }

    fn finish(&mut self, how: SendEnded, end: SendEnd<'_>) {
        self.is_closed = true;
        let metrics = &self.sender.metrics;
        metrics.ended(how);
        if let Some(Hooked { about, message }) = self.hooked.as_deref() {
            let report = SendReport::new(about, message, end, self.started.elapsed());
            self.sender.hooks.after(&report, metrics.hook_panics());
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.is_closed {
            return;
        }
        // What is under way may have been written: in doubt it counts as such.
        let mut possibly_stored = self.possibly_stored;
        if let Some((broker, begun)) = self.under_way.take() {
            broker.ended(Ended::Dropped, begun.elapsed());
            possibly_stored = true;
        }
        self.finish(SendEnded::Dropped { possibly_stored }, SendEnd::Dropped { possibly_stored });
    }
}
