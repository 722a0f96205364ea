//! Tasks: what runs on somebody's behalf, counted, and ended with its owner.
//!
//! Each ends at its next await once they are cancelled; sends come to their own end once there is nothing left that they could reach.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of an instance, or of one producer in it. Clones share everything.
#[derive(Clone)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    sends: TaskTracker,
    cancel: CancellationToken,
    runtime: Handle,
}

impl Tasks {
    pub(super) fn new(runtime: Handle) -> Self {
        Self { tracker: TaskTracker::new(), sends: TaskTracker::new(), cancel: CancellationToken::new(), runtime }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts a task that ends when they are cancelled, from any thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        let task = async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = task => {}
            }
        };
        self.tracker.spawn_on(task, &self.runtime);
    }

    /// Starts a task that has to come to its own end, from any thread.
    pub(super) fn spawn_send(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.sends.spawn_on(task, &self.runtime);
    }

    /// How many of those there are.
    pub(super) fn sends(&self) -> usize {
        self.sends.len()
    }

    /// How many there are in all.
    pub(super) fn count(&self) -> usize {
        self.tracker.len() + self.sends.len()
    }

    /// Sleeps, but not beyond the end of the tasks.
    pub(super) async fn sleep(&self, pause: Duration) {
        let _ended = self.unless_cancelled(tokio::time::sleep(pause)).await;
    }

    /// Waits for `work`, but not beyond the end of the tasks.
    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = T> + Send) -> Option<T> {
        self.cancel.run_until_cancelled(work).await
    }

    /// Asks them to end, without waiting.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Ends all but sends.
    pub(super) async fn end(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Waits for the end of the sends.
    pub(super) async fn sends_over(&self) {
        self.sends.close();
        self.sends.wait().await;
    }
}
