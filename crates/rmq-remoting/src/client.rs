//! The client half: requests to any address, over one connection each.
//!
//! Dial, room, write and answer of a call share its one deadline.

mod builder;
mod calls;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::clock::{Random, WallClock};
use crate::code::ResponseCode;
use crate::codec::{OpenField, RequestTemplate};
use crate::command::RemotingCommand;
use crate::config::RemotingConfig;
use crate::connection::{Connection, Settings};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;
use crate::event::ConnectionEvent;
use crate::frame_error::FrameError;
use crate::pending_answer::PendingAnswer;
use crate::pending_write::PendingWrite;
use crate::pool::Pool;
use crate::request_frame::RequestFrame;
use crate::room::Room;
use crate::rpc_hook::RpcHook;
use crate::stats::RemotingStats;

pub use builder::RemotingClientBuilder;
pub(crate) use calls::OnewayRoom;

/// Sends requests to name servers, brokers, or any peer that speaks the protocol. Cheap to clone; clones share everything.
///
/// There is one connection per address, dialled at the first request. When the last clone is dropped, all connections close; no task
/// and no socket stays behind. Must be used inside a tokio runtime.
///
/// Java: `NettyRemotingClient`.
#[doc(alias = "NettyRemotingClient")]
#[derive(Clone)]
pub struct RemotingClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    hooks: Arc<[Arc<dyn RpcHook>]>,
    /// What every request has in its header.
    fields: Box<[(Cow<'static, str>, String)]>,
    /// Oneway requests: a permit from before the dial until the frame is written.
    oneway_room: Room,
    events: broadcast::Sender<ConnectionEvent>,
    random: Arc<Random>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.settings.cancel.cancel();
    }
}

/// What [`RemotingClient::shutdown`] left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemotingShutdownReport {
    /// Awaited requests that had no answer when the grace was over.
    pub unanswered: usize,
    /// Oneway requests that were not wholly written when the grace was over.
    pub unwritten: usize,
    /// How long it took.
    pub took: Duration,
}

impl RemotingClient {
    /// Returns a builder with the defaults of [`RemotingConfig`] and plain TCP.
    pub fn builder() -> RemotingClientBuilder {
        RemotingClientBuilder::default()
    }

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
        mut request: RemotingCommand,
        deadline: impl Into<Deadline>,
    ) -> Result<RemotingCommand, RemotingError> {
        let deadline = deadline.into();
        self.before(to, &mut request)?;
        let outcome = self.call(to, &request, deadline).await.map(RemotingCommand::from);
        for hook in &*self.inner.hooks {
            hook.after_response(to, &request, outcome.as_ref());
        }
        outcome
    }

    /// As [`invoke`](Self::invoke), for any form of a request, which is neither cloned nor kept, and without a map of the answer's
    /// fields where that can be avoided: the quick way for requests that are made again and again, see
    /// [`RequestTemplate`](crate::RequestTemplate).
    ///
    /// A client with [hooks](RpcHook) turns the request into a command for them, and goes the other way.
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
        let deadline = deadline.into();
        if self.takes(request) {
            self.call(to, request, deadline).await
        } else {
            Box::pin(self.invoke(to, request.to_command(), deadline)).await.map(Answer::from)
        }
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
        let deadline = deadline.into();
        if self.takes(request) {
            return Ok(PendingAnswer::new(self.start(to, request, deadline).await?));
        }
        let mut request = request.to_command();
        self.before(to, &mut request)?;
        let hooks = &self.inner.hooks;
        match self.start(to, &request, deadline).await {
            Ok(call) => Ok(PendingAnswer::with_hooks(call, Arc::clone(hooks), to.clone(), request)),
            Err(error) => {
                for hook in &**hooks {
                    hook.after_response(to, &request, Err(&error));
                }
                Err(error)
            }
        }
    }

    /// Sends a request that has no answer; returns once its whole frame is handed to the kernel.
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::invoke`]. Success says that the frame was written, not that anybody read it.
    ///
    /// # Cancel safety
    ///
    /// As [`RemotingClient::invoke`]; an encoded frame is still written.
    #[doc(alias = "invokeOneway")]
    pub async fn invoke_oneway(
        &self,
        to: &Endpoint,
        mut request: RemotingCommand,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RemotingError> {
        let deadline = deadline.into();
        request.mark_oneway();
        self.before(to, &mut request)?;
        self.start_oneway(to, &request, deadline).await?.await
    }

    /// As [`invoke_oneway`](Self::invoke_oneway), for any form of a request, which is not cloned.
    ///
    /// # Errors
    ///
    /// As [`invoke_oneway`](Self::invoke_oneway).
    ///
    /// # Cancel safety
    ///
    /// As [`invoke_oneway`](Self::invoke_oneway).
    pub async fn invoke_oneway_frame<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<(), RemotingError> {
        self.submit_oneway(to, request, deadline).await?.await
    }

    /// Sends a request that has no answer and returns as soon as it is encoded, with the future of its write. That one borrows nothing
    /// and ends at the deadline too; dropped, the frame is still written.
    ///
    /// # Errors
    ///
    /// An error of this future says that nothing was sent; what happens later is told by the other one.
    ///
    /// # Cancel safety
    ///
    /// As [`invoke_oneway`](Self::invoke_oneway).
    pub async fn submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<PendingWrite, RemotingError> {
        let deadline = deadline.into();
        if self.takes(request) {
            self.check_open()?;
            return self.start_oneway(to, request, deadline).await;
        }
        let mut request = request.to_command();
        request.mark_oneway();
        self.before(to, &mut request)?;
        self.start_oneway(to, &request, deadline).await
    }

    /// As [`submit_oneway`](Self::submit_oneway), at once or not at all; see [`try_submit`](Self::try_submit).
    ///
    /// # Errors
    ///
    /// As [`submit_oneway`](Self::submit_oneway).
    pub fn try_submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Option<Result<PendingWrite, RemotingError>> {
        if self.takes(request) { self.try_start_oneway(to, request, deadline) } else { None }
    }

    /// As [`submit`](Self::submit), at once or not at all: for futures that are written by hand. `None`: room or a connection has to be
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
    ) -> Option<Result<PendingAnswer, RemotingError>> {
        if !self.takes(request) {
            return None;
        }
        Some(self.try_start(to, request, deadline, context.waker())?.map(PendingAnswer::new))
    }

    /// Tells whether a request with this answer may be sent once more, over a new connection: the server is about to go (GO_AWAY, 5.2+),
    /// and says so only of requests that it did not execute. [`invoke`](Self::invoke) does that by itself.
    pub fn may_move(&self, to: &Endpoint, answer: &Answer) -> bool {
        let moves = answer.response_code() == ResponseCode::GO_AWAY && self.inner.pool.leave(to);
        if moves {
            self.inner.settings.counters.calls_moved.add(1);
        }
        moves
    }

    /// Makes a template of `request`, with the fields that [every request](RemotingClientBuilder::field) of this client has.
    ///
    /// # Errors
    ///
    /// As [`RequestTemplate::new`].
    pub fn template<const N: usize>(
        &self,
        mut request: RemotingCommand,
        fields: [impl Into<OpenField>; N],
    ) -> Result<RequestTemplate<N>, FrameError> {
        self.add_fields(&mut request);
        RequestTemplate::new(request, fields)
    }

    /// Dials `to` unless there is an open connection.
    ///
    /// # Cancel safety
    ///
    /// A dial that was started goes on for whoever asks next.
    pub async fn connect(&self, to: &Endpoint, deadline: impl Into<Deadline>) -> Result<Connection, RemotingError> {
        self.check_open()?;
        self.inner.pool.get(to, deadline.into()).await
    }

    /// Returns the open connection to `to`, if there is one.
    pub fn connection(&self, to: &Endpoint) -> Option<Connection> {
        self.inner.pool.open(to)
    }

    /// Gives up the connection to `to`: calls on it finish, new ones dial anew.
    pub fn retire(&self, to: &Endpoint) {
        self.inner.pool.retire(to);
    }

    /// Returns until when `to` is not dialled because it failed, if that is so.
    pub fn backing_off_until(&self, to: &Endpoint) -> Option<Instant> {
        self.inner.pool.backing_off_until(to)
    }

    /// Subscribes to connections that come and go. A slow subscriber loses the oldest events.
    pub fn events(&self) -> broadcast::Receiver<ConnectionEvent> {
        self.inner.events.subscribe()
    }

    /// Returns how many awaited requests hold room.
    pub fn in_flight(&self) -> usize {
        self.inner.settings.room.count()
    }

    /// Returns how many bytes of awaited requests hold room.
    pub fn in_flight_bytes(&self) -> usize {
        self.inner.settings.room.bytes()
    }

    /// Returns how many oneway requests hold room.
    pub fn oneway_in_flight(&self) -> usize {
        self.inner.oneway_room.count()
    }

    /// Returns the connections that are open now.
    pub fn connections(&self) -> Vec<Connection> {
        self.inner.pool.connections()
    }

    /// Returns how many tasks it runs: one per connection, dial, and request of a peer being worked on.
    pub fn tasks(&self) -> usize {
        self.inner.settings.tracker.len()
    }

    /// Returns its counters.
    pub fn stats(&self) -> RemotingStats {
        self.inner.settings.counters.snapshot()
    }

    /// Returns its settings.
    pub fn config(&self) -> &RemotingConfig {
        &self.inner.settings.config
    }

    /// Returns the wall clock it was given.
    pub fn clock(&self) -> &Arc<dyn WallClock> {
        &self.inner.settings.config.clock
    }

    /// Returns its random source.
    pub fn random(&self) -> &Arc<Random> {
        &self.inner.random
    }

    /// Refuses new requests and closes every connection, without waiting for anything. Needs no runtime.
    pub fn close(&self) {
        let inner = &self.inner;
        inner.settings.closed.store(true, Ordering::Release);
        inner.settings.room.close();
        inner.oneway_room.close();
        inner.settings.cancel.cancel();
    }

    /// Refuses new requests, waits up to `grace` for those in flight, closes every connection and waits for its tasks.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, new requests stay refused, and connections close with the last clone; it may be called again.
    pub async fn shutdown(&self, grace: Duration) -> RemotingShutdownReport {
        let started = Instant::now();
        let inner = &self.inner;
        inner.settings.closed.store(true, Ordering::Release);
        inner.settings.room.close();
        inner.oneway_room.close();
        let _ = tokio::time::timeout(grace, async {
            inner.settings.room.drained().await;
            inner.oneway_room.drained().await;
        })
        .await;
        let (unanswered, unwritten) = (inner.settings.room.count(), inner.oneway_room.count());
        inner.settings.cancel.cancel();
        inner.settings.tracker.close();
        inner.settings.tracker.wait().await;
        RemotingShutdownReport { unanswered, unwritten, took: started.elapsed() }
    }

    fn before(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), RemotingError> {
        self.check_open()?;
        self.add_fields(request);
        self.inner.hooks.iter().try_for_each(|hook| hook.before_request(to, request)).map_err(RemotingError::Hook)
    }

    /// Whether a request can be encoded as it is.
    fn takes<F: RequestFrame + ?Sized>(&self, request: &F) -> bool {
        self.inner.hooks.is_empty() && (self.inner.fields.is_empty() || request.is_rendered())
    }

    fn add_fields(&self, request: &mut RemotingCommand) {
        for (name, value) in &self.inner.fields {
            request.ext_fields_mut().set(name.clone(), value);
        }
    }

    fn check_open(&self) -> Result<(), RemotingError> {
        if self.inner.settings.is_closed() { Err(RemotingError::Closed) } else { Ok(()) }
    }
}

impl fmt::Debug for RemotingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingClient")
            .field("connections", &self.connections())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
