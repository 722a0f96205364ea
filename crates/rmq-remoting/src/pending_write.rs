//! PendingWrite: a oneway request whose frame is on its way to the kernel.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::client::OnewayRoom;
use crate::connection::OnewayWrite;
use crate::error::RemotingError;

/// The future of a write, made by [`RemotingClient::submit_oneway`](crate::RemotingClient::submit_oneway): done once the whole frame is
/// handed to the kernel.
///
/// Holds the request's room until it is done or dropped. Dropped, the frame is still written.
#[must_use = "dropping it leaves unknown whether the frame was written"]
pub struct PendingWrite {
    write: OnewayWrite,
    room: OnewayRoom,
}

impl PendingWrite {
    pub(crate) fn new(write: OnewayWrite, room: OnewayRoom) -> Self {
        Self { write, room }
    }
}

impl Future for PendingWrite {
    type Output = Result<(), RemotingError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.write).poll(cx));
        Poll::Ready(outcome.map_err(|error| self.room.closed_or(error)))
    }
}

impl fmt::Debug for PendingWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingWrite").finish_non_exhaustive()
    }
}
