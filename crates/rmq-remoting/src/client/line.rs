//! Line: the way to one address that a caller keeps, with the connection that was used last.
//!
//! The pool stays the only one who knows which connection is the right one: a line asks it again as soon as its own takes nothing new.

use std::fmt;
use std::sync::Arc;
use std::task::Context;

use parking_lot::Mutex;

use super::RemotingClient;
use crate::answer::Answer;
use crate::connection::{Badge, Connection, WeakConnection};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;
use crate::pending_answer::PendingAnswer;
use crate::pending_write::PendingWrite;
use crate::pool::Pool;
use crate::request_frame::RequestFrame;

/// The way to one address, made by [`RemotingClient::line`], or by [`Party::line`](crate::Party::line) for one of several users. What it does
/// is what the client does with that address, only that it need not look for the connection each time.
///
/// Like a clone of its client it keeps the connections open.
pub struct Line {
    client: RemotingClient,
    to: Endpoint,
    /// Whose it is, where several share the client.
    badge: Option<Arc<Badge>>,
    last: Mutex<WeakConnection>,
}

/// An address, how its connection is found, and who sends there.
pub(super) trait To: Sync {
    fn endpoint(&self) -> &Endpoint;

    /// Its open connection, if there is one.
    fn open(&self, pool: &Pool) -> Option<Connection>;

    /// Whose the requests are, where that is to be known.
    fn badge(&self) -> Option<&Arc<Badge>>;
}

impl Line {
    pub(super) fn new(client: RemotingClient, to: Endpoint, badge: Option<Arc<Badge>>) -> Self {
        Self { client, to, badge, last: Mutex::default() }
    }

    /// Returns the address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.to
    }

    /// As [`RemotingClient::invoke_frame`].
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::invoke`].
    ///
    /// # Cancel safety
    ///
    /// As [`RemotingClient::invoke`].
    pub async fn invoke_frame<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<Answer, RemotingError> {
        self.client.call_by(self, request, deadline.into()).await
    }

    /// As [`RemotingClient::submit`].
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::submit`].
    ///
    /// # Cancel safety
    ///
    /// As [`RemotingClient::submit`].
    pub async fn submit<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<PendingAnswer, RemotingError> {
        self.client.submit_by(self, request, deadline.into()).await
    }

    /// As [`RemotingClient::try_submit`].
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::submit`].
    #[inline]
    pub fn try_submit<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
        context: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        self.client.try_submit_by(self, request, deadline, context)
    }

    /// As [`RemotingClient::submit_oneway`].
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::submit_oneway`].
    ///
    /// # Cancel safety
    ///
    /// As [`RemotingClient::submit_oneway`].
    pub async fn submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: impl Into<Deadline>,
    ) -> Result<PendingWrite, RemotingError> {
        self.client.submit_oneway_by(self, request, deadline.into()).await
    }

    /// As [`RemotingClient::try_submit_oneway`].
    ///
    /// # Errors
    ///
    /// As [`RemotingClient::submit_oneway`].
    pub fn try_submit_oneway<F: RequestFrame + ?Sized>(
        &self,
        request: &F,
        deadline: Deadline,
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        self.client.try_submit_oneway_by(self, request, deadline)
    }

    #[cold]
    fn look_again(&self, pool: &Pool) -> Option<Connection> {
        let connection = pool.open(&self.to)?;
        *self.last.lock() = connection.downgrade();
        Some(connection)
    }
}

impl To for Line {
    fn endpoint(&self) -> &Endpoint {
        &self.to
    }

    #[inline(always)]
    fn open(&self, pool: &Pool) -> Option<Connection> {
        let last = self.last.lock().upgrade();
        match last {
            Some(connection) if connection.is_open() => Some(connection),
            _ => self.look_again(pool),
        }
    }

    #[inline(always)]
    fn badge(&self) -> Option<&Arc<Badge>> {
        self.badge.as_ref()
    }
}

impl To for Endpoint {
    fn endpoint(&self) -> &Endpoint {
        self
    }

    fn open(&self, pool: &Pool) -> Option<Connection> {
        pool.open(self)
    }

    fn badge(&self) -> Option<&Arc<Badge>> {
        None
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("to", &self.to).finish_non_exhaustive()
    }
}
