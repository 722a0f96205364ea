//! The runtime of every asynchronous contestant: one thread, as recommended for pure producers.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

pub(crate) fn new() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Starts a caller; it ends with its run.
#[allow(clippy::disallowed_methods, reason = "callers are awaited by the run that started them")]
pub(crate) fn spawn<F>(caller: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(caller)
}

/// How many of `messages` each of `callers` sends.
pub(crate) fn shares(messages: u64, callers: usize) -> impl Iterator<Item = u64> {
    let callers = callers.max(1) as u64;
    (0..callers).map(move |caller| messages / callers + u64::from(caller < messages % callers))
}

#[cfg(test)]
mod tests {
    #[test]
    fn shares_add_up() {
        for (messages, callers) in [(10, 3), (2, 5), (256, 256), (1, 1)] {
            assert_eq!(super::shares(messages, callers).sum::<u64>(), messages);
        }
    }
}
