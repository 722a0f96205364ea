//! What `send` returns before it is awaited: the message with its options, and the futures behind them.
//!
//! Nothing happens before the first poll; the deadline is made then.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rmq_message::{Message, MessageQueue};

use crate::error::SendError;
use crate::retry_policy::RetryPolicy;
use crate::selector::QueueSelector;
use crate::send::{Answered, SendOptions, Sender, Sending, Written};
use crate::send_result::SendResult;
use crate::send_way::SendWay;

/// A send that begins when it is awaited. Made by [`Producer::send`](crate::Producer::send).
#[must_use = "nothing is sent until it is awaited"]
pub struct SendRequest<'p> {
    sending: Sending<'p, Answered>,
}

impl<'p> SendRequest<'p> {
    #[inline]
    pub(crate) fn new(sender: &'p Sender, message: Message) -> Self {
        Self { sending: Sending::new(sender, message, SendOptions::default()) }
    }

    /// Refuses instead of waiting when there is no room.
    pub(crate) fn at_once(mut self) -> Self {
        self.sending.options(|options| options.at_once = true);
        self
    }

    /// Bounds this send, all in all. Default: the producer's `send_timeout`.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.sending.bound(total);
        self
    }

    /// Tries again by this policy instead of the producer's.
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        self.sending.options(|options| options.retry(policy));
        self
    }

    /// Sends to this queue and no other; further tries go to it too. Java: `send(Message, MessageQueue)`, which tries once.
    pub fn to(mut self, queue: MessageQueue) -> Self {
        self.sending.options(|options| options.to(queue));
        self
    }

    /// Lets `selector` choose the queue, once for all tries: see [`selector`](crate::selector) for those that users of Java know.
    #[doc(alias = "MessageQueueSelector")]
    pub fn select(mut self, selector: impl QueueSelector) -> Self {
        self.sending.options(|options| options.select(selector));
        self
    }
}

impl<'p> IntoFuture for SendRequest<'p> {
    type Output = Result<SendResult, SendError>;
    type IntoFuture = SendFuture<'p>;

    #[inline]
    fn into_future(self) -> SendFuture<'p> {
        SendFuture { sending: self.sending }
    }
}

/// A send on its way.
#[must_use = "nothing is sent until it is awaited"]
pub struct SendFuture<'p> {
    sending: Sending<'p, Answered>,
}

#[cfg(test)]
impl SendFuture<'_> {
    /// Whether its first attempt is on the wire, and it is no larger for that.
    pub(crate) fn is_unboxed(&self) -> bool {
        self.sending.is_unboxed()
    }
}

impl Future for SendFuture<'_> {
    type Output = Result<SendResult, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.sending).poll(cx)
    }
}

/// A oneway send that begins when it is awaited. Made by [`Producer::send_oneway`](crate::Producer::send_oneway).
#[must_use = "nothing is sent until it is awaited"]
pub struct OnewayRequest<'p> {
    sending: Sending<'p, Written>,
}

impl<'p> OnewayRequest<'p> {
    pub(crate) fn new(sender: &'p Sender, message: Message) -> Self {
        Self { sending: Sending::new(sender, message, SendOptions::of_way(SendWay::Oneway)) }
    }

    /// Bounds this send until its frame is written. Default: the producer's `send_timeout`.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.sending.bound(total);
        self
    }

    /// Sends to this queue and no other. Java: `sendOneway(Message, MessageQueue)`.
    pub fn to(mut self, queue: MessageQueue) -> Self {
        self.sending.options(|options| options.to(queue));
        self
    }

    /// Lets `selector` choose the queue: see [`selector`](crate::selector) for those that users of Java know.
    #[doc(alias = "MessageQueueSelector")]
    pub fn select(mut self, selector: impl QueueSelector) -> Self {
        self.sending.options(|options| options.select(selector));
        self
    }
}

impl<'p> IntoFuture for OnewayRequest<'p> {
    type Output = Result<(), SendError>;
    type IntoFuture = OnewayFuture<'p>;

    fn into_future(self) -> OnewayFuture<'p> {
        OnewayFuture { sending: self.sending }
    }
}

/// A oneway send on its way.
#[must_use = "nothing is sent until it is awaited"]
pub struct OnewayFuture<'p> {
    sending: Sending<'p, Written>,
}

#[cfg(test)]
impl OnewayFuture<'_> {
    /// Whether its first attempt is encoded, and it is no larger for that.
    pub(crate) fn is_unboxed(&self) -> bool {
        self.sending.is_unboxed()
    }
}

impl Future for OnewayFuture<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.sending).poll(cx)
    }
}

impl std::fmt::Debug for SendFuture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendFuture").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OnewayFuture<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnewayFuture").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SendRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendRequest").field("message", &self.sending.message()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OnewayRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnewayRequest").field("message", &self.sending.message()).finish_non_exhaustive()
    }
}
