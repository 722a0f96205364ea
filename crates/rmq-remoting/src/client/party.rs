//! Party: one of several users of a client, whose requests can be ended without those of the others.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Line, RemotingClient};
use crate::connection::Badge;
use crate::endpoint::Endpoint;

/// One of several users of a client, made by [`RemotingClient::party`]: it sends by [lines](Self::line) of its own over the connections that all
/// share, and its [end](Self::end) ends its own requests only.
///
/// Clones are the same party. Dropping it ends nothing.
#[derive(Clone)]
pub struct Party {
    client: RemotingClient,
    badge: Arc<Badge>,
}

/// The numbers of a client's parties.
pub(super) struct PartyNumbers(AtomicU32);

impl Party {
    pub(super) fn new(client: RemotingClient, number: NonZeroU32) -> Self {
        Self { client, badge: Arc::new(Badge::new(number)) }
    }

    /// As [`RemotingClient::line`]: the requests that go by it are this party's.
    pub fn line(&self, to: &Endpoint) -> Line {
        Line::new(self.client.clone(), to.clone(), Some(Arc::clone(&self.badge)))
    }

    /// Ends what this party has under way, and refuses from now on whatever comes by its lines, with
    /// [`RemotingError::Closed`](crate::RemotingError::Closed). Neither waits nor harms anybody else's requests or any connection; may be
    /// called anywhere, and again.
    ///
    /// A request that was encoded ends with [`RemotingError::ConnectionLost`](crate::RemotingError::ConnectionLost), as
    /// [`MaybeExecuted`](crate::Certainty::MaybeExecuted): its frame is written, if it was not yet, and its late answer counted and dropped. An
    /// answer that was there before its caller looked is still handed out. Who still waited for room or a connection has sent nothing, and
    /// gets `Closed`.
    pub fn end(&self) {
        self.badge.end();
        for connection in self.client.inner.pool.living() {
            connection.cut_off(&self.badge);
        }
        self.badge.end_waits();
    }
}

impl PartyNumbers {
    pub(super) fn next(&self) -> NonZeroU32 {
        loop {
            if let Some(number) = NonZeroU32::new(self.0.fetch_add(1, Ordering::Relaxed)) {
                return number;
            }
        }
    }
}

impl Default for PartyNumbers {
    fn default() -> Self {
        Self(AtomicU32::new(1))
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Party").finish_non_exhaustive()
    }
}
