//! The end of a client: refuses what is new, waits for what is under way, closes every connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::RemotingClient;
use crate::deadline::Deadline;

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

    /// Waits until all connections of a client that was [closed](Self::close) have ended on this side: their calls have their errors. Peers
    /// may still read what they were sent.
    ///
    /// # Cancel safety
    ///
    /// May be called again.
    pub async fn closed(&self) {
        let tracker = &self.inner.settings.tracker;
        tracker.close();
        tracker.wait().await;
    }

    /// Refuses new requests, waits up to `grace` for those in flight, closes every connection and waits for its tasks. Peers that have not
    /// closed their ends are waited for within the same grace, for a second at most. After it there is no task and no socket: what a peer
    /// has not read by then may be lost to it.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, new requests stay refused, and connections close with the last clone; it may be called again.
    pub async fn shutdown(&self, grace: Duration) -> RemotingShutdownReport {
        let (started, until) = (Instant::now(), Deadline::after(grace).instant());
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
        self.closed().await;
        inner.settings.let_peers_close(until).await;
        RemotingShutdownReport { unanswered, unwritten, took: started.elapsed() }
    }
}
