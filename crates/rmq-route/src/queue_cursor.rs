//! Where a producer stands in the round of its queues.
//!
//! The position only ever counts up and wraps at the end of its range, so it can never be negative and never stops
//! (Java's signed counters did both).

use std::sync::atomic::{AtomicUsize, Ordering};

/// A round-robin position, owned by whoever goes round: one producer, or one producer and topic.
///
/// It outlives any list of queues; [`TopicPublishInfo::at`](crate::TopicPublishInfo::at) folds a position into the
/// list of the moment.
///
/// ```
/// use rmq_route::QueueCursor;
///
/// let cursor = QueueCursor::starting_at(usize::MAX);
/// assert_eq!(cursor.advance(), usize::MAX);
/// assert_eq!(cursor.advance(), 0);
/// ```
#[derive(Debug, Default)]
#[doc(alias("ThreadLocalIndex", "sendWhichQueue"))]
pub struct QueueCursor(AtomicUsize);

impl QueueCursor {
    /// A cursor whose first position is `start`. Give each producer a random one, so that they do not all begin with
    /// the same queue.
    #[must_use]
    pub const fn starting_at(start: usize) -> Self {
        Self(AtomicUsize::new(start))
    }

    /// Takes the present position and moves on by one. Callers at the same time get different positions.
    #[doc(alias = "incrementAndGet")]
    pub fn advance(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Moves to `start`, as a retry does that should not follow the round.
    #[doc(alias = "resetIndex")]
    pub fn restart_at(&self, start: usize) {
        self.0.store(start, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_callers_get_the_same_position() {
        let cursor = QueueCursor::starting_at(usize::MAX - 100);
        let mut taken: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..250).map(|_| cursor.advance()).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 1000);
    }

    #[test]
    fn a_restarted_cursor_goes_on_from_its_new_place() {
        let cursor = QueueCursor::default();
        cursor.advance();
        cursor.restart_at(40);
        assert_eq!([cursor.advance(), cursor.advance()], [40, 41]);
    }
}
