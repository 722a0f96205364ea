//! The end of a client: refuses what is new, waits for what is under way, closes every connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::RemotingClient;

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
    /// Refuses new requests and closes every connection, without waiting for anything: its tasks end by themselves, those of peers that do
    /// not close their ends after a second. Needs no runtime.
    pub fn close(&self) {
        let inner = &self.inner;
        inner.settings.closed.store(true, Ordering::Release);
        inner.settings.room.close();
        inner.oneway_room.close();
        inner.settings.cancel.cancel();
    }

    /// Refuses new requests, waits up to `grace` for those in flight, closes every connection and waits for its tasks. Peers that have not
    /// closed their ends are waited for within the same grace, for a second at most; what is not over then goes on as after
    /// [`close`](Self::close).
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
        inner.settings.lingering.close();
        let left = grace.saturating_sub(started.elapsed());
        let _ = tokio::time::timeout(left, inner.settings.lingering.wait()).await;
        RemotingShutdownReport { unanswered, unwritten, took: started.elapsed() }
    }
}
