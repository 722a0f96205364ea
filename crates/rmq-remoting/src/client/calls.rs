//! Calls: how a request gets onto the connection to its address, at once where that is possible.
//!
//! Room is taken before the dial, so that a peer that cannot be reached does not gather requests without bound.

use std::task::Waker;

use tokio::time::Instant;

use super::line::To;
use super::{Inner, RemotingClient};
use crate::connection::{Badge, Call};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionEnd, RemotingError, RoomLimit};
use crate::request_frame::RequestFrame;
use crate::room::{Permit, Room};

impl RemotingClient {
    /// The usual case: there is room and an open connection. `None`: something has to be waited for.
    #[inline(always)]
    pub(super) fn try_start<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
        waker: &Waker,
    ) -> Result<Option<Call>, Box<RemotingError>> {
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let Some(permit) = self.inner.settings.room.try_acquire(bytes) else { return Ok(None) };
        let Some(connection) = to.open(&self.inner.pool) else { return Ok(None) };
        connection.try_call(request, deadline, waker, permit, to.badge().map(|badge| &**badge))
    }

    /// Puts a request on the connection to `to`, waiting for whatever has to be waited for.
    pub(super) async fn start_in_time<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<Call, RemotingError> {
        let badge = to.badge().map(|badge| &**badge);
        Badge::unless_ended(badge, self.start(to.endpoint(), request, deadline, badge)).await
    }

    async fn start<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
        badge: Option<&Badge>,
    ) -> Result<Call, RemotingError> {
        self.check_open()?;
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = room(&self.inner.settings.room, self.inner.limit(), bytes, deadline).await?;
        loop {
            let connection = self.inner.pool.get(to, deadline).await?;
            match connection.call(request, deadline, badge).await {
                Ok(mut call) => {
                    call.hold(permit.keep());
                    return Ok(call);
                }
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.inner.settings.closed_or(error)),
            }
        }
    }
}

impl Inner {
    fn limit(&self) -> RoomLimit {
        let config = &self.settings.config;
        RoomLimit::Requests { count: config.max_in_flight, bytes: config.max_in_flight_bytes }
    }
}

pub(super) async fn room(
    room: &Room,
    limit: RoomLimit,
    bytes: usize,
    deadline: Deadline,
) -> Result<Permit<'_>, RemotingError> {
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
pub(super) fn is_stale(error: &RemotingError) -> bool {
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
pub(super) const HEADER_ESTIMATE: usize = 512;
