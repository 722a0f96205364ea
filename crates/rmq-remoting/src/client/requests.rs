//! Requests that are answered: in whatever form, awaited in one go or in two, by an address or by a line.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::RemotingClient;
use super::line::To;
use crate::answer::Answer;
use crate::command::RemotingCommand;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;
use crate::pending_answer::PendingAnswer;
use crate::request_frame::RequestFrame;

impl RemotingClient {
    /// Sends a request and returns its answer, whatever its code (see [`RemotingCommand::is_success`]).
    ///
    /// A server that answers GO_AWAY (5.2+) gets the request once more over a new connection, within the same deadline; it says so only of
    /// requests that it did not execute. New requests go over that connection too, while those on the old one finish.
    ///
    /// # Errors
    ///
    /// Whether the peer may have executed the request is what [`RemotingError::certainty`] says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its room back at once, leaves no half frame on the wire and harms no other call. The peer may still
    /// execute the request; its late answer is counted and dropped.
    #[doc(alias = "invokeSync")]
    #[doc(alias = "invokeAsync")]
    pub async fn invoke(
        &self,
        to: &Endpoint,
        request: RemotingCommand,
        deadline: impl Into<Deadline>,
    ) -> Result<RemotingCommand, RemotingError> {
        self.invoke_by(to, request, deadline.into()).await
    }

    /// As [`invoke`](Self::invoke), for any form of a request, which is neither cloned nor kept, and without a map of the answer's
    /// fields where that can be avoided: the quick way for requests that are made again and again, see
    /// [`RequestTemplate`](crate::RequestTemplate).
    ///
    /// A client with [hooks](crate::RpcHook) turns the request into a command for them, and goes the other way.
    ///
    /// # Errors
    ///
    /// As [`invoke`](Self::invoke).
    ///
    /// # Cancel safety
    ///
    /// As [`invoke`](Self::invoke).
    pub async fn invoke_frame<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<Answer, RemotingError> {
        self.call_by(to, request, deadline.into()).await
    }

    /// Sends a request and returns as soon as it is encoded, with the future of its answer. That one borrows nothing, may be awaited
    /// anywhere, and ends at the deadline too; dropping it is like dropping the future of [`invoke`](Self::invoke).
    ///
    /// Requests to one address go out in the order in which their submits were done.
    ///
    /// # Errors
    ///
    /// An error of this future says that nothing was sent; what happens later is told by the other one.
    ///
    /// # Cancel safety
    ///
    /// As [`invoke`](Self::invoke).
    pub async fn submit<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<PendingAnswer, RemotingError> {
        self.submit_by(to, request, deadline.into()).await
    }

    /// As [`submit`](Self::submit), at once or not at all: for futures that are written by hand. `Ok(None)`: room or a connection has to be
    /// waited for, or there are hooks; nothing was sent, and `submit` is the way.
    ///
    /// The answer wakes the task of `context`; until then the [`PendingAnswer`] need not be polled.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub fn try_submit<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        self.try_submit_by(to, request, deadline, context)
    }

    pub(super) async fn invoke_by<T: To + ?Sized>(
        &self,
        to: &T,
        mut request: RemotingCommand,
        deadline: Deadline,
    ) -> Result<RemotingCommand, RemotingError> {
        self.before(to.endpoint(), &mut request)?;
        let outcome = self.call(to, &request, deadline).await.map(RemotingCommand::from);
        for hook in &*self.inner.hooks {
            hook.after_response(to.endpoint(), &request, outcome.as_ref());
        }
        outcome
    }

    pub(super) async fn submit_by<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<PendingAnswer, RemotingError> {
        match poll_fn(|cx| Poll::Ready(self.try_submit_by(to, request, deadline, cx))).await {
            Ok(Some(pending)) => Ok(pending),
            // On the heap, so that the future of a call that need not wait is small.
            Ok(None) => Box::pin(self.submit_in_time(to, request, deadline)).await,
            Err(error) => Err(*error),
        }
    }

    async fn submit_in_time<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<PendingAnswer, RemotingError> {
        if self.takes(request) {
            return self.start_in_time(to, request, deadline).await.map(PendingAnswer::new);
        }
        let (mut request, hooks) = (request.to_command(), &self.inner.hooks);
        self.before(to.endpoint(), &mut request)?;
        match self.start_in_time(to, &request, deadline).await {
            Ok(call) => Ok(PendingAnswer::with_hooks(call, Arc::clone(hooks), to.endpoint().clone(), request)),
            Err(error) => {
                for hook in &**hooks {
                    hook.after_response(to.endpoint(), &request, Err(&error));
                }
                Err(error)
            }
        }
    }

    #[inline]
    pub(super) fn try_submit_by<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        if !self.takes(request) {
            return Ok(None);
        }
        Ok(self.try_start(to, request, deadline, context.waker())?.map(PendingAnswer::new))
    }

    pub(super) fn before(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), RemotingError> {
        self.check_open()?;
        self.add_fields(request);
        self.inner.hooks.iter().try_for_each(|hook| hook.before_request(to, request)).map_err(RemotingError::Hook)
    }

    /// Whether a request can be encoded as it is.
    pub(super) fn takes<F: RequestFrame + ?Sized>(&self, request: &F) -> bool {
        self.inner.hooks.is_empty() && (self.inner.fields.is_empty() || request.is_rendered())
    }
}
