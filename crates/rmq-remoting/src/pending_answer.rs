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
pub struct PendingAnswer(Pending);

enum Pending {
    Plain(Call),
    Hooked(Box<Hooked>),
}

struct Hooked {
    call: Call,
    hooks: Arc<[Arc<dyn RpcHook>]>,
    to: Endpoint,
    request: RemotingCommand,
}

impl PendingAnswer {
    #[inline]
    pub(crate) fn new(call: Call) -> Self {
        Self(Pending::Plain(call))
    }

    pub(crate) fn with_hooks(
        call: Call,
        hooks: Arc<[Arc<dyn RpcHook>]>,
        to: Endpoint,
        request: RemotingCommand,
    ) -> Self {
        Self(Pending::Hooked(Box::new(Hooked { call, hooks, to, request })))
    }
}

impl PendingAnswer {
    /// When the answer was there, once this future has returned it: for who measures, without a look at the clock.
    ///
    /// It had been read by then. Where callers collect their answers late it may be the instant of a later one, but never one after
    /// the answer was returned.
    #[inline]
    pub fn answered_at(&self) -> Option<Instant> {
        match &self.0 {
            Pending::Plain(call) => call.answered_at(),
            Pending::Hooked(hooked) => hooked.call.answered_at(),
        }
    }
}

impl Future for PendingAnswer {
    type Output = Result<Answer, RemotingError>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // The usual case passes the answer on where it is.
            Pending::Plain(call) => Pin::new(call).poll(cx),
            Pending::Hooked(hooked) => hooked.poll(cx),
        }
    }
}

impl Hooked {
    #[cold]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, RemotingError>> {
        let outcome = ready!(Pin::new(&mut self.call).poll(cx)).map(RemotingCommand::from);
        for hook in &*self.hooks {
            hook.after_response(&self.to, &self.request, outcome.as_ref());
        }
        Poll::Ready(outcome.map(Answer::from))
    }
}

impl fmt::Debug for PendingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAnswer").finish_non_exhaustive()
    }
}
