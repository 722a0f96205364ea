//! Requests that have no answer: done once they are written.

use std::sync::Arc;

use tokio::time::Instant;

use super::calls::{HEADER_ESTIMATE, is_stale, room};
use super::line::To;
use super::{Inner, RemotingClient};
use crate::command::RemotingCommand;
use crate::connection::Badge;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{RemotingError, RoomLimit};
use crate::pending_write::PendingWrite;
use crate::request_frame::RequestFrame;
use crate::room::Taken;

impl RemotingClient {
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
        self.submit_oneway_by(to, request, deadline.into()).await
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
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        self.try_submit_oneway_by(to, request, deadline)
    }

    pub(super) async fn submit_oneway_by<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<PendingWrite, RemotingError> {
        if self.takes(request) {
            self.check_open()?;
            return self.start_oneway(to, request, deadline).await;
        }
        let mut request = request.to_command();
        request.mark_oneway();
        self.before(to.endpoint(), &mut request)?;
        self.start_oneway(to, &request, deadline).await
    }

    pub(super) fn try_submit_oneway_by<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        if self.takes(request) { self.try_start_oneway(to, request, deadline) } else { Ok(None) }
    }

    /// Puts a oneway request on the connection to `to`.
    async fn start_oneway<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<PendingWrite, RemotingError> {
        let badge = to.badge();
        let started = self.wait_to_start_oneway(to.endpoint(), request, deadline, badge);
        Badge::unless_ended(badge.map(|badge| &**badge), started).await
    }

    async fn wait_to_start_oneway<F: RequestFrame + ?Sized>(
        &self,
        to: &Endpoint,
        request: &F,
        deadline: Deadline,
        badge: Option<&Arc<Badge>>,
    ) -> Result<PendingWrite, RemotingError> {
        let started = Instant::now();
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let permit = room(&self.inner.oneway_room, self.inner.oneway_limit(), bytes, deadline).await?;
        loop {
            let connection = self.inner.pool.get(to, deadline).await?;
            match connection.oneway(request, deadline, started, badge).await {
                Ok(write) => return Ok(PendingWrite::new(write, OnewayRoom::new(self, permit.keep()))),
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.inner.settings.closed_or(error)),
            }
        }
    }

    /// The usual case of a oneway request. `None`: something has to be waited for.
    fn try_start_oneway<T: To + ?Sized, F: RequestFrame + ?Sized>(
        &self,
        to: &T,
        request: &F,
        deadline: Deadline,
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        let bytes = request.body().len() + HEADER_ESTIMATE;
        let Some(permit) = self.inner.oneway_room.try_acquire(bytes) else { return Ok(None) };
        let Some(connection) = to.open(&self.inner.pool) else { return Ok(None) };
        let write = connection.try_oneway(request, deadline, to.badge())?;
        Ok(write.map(|write| PendingWrite::new(write, OnewayRoom::new(self, permit.keep()))))
    }
}

impl Inner {
    fn oneway_limit(&self) -> RoomLimit {
        let config = &self.settings.config;
        RoomLimit::Oneways { count: config.max_oneway, bytes: config.max_oneway_bytes }
    }
}

/// Room of a oneway request, held until its frame is written.
pub(crate) struct OnewayRoom {
    client: RemotingClient,
    /// Until it is given back.
    taken: Option<Taken>,
}

impl OnewayRoom {
    fn new(client: &RemotingClient, taken: Taken) -> Self {
        Self { client: client.clone(), taken: Some(taken) }
    }

    pub(crate) fn closed_or(&self, error: RemotingError) -> RemotingError {
        self.client.inner.settings.closed_or(error)
    }
}

impl Drop for OnewayRoom {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.client.inner.oneway_room.give_back(taken);
        }
    }
}
