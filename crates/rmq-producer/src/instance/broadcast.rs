//! One request to many servers at once.
//!
//! No task is spawned: dropping the future drops every request in it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs all futures side by side and returns their outputs in order.
pub(super) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Slot<F>> = futures.into_iter().map(|future| Slot::Running(Box::pin(future))).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for slot in &mut running {
            if let Slot::Running(future) = slot {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *slot = Slot::Done(output),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let done = running.into_iter().filter_map(|slot| match slot {
        Slot::Done(output) => Some(output),
        Slot::Running(_) => None,
    });
    done.collect()
}

enum Slot<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

// The futures are boxed, so that a slot may move; nothing is ever pinned to the slot itself.
impl<F: Future> Unpin for Slot<F> {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_slowest_sets_the_time_and_the_order_stays() {
        let start = Instant::now();
        let outputs = all([3_u64, 1, 2].map(|seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        }))
        .await;
        assert_eq!(outputs, [3, 1, 2]);
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn nobody_is_nothing_to_wait_for() {
        assert!(all(std::iter::empty::<std::future::Ready<()>>()).await.is_empty());
    }
}
