//! SendHandle: the way to the result of an enqueued send.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rmq_message::Message;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::SendError;
use crate::send_result::SendResult;

/// An enqueued send: a future of its result. Dropped, the send goes on without it. Made by [`Producer::enqueue`](crate::Producer::enqueue).
///
/// Holds no message and no room; the error of a send that failed has the message.
#[must_use = "a send that fails says so here alone; drop it on purpose if nobody cares"]
pub struct SendHandle {
    result: oneshot::Receiver<Result<SendResult, SendError>>,
    topic: Arc<str>,
    started: Instant,
}

impl SendHandle {
    pub(crate) fn new(
        result: oneshot::Receiver<Result<SendResult, SendError>>,
        topic: Arc<str>,
        started: Instant,
    ) -> Self {
        Self { result, topic, started }
    }

    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Tells whether the send is over.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.result.is_empty() || self.result.is_terminated()
    }
}

/// The result, once the send is over. Must not be polled again after that.
///
/// # Cancel safety
/// Dropping it stops no send.
impl Future for SendHandle {
    type Output = Result<SendResult, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.result).poll(cx));
        // Whoever owes the result pays it even when it is dropped: only a runtime that dies amid that leaves nothing.
        Poll::Ready(result.unwrap_or_else(|_| {
            let message = Message::new(Arc::clone(&self.topic), "");
            Err(SendError::lost(message, self.started.elapsed()))
        }))
    }
}

impl fmt::Debug for SendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHandle")
            .field("topic", &self.topic)
            .field("is_done", &self.is_done())
            .finish_non_exhaustive()
    }
}
