//! How a producer ends: what is finished, what is cut off, what is told of it.
//!
//! No send begins once the end has; each that had begun ends with a result or an error of its own.

use std::time::Duration;

use rmq_remoting::Deadline;
use tokio::time::Instant;
use tracing::warn;

use super::Sender;
use crate::instance::ShutdownReport;
use crate::metrics::MetricsSnapshot;

impl Sender {
    pub(crate) async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.gate.close();
        self.instance.begin_end();
        let deadline = Deadline::after(grace);
        let report = self.report.get_or_init(|| async {
            let started = Instant::now();
            let left = *self.left.get_or_init(|| self.leave(deadline)).await;
            self.instance.closed_everywhere(deadline).await;
            ShutdownReport { took: started.elapsed(), ..left }
        });
        *report.await
    }

    async fn leave(&self, deadline: Deadline) -> ShutdownReport {
        let unfinished = *self.unfinished.get_or_init(|| self.drain(deadline)).await;
        let before = self.metrics();
        let (unregistered, not_unregistered) = self.instance.leave(deadline).await;
        let (not_sent, maybe_stored) = self.ends_since(&before, unfinished).await;
        ShutdownReport { unfinished, not_sent, maybe_stored, unregistered, not_unregistered, ..Default::default() }
    }

    /// Waits for the sends that have begun by now.
    pub(crate) async fn flush(&self) {
        self.gate.flush().await;
    }

    /// Waits for the sends that have begun and returns how many are left.
    async fn drain(&self, deadline: Deadline) -> usize {
        match tokio::time::timeout_at(deadline.instant(), self.gate.empty()).await {
            Ok(()) => 0,
            Err(_) => self.gate.count(),
        }
    }

    /// Returns how many of the sends that were cut off were not sent, and how many may be stored.
    async fn ends_since(&self, before: &MetricsSnapshot, unfinished: usize) -> (usize, usize) {
        if unfinished == 0 {
            return (0, 0);
        }
        // They have their errors by now; but their callers have to take them, and some may never.
        drop(tokio::time::timeout(TAKEN_WITHIN, self.gate.empty()).await);
        let after = self.metrics();
        let grown = |before: u64, after: u64| usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX);
        let not_sent = grown(before.not_sent, after.not_sent);
        (not_sent, grown(before.maybe_stored, after.maybe_stored))
    }

    /// The last handle is gone: nobody is left to drain or to ask.
    pub(crate) fn desert(&self) {
        self.gate.close();
        let pending = self.instance.spawned_sends();
        if pending > 0 {
            warn!(
                group = &*self.producer_group,
                pending,
                "the last handle of the producer is gone: enqueued sends are cut off; shutdown would wait for them"
            );
        }
        self.deserted.cancel();
        self.instance.desert();
    }
}

/// How long a shutdown waits for callers to take their errors.
const TAKEN_WITHIN: Duration = Duration::from_millis(50);
