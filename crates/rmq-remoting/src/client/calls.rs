//! Calls: how a request gets onto the connection to its address, at once where that is possible.
//!
//! Room is taken before the dial, so that a peer that cannot be reached does not gather requests without bound.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker, ready};

use tokio::time::Instant;

use super::{Inner, RemotingClient};
use crate::answer::Answer;
use crate::connection::Call;
use crate::connector::BoxFuture;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionEnd, RemotingError, RoomLimit};
use crate::pending_write::PendingWrite;
use crate::request_frame::RequestFrame;
use crate::room::{Permit, Room};

impl RemotingClient {
    pub(super) fn call<'a, F: RequestFrame + ?Sized>(
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
                    let may_move = !moved && outcome.as_ref().is_ok_and(|answer| self.may_move(to, answer));
                    if may_move {
                        moved = true;
                        started = None;
                        starting = Some(Box::pin(self.start_in_time(to, request, deadline)));
                        continue;
                    }
                    return Poll::Ready(outcome);
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
    pub(super) async fn start<F: RequestFrame + ?Sized>(
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
    pub(super) fn try_start<F: RequestFrame + ?Sized>(
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

    /// Puts a oneway request on the connection to `to`.
    pub(super) async fn start_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Result<PendingWrite, RemotingError> {
        let started = Instant::now();
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = room(&self.inner.oneway_room, self.inner.oneway_limit(), bytes, deadline).await?;
        loop {
            let connection = self.inner.pool.get(to, deadline).await?;
            match connection.oneway(request, deadline, started).await {
                Ok(write) => {
                    permit.keep();
                    return Ok(PendingWrite::new(write, OnewayRoom::new(self, bytes)));
                }
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.inner.settings.closed_or(error)),
            }
        }
    }

    /// The usual case of a oneway request. `None`: something has to be waited for.
    pub(super) fn try_start_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
    ) -> Option<Result<PendingWrite, RemotingError>> {
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = self.inner.oneway_room.try_acquire(bytes)?;
        let started = self.inner.pool.open(to)?.try_oneway(request, deadline)?;
        Some(started.map(|write| {
            permit.keep();
            PendingWrite::new(write, OnewayRoom::new(self, bytes))
        }))
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

/// Room of a oneway request, held until its frame is written.
pub(crate) struct OnewayRoom {
    client: RemotingClient,
    bytes: usize,
}

impl OnewayRoom {
    fn new(client: &RemotingClient, bytes: usize) -> Self {
        Self { client: client.clone(), bytes }
    }

    pub(crate) fn closed_or(&self, error: RemotingError) -> RemotingError {
        self.client.inner.settings.closed_or(error)
    }
}

impl Drop for OnewayRoom {
    fn drop(&mut self) {
        self.client.inner.oneway_room.give_back(self.bytes);
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

/// What a header is taken to weigh in the byte limits.
const HEADER_ESTIMATE: usize = 512;
