//! Brokers that went silent or could not be reached: set aside until a probe is answered.
//!
//! A suspect is probed at once and then at an interval, by one caller at a time. Only an answer clears it: a stopped process still
//! accepts connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The brokers under suspicion. With none, every question costs one atomic load.
#[derive(Debug, Default)]
pub struct Suspects {
    items: Mutex<BTreeMap<Arc<str>, Suspect>>,
    count: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    next_probe: Instant,
    probing: bool,
}

impl Suspects {
    /// Suspects a broker from now on. `true`: it was not suspected before.
    pub fn add(&self, broker: &Arc<str>, now: Instant) -> bool {
        let mut items = self.items.lock();
        if items.contains_key(broker) {
            return false;
        }
        items.insert(Arc::clone(broker), Suspect { next_probe: now, probing: false });
        self.count.store(items.len(), Ordering::Release);
        true
    }

    /// Trusts a broker again, whatever it was that answered. `true`: it had been suspected.
    pub fn clear(&self, broker: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut items = self.items.lock();
        let known = items.remove(broker).is_some();
        self.count.store(items.len(), Ordering::Release);
        known
    }

    /// Tells whether a broker is suspected.
    pub fn contains(&self, broker: &str) -> bool {
        !self.is_empty() && self.items.lock().contains_key(broker)
    }

    /// Tells whether nobody is suspected.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Returns the suspects, sorted by name.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.items.lock().keys().cloned().collect()
    }

    /// Returns when the next probe is due; `None` when there is nothing to wait for.
    pub fn next_probe(&self) -> Option<Instant> {
        self.items.lock().values().filter(|suspect| !suspect.probing).map(|suspect| suspect.next_probe).min()
    }

    /// Takes the brokers whose probe is due; each must be handed back with [`Suspects::probed`].
    pub fn take_due(&self, now: Instant) -> Vec<Arc<str>> {
        let mut items = self.items.lock();
        let due = items.iter_mut().filter(|(_, suspect)| !suspect.probing && suspect.next_probe <= now);
        due.map(|(broker, suspect)| {
            suspect.probing = true;
            Arc::clone(broker)
        })
        .collect()
    }

    /// Takes note of a probe: an answer clears the broker, anything else has it probed again after `pause`.
    pub fn probed(&self, broker: &str, answered: bool, now: Instant, pause: Duration) {
        if answered {
            self.clear(broker);
            return;
        }
        if let Some(suspect) = self.items.lock().get_mut(broker) {
            suspect.probing = false;
            suspect.next_probe = now.checked_add(pause).unwrap_or(now);
        }
    }
}
