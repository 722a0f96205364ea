//! PendingAnswer: a request on the wire whose answer is awaited elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use crate::answer::Answer;
use crate::command::RemotingCommand;
use crate::connection::Call;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;
use crate::rpc_hook::RpcHook;

/// The future of an answer, made by [`RemotingClient::submit`](crate::RemotingClient::submit).
///
/// Holds the request's room until it is done or dropped. Dropping it harms no other call; the peer may still execute the request.
#[must_use = "dropping it gives the answer up"]
pub struct PendingAnswer {
    call: Call,
    hooked: Option<Box<Hooked>>,
}

struct Hooked {
    hooks: Arc<[Arc<dyn RpcHook>]>,
    to: Endpoint,
    request: RemotingCommand,
}

impl PendingAnswer {
    #[inline]
    pub(crate) fn new(call: Call) -> Self {
        Self { call, hooked: None }
    }

    pub(crate) fn with_hooks(
        call: Call,
        hooks: Arc<[Arc<dyn RpcHook>]>,
        to: Endpoint,
        request: RemotingCommand,
    ) -> Self {
        Self { call, hooked: Some(Box::new(Hooked { hooks, to, request })) }
    }
}

impl PendingAnswer {
    /// When the answer was there, once this future has returned it: for who measures, without a look at the clock.
    ///
    /// It had been read by then. Where callers collect their answers late it may be the instant of a later one, but never one after
    /// the answer was returned.
    #[inline]
    pub fn answered_at(&self) -> Option<Instant> {
        self.call.answered_at()
    }
}

impl Future for PendingAnswer {
    type Output = Result<Answer, RemotingError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The usual case passes the answer on where it is.
        if self.hooked.is_none() { Pin::new(&mut self.call).poll(cx) } else { self.poll_hooked(cx) }
    }
}

impl PendingAnswer {
    #[cold]
    fn poll_hooked(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, RemotingError>> {
        let outcome = ready!(Pin::new(&mut self.call).poll(cx));
        let Some(hooked) = self.hooked.take() else { return Poll::Ready(outcome) };
        let outcome = outcome.map(RemotingCommand::from);
        for hook in &*hooked.hooks {
            hook.after_response(&hooked.to, &hooked.request, outcome.as_ref());
        }
        Poll::Ready(outcome.map(Answer::from))
    }
}

impl fmt::Debug for PendingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer").finish_non_exhaustive()
    }
}
