//! Gate: how many sends have begun and are not over, and whether new ones may begin.
//!
//! Both are one number, so that no send slips in after the gate has closed.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

pub(super) struct Gate {
    /// Twice the number inside, plus one when closed.
    state: AtomicUsize,
    /// Told when the last one leaves a closed gate.
    empty: Notify,
}

/// A send that has begun; dropping it ends it.
pub(super) struct Inside<'a>(&'a Gate);

const CLOSED: usize = 1;
const ONE: usize = 2;

impl Gate {
    pub(super) fn new() -> Self {
        Self { state: AtomicUsize::new(0), empty: Notify::new() }
    }

    /// Lets one more in, unless closed.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        let one_more = |state| (state & CLOSED == 0).then_some(state + ONE);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Inside(self))
    }

    pub(super) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(super) fn count(&self) -> usize {
        self.state.load(Ordering::Acquire) / ONE
    }

    /// Waits until nobody is inside. To be called on a closed gate.
    pub(super) async fn empty(&self) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if self.0.state.fetch_sub(ONE, Ordering::AcqRel) == ONE | CLOSED {
            self.0.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_gate_lets_nobody_in_and_counts_those_inside() {
        let gate = Gate::new();
        let inside = gate.enter().unwrap();
        gate.close();
        assert!(gate.enter().is_none());
        assert_eq!((gate.count(), gate.is_closed()), (1, true));
        drop(inside);
        assert_eq!(gate.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_one_out_wakes_whoever_waits() {
        let gate = Gate::new();
        let (one, two) = (gate.enter().unwrap(), gate.enter().unwrap());
        gate.close();
        assert!(tokio::time::timeout(Duration::from_secs(1), gate.empty()).await.is_err());
        drop(one);
        let (waited, ()) =
            tokio::join!(tokio::time::timeout(Duration::from_secs(1), gate.empty()), async { drop(two) });
        assert!(waited.is_ok());
        gate.empty().await;
    }
}
