//! RefreshGate: how often something may be asked for again because it was found to be out of date.
//!
//! A name passes once in a while, however many ask; what is remembered is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

pub(super) struct RefreshGate {
    pause: Duration,
    passed: Mutex<HashMap<Arc<str>, Instant>>,
}

impl RefreshGate {
    /// Each name passes again after this pause.
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, passed: Mutex::default() }
    }

    /// Tells whether the name may pass now, and if so notes it.
    pub(super) fn passes(&self, name: &Arc<str>) -> bool {
        let now = Instant::now();
        let mut passed = self.passed.lock();
        if passed.get(name).is_some_and(|last| now < *last + self.pause) {
            return false;
        }
        if passed.len() >= MANY {
            passed.retain(|_, last| now < *last + self.pause);
        }
        passed.insert(Arc::clone(name), now);
        true
    }

    /// Tells whether the name has passed a short while ago.
    pub(super) fn has_passed(&self, name: &str) -> bool {
        let passed = self.passed.lock();
        !passed.is_empty() && passed.get(name).is_some_and(|last| Instant::now() < *last + self.pause)
    }

    /// Notes that the name passed now, whether it was due or not.
    pub(super) fn note(&self, name: &Arc<str>) {
        if !self.pause.is_zero() && !self.passes(name) {
            self.passed.lock().insert(Arc::clone(name), Instant::now());
        }
    }

    /// Forgets the name: it may pass at once.
    pub(super) fn forget(&self, name: &str) {
        let mut passed = self.passed.lock();
        if !passed.is_empty() {
            passed.remove(name);
        }
    }
}

/// Names remembered before those whose pause is over are thrown out.
const MANY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Arc<str> {
        text.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_passes_once_in_each_pause() {
        let gate = RefreshGate::new(Duration::from_secs(1));
        assert!(!gate.has_passed("a"));
        assert!(gate.passes(&name("a")) && !gate.passes(&name("a")) && gate.has_passed("a"));
        assert!(gate.passes(&name("b")), "each for itself");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!gate.has_passed("a") && gate.passes(&name("a")));
        gate.forget("a");
        assert!(!gate.has_passed("a"));
        gate.note(&name("a"));
        assert!(gate.has_passed("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pause_everybody_passes() {
        let gate = RefreshGate::new(Duration::ZERO);
        gate.note(&name("a"));
        assert!(gate.passes(&name("a")) && gate.passes(&name("a")) && !gate.has_passed("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_come_once_are_not_kept_for_ever() {
        let gate = RefreshGate::new(Duration::from_millis(10));
        for n in 0..100_000 {
            assert!(gate.passes(&name(&n.to_string())));
            if n % 1024 == 0 {
                tokio::time::advance(Duration::from_millis(10)).await;
            }
        }
        assert!(gate.passed.lock().len() <= 2 * MANY);
    }
}
