//! What `enqueue` returns before it is awaited: the message with its options, and the future of its handle.
//!
//! Nothing happens before the first poll; the deadline of the whole send is made then, and waiting for room spends it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rmq_message::{Message, MessageQueue};
use rmq_remoting::{BoxFuture, Deadline};

use crate::error::SendError;
use crate::retry_policy::RetryPolicy;
use crate::selector::QueueSelector;
use crate::send::{SendOptions, Sender};
use crate::send_handle::SendHandle;
use crate::send_result::SendResult;
use crate::send_way::SendWay;

/// A send that begins when it is awaited, and then goes on by itself. Made by [`Producer::enqueue`](crate::Producer::enqueue).
#[must_use = "nothing is sent until it is awaited"]
pub struct EnqueueRequest<'p> {
    sender: &'p Arc<Sender>,
    message: Message,
    options: SendOptions,
    timeout: Duration,
}

impl<'p> EnqueueRequest<'p> {
    pub(crate) fn new(sender: &'p Arc<Sender>, message: Message) -> Self {
        let options = SendOptions::of_way(SendWay::Enqueued);
        Self { timeout: sender.config().send_timeout, sender, message, options }
    }

    /// Bounds this send, all in all, waiting for room included. Default: the producer's `send_timeout`.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeout = total;
        self
    }

    /// Tries again by this policy instead of the producer's.
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        self.options.retry(policy);
        self
    }

    /// Sends to this queue and no other; further tries go to it too.
    pub fn to(mut self, queue: MessageQueue) -> Self {
        self.options.to(queue);
        self
    }

    /// Lets `selector` choose the queue, once for all tries: see [`selector`](crate::selector) for those that users of Java know.
    #[doc(alias = "MessageQueueSelector")]
    pub fn select(mut self, selector: impl QueueSelector) -> Self {
        self.options.select(selector);
        self
    }

    /// Begins the send at once, or refuses it: for code that cannot wait, on whatever thread.
    ///
    /// # Errors
    /// No room ([`NoRoom`](crate::SendErrorKind::NoRoom)), no valid message, or a producer that is shut down; the message comes back.
    pub fn at_once(self) -> Result<SendHandle, SendError> {
        let Self { sender, message, options, timeout } = self;
        sender.try_enqueue(message, options, Deadline::after(timeout))
    }
}

impl EnqueueRequest<'_> {
    /// Sends, and calls `callback` with the result, as [`Producer::send_with_callback`](crate::Producer::send_with_callback).
    pub fn with_callback(self, callback: impl FnOnce(Result<SendResult, SendError>) + Send + 'static) {
        let Self { sender, message, mut options, timeout } = self;
        options.way = SendWay::Callback;
        sender.send_with_callback(message, options, Deadline::after(timeout), callback);
    }
}

impl<'p> IntoFuture for EnqueueRequest<'p> {
    type Output = Result<SendHandle, SendError>;
    type IntoFuture = EnqueueFuture<'p>;

    fn into_future(self) -> EnqueueFuture<'p> {
        let Self { sender, message, options, timeout } = self;
        EnqueueFuture {
            entering: Box::pin(async move { sender.enqueue(message, options, Deadline::after(timeout)).await }),
        }
    }
}

/// A send that waits for room.
#[must_use = "nothing is sent until it is awaited"]
pub struct EnqueueFuture<'p> {
    entering: BoxFuture<'p, Result<SendHandle, SendError>>,
}

impl Future for EnqueueFuture<'_> {
    type Output = Result<SendHandle, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.entering.as_mut().poll(cx)
    }
}

impl fmt::Debug for EnqueueFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueFuture").finish_non_exhaustive()
    }
}

impl fmt::Debug for EnqueueRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueRequest")
            .field("message", &self.message)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
