//! CallbackExecutor: where callbacks run, and how many at a time.
//!
//! Never on the task of a connection; a send keeps its room until its callback begins, so that slow callbacks slow the sends down instead of
//! piling up results.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::config::InvalidOption;

/// Where the callbacks of [`send_with_callback`](crate::Producer::send_with_callback) run, and how many at a time. They may block, and call
/// the producer.
///
/// Default: as many at a time as there are CPUs, on the threads for blocking work of the runtime that the producer was started in.
#[derive(Clone, Debug)]
#[doc(alias("setCallbackExecutor", "setAsyncSenderExecutor", "clientCallbackExecutorThreads"))]
pub struct CallbackExecutor {
    concurrency: usize,
    runtime: Option<Handle>,
}

impl CallbackExecutor {
    /// Runs up to so many callbacks at a time, from 1 to 65,536. Default: the number of CPUs.
    #[must_use]
    pub fn concurrency(mut self, callbacks: usize) -> Self {
        self.concurrency = callbacks;
        self
    }

    /// Runs them on the threads for blocking work of this runtime. Default: the one that the producer was started in.
    #[must_use]
    pub fn on(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidOption> {
        if (1..=MOST).contains(&self.concurrency) {
            return Ok(());
        }
        let problem = format!("a concurrency of {} is not from 1 to {MOST}", self.concurrency);
        Err(InvalidOption::new("callbacks", problem))
    }
}

impl Default for CallbackExecutor {
    fn default() -> Self {
        let concurrency = std::thread::available_parallelism().map_or(1, usize::from);
        Self { concurrency, runtime: None }
    }
}

const MOST: usize = 1 << 16;

/// The executor of a started producer.
pub(crate) struct Callbacks {
    permits: Arc<Semaphore>,
    runtime: Handle,
    tasks: TaskTracker,
    panics: Arc<AtomicU64>,
}

impl Callbacks {
    pub(crate) fn new(executor: CallbackExecutor, runtime: &Handle) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(executor.concurrency)),
            runtime: executor.runtime.unwrap_or_else(|| runtime.clone()),
            tasks: TaskTracker::new(),
            panics: Arc::default(),
        }
    }

    /// Runs a callback as soon as fewer than so many are running. Dropped by a runtime that ends, `callback` has to help itself.
    pub(crate) fn run(&self, callback: impl FnOnce() + Send + 'static) {
        let (runtime, tasks) = (self.runtime.clone(), self.tasks.clone());
        let start = move |permit: OwnedSemaphorePermit| {
            let task = move || {
                callback();
                drop(permit);
            };
            drop(tasks.spawn_blocking_on(task, &runtime));
        };
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => start(permit),
            Err(_) => {
                let permits = Arc::clone(&self.permits);
                let wait = async move {
                    if let Ok(permit) = permits.acquire_owned().await {
                        start(permit);
                    }
                };
                drop(self.tasks.spawn_on(wait, &self.runtime));
            }
        }
    }

    /// Wraps a callback, so that its panic is counted and goes no further.
    pub(crate) fn guard<T>(&self, callback: impl FnOnce(T) + Send + 'static) -> impl FnOnce(T) + Send + 'static {
        let panics = Arc::clone(&self.panics);
        move |result| {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| callback(result))).is_err() {
                panics.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("a send's callback panicked");
            }
        }
    }

    /// How many callbacks panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How many run or wait for their turn.
    pub(crate) fn pending(&self) -> usize {
        self.tasks.len()
    }
}
