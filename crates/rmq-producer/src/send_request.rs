//! What `send` returns before it is awaited: the message with its options, and the futures behind them.
//!
//! Nothing happens before the first poll; the deadline is made then.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rmq_message::Message;
use rmq_remoting::{BoxFuture, Deadline};

use crate::error::SendError;
use crate::send::Sender;
use crate::send_result::SendResult;

/// A send that begins when it is awaited. Made by [`Producer::send`](crate::Producer::send).
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct SendRequest<'p> {
    sender: &'p Sender,
    message: Message,
    timeout: Duration,
}

impl<'p> SendRequest<'p> {
    pub(crate) fn new(sender: &'p Sender, message: Message) -> Self {
        Self { timeout: sender.config().send_timeout, sender, message }
    }

    /// Bounds this send, all in all. Default: the producer's `send_timeout`.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeout = total;
        self
    }
}

impl<'p> IntoFuture for SendRequest<'p> {
    type Output = Result<SendResult, SendError>;
    type IntoFuture = SendFuture<'p>;

    fn into_future(self) -> SendFuture<'p> {
        let Self { sender, message, timeout } = self;
        SendFuture { sending: Box::pin(async move { sender.send(message, Deadline::after(timeout)).await }) }
    }
}

/// A send on its way.
#[must_use = "nothing is sent until it is awaited"]
pub struct SendFuture<'p> {
    sending: BoxFuture<'p, Result<SendResult, SendError>>,
}

impl Future for SendFuture<'_> {
    type Output = Result<SendResult, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sending.as_mut().poll(cx)
    }
}

/// A oneway send that begins when it is awaited. Made by [`Producer::send_oneway`](crate::Producer::send_oneway).
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct OnewayRequest<'p> {
    sender: &'p Sender,
    message: Message,
    timeout: Duration,
}

impl<'p> OnewayRequest<'p> {
    pub(crate) fn new(sender: &'p Sender, message: Message) -> Self {
        Self { timeout: sender.config().send_timeout, sender, message }
    }

    /// Bounds this send until its frame is written. Default: the producer's `send_timeout`.
    pub fn timeout(mut self, total: Duration) -> Self {
        self.timeout = total;
        self
    }
}

impl<'p> IntoFuture for OnewayRequest<'p> {
    type Output = Result<(), SendError>;
    type IntoFuture = OnewayFuture<'p>;

    fn into_future(self) -> OnewayFuture<'p> {
        let Self { sender, message, timeout } = self;
        OnewayFuture { sending: Box::pin(async move { sender.send_oneway(message, Deadline::after(timeout)).await }) }
    }
}

/// A oneway send on its way.
#[must_use = "nothing is sent until it is awaited"]
pub struct OnewayFuture<'p> {
    sending: BoxFuture<'p, Result<(), SendError>>,
}

impl Future for OnewayFuture<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sending.as_mut().poll(cx)
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
