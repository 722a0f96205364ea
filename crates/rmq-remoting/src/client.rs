//! The client half: requests to any address, over one connection each.
//!
//! Dial, room, write and answer of a call share its one deadline.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker, ready};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::clock::{Random, WallClock};
use crate::code::{RequestCode, ResponseCode};
use crate::command::RemotingCommand;
use crate::config::{ConfigError, RemotingConfig};
use crate::connection::{Call, Connection, Settings};
use crate::connector::{BoxFuture, Connector};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionEnd, RemotingError, RoomLimit};
use crate::event::ConnectionEvent;
use crate::pending_answer::PendingAnswer;
use crate::pool::Pool;
use crate::processor::Processor;
use crate::request_frame::RequestFrame;
use crate::room::{Permit, Room};
use crate::rpc_hook::RpcHook;
use crate::stats::RemotingStats;
use crate::tcp_connector::TcpConnector;

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
        if self.inner.hooks.is_empty() {
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
        if self.inner.hooks.is_empty() {
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
        self.call_oneway(to, &request, deadline).await
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
        let deadline = deadline.into();
        if self.inner.hooks.is_empty() {
            self.check_open()?;
            self.call_oneway(to, request, deadline).await
        } else {
            Box::pin(self.invoke_oneway(to, request.to_command(), deadline)).await
        }
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

    fn call<'a, F: RequestFrame + ?Sized>(
        &'a self,
        to: &'a Endpoint,
        request: &'a F,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Answer, RemotingError>> + 'a {
        // Written by hand, because the usual case is worth it: one poll to submit, one to collect.
        let mut started: Option<Call> = None;
        let mut moved = false;
        let mut starting: Option<BoxFuture<'a, Result<Call, RemotingError>>> = None;
        poll_fn(move |cx| {
            loop {
                if let Some(call) = &mut started {
                    let outcome = ready!(Pin::new(call).poll(cx));
                    if is_go_away(&outcome) && !std::mem::replace(&mut moved, true) && self.inner.pool.leave(to) {
                        self.inner.settings.counters.calls_moved.add(1);
                        started = None;
                        starting = Some(Box::pin(self.start_in_time(to, request, deadline)));
                        continue;
                    }
                    return Poll::Ready(outcome.map_err(|error| self.inner.settings.closed_or(error)));
                }
                let outcome = match &mut starting {
                    Some(starting) => ready!(starting.as_mut().poll(cx)),
                    None => match self.try_start(to, request, deadline, cx.waker()) {
                        Some(outcome) => outcome,
                        None => {
                            starting = Some(Box::pin(self.start_in_time(to, request, deadline)));
                            continue;
                        }
                    },
                };
                starting = None;
                started = Some(outcome?);
            }
        })
    }

    /// Puts a request on the connection to `to`.
    async fn start<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Result<Call, RemotingError> {
        match poll_fn(|cx| Poll::Ready(self.try_start(to, request, deadline, cx.waker()))).await {
            Some(started) => started,
            // On the heap, so that the future of a call that need not wait is small.
            None => Box::pin(self.start_in_time(to, request, deadline)).await,
        }
    }

    /// The usual case: there is room and an open connection. `None`: something has to be waited for.
    fn try_start<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
        waker: &Waker,
    ) -> Option<Result<Call, RemotingError>> {
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = self.inner.settings.room.try_acquire(bytes)?;
        let started = self.inner.pool.open(to)?.try_call(request, deadline, bytes, waker)?;
        if started.is_ok() {
            permit.keep();
        }
        Some(started)
    }

    async fn start_in_time<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Result<Call, RemotingError> {
        self.check_open()?;
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = room(&self.inner.settings.room, self.inner.limit(), bytes, deadline).await?;
        loop {
            let connection = self.inner.pool.get(to, deadline).await?;
            match connection.call(request, deadline, Some(bytes)).await {
                Ok(call) => {
                    permit.keep();
                    return Ok(call);
                }
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.inner.settings.closed_or(error)),
            }
        }
    }

    async fn call_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Result<(), RemotingError> {
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let _permit = room(&self.inner.oneway_room, self.inner.oneway_limit(), bytes, deadline).await?;
        loop {
            let connection = self.inner.pool.get(to, deadline).await?;
            match connection.invoke_oneway(request, deadline).await {
                Err(error) if is_stale(&error) => {}
                outcome => return outcome.map_err(|error| self.inner.settings.closed_or(error)),
            }
        }
    }

    fn before(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), RemotingError> {
        self.check_open()?;
        self.inner.hooks.iter().try_for_each(|hook| hook.before_request(to, request)).map_err(RemotingError::Hook)
    }

    fn check_open(&self) -> Result<(), RemotingError> {
        if self.inner.settings.is_closed() { Err(RemotingError::Closed) } else { Ok(()) }
    }
}

impl Inner {
    fn limit(&self) -> RoomLimit {
        let config = &self.settings.config;
        RoomLimit::Requests { count: config.max_in_flight, bytes: config.max_in_flight_bytes }
    }

    fn oneway_limit(&self) -> RoomLimit {
        let config = &self.settings.config;
        RoomLimit::Oneways { count: config.max_oneway, bytes: config.max_oneway_bytes }
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

async fn room(room: &Room, limit: RoomLimit, bytes: usize, deadline: Deadline) -> Result<Permit<'_>, RemotingError> {
    if let Some(permit) = room.try_acquire(bytes) {
        return Ok(permit);
    }
    let started = Instant::now();
    match tokio::time::timeout_at(deadline.instant(), room.acquire(bytes)).await {
        Ok(Some(permit)) => Ok(permit),
        Ok(None) => Err(RemotingError::Closed),
        Err(_) if started >= deadline.instant() => Err(RemotingError::DeadlineExpired),
        Err(_) => Err(RemotingError::NoRoom { limit, after: started.elapsed() }),
    }
}

/// The connection was given up by this side between pool and submit; nothing was encoded, so another one may be tried.
fn is_stale(error: &RemotingError) -> bool {
    matches!(
        error,
        RemotingError::ConnectionLost {
            written: false,
            cause: ConnectionEnd::Retired | ConnectionEnd::Idle | ConnectionEnd::TooManyOrphans { .. },
            ..
        }
    )
}

/// The server is about to go and did not execute the request: it may be sent once more, over a new connection.
fn is_go_away(outcome: &Result<Answer, RemotingError>) -> bool {
    outcome.as_ref().is_ok_and(|answer| answer.response_code() == ResponseCode::GO_AWAY)
}

/// What a header is taken to weigh in the byte limits.
const HEADER_ESTIMATE: usize = 512;

/// Options of a [`RemotingClient`].
#[must_use]
#[derive(Default)]
pub struct RemotingClientBuilder {
    config: RemotingConfig,
    connector: Option<Arc<dyn Connector>>,
    processors: HashMap<RequestCode, Arc<dyn Processor>>,
    fallback: Option<Arc<dyn Processor>>,
    hooks: Vec<Arc<dyn RpcHook>>,
}

impl RemotingClientBuilder {
    /// Sets limits, time-outs, clock and seed.
    pub fn config(mut self, config: RemotingConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets where sockets come from. Default: [`TcpConnector`].
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets who answers requests of the peer with this code. Others are answered with `REQUEST_CODE_NOT_SUPPORTED`.
    #[doc(alias = "registerProcessor")]
    pub fn processor(mut self, code: RequestCode, processor: impl Processor) -> Self {
        self.processors.insert(code, Arc::new(processor));
        self
    }

    /// Sets who answers requests of all other codes.
    pub fn default_processor(mut self, processor: impl Processor) -> Self {
        self.fallback = Some(Arc::new(processor));
        self
    }

    /// Adds a hook; hooks run in the order they were added.
    #[doc(alias = "registerRPCHook")]
    pub fn hook(mut self, hook: impl RpcHook) -> Self {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Checks the options. Opens nothing yet.
    pub fn build(self) -> Result<RemotingClient, ConfigError> {
        self.config.validate()?;
        let config = self.config;
        let oneway_room = Room::new(config.max_oneway, config.max_oneway_bytes);
        let random = Arc::new(Random::new(config.seed));
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let settings = Settings::new(config, self.processors, self.fallback);
        let connector = self.connector.unwrap_or_else(|| Arc::new(TcpConnector));
        let pool = Pool::new(Arc::clone(&settings), connector, Arc::clone(&random), events.clone());
        let inner = Inner { settings, pool, hooks: self.hooks.into(), oneway_room, events, random };
        Ok(RemotingClient { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for RemotingClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

const EVENTS_KEPT: usize = 256;
