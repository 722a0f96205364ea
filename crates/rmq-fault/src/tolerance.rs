//! The table of brokers that were slow or failed.
//!
//! A broker that is not in it is available and reachable. With an empty table every question costs one atomic load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::fault_item::FaultItem;
use crate::penalty::{PenaltyTable, UpdateRule};

/// Remembers how brokers did. Java: `LatencyFaultTolerance`, `LatencyFaultToleranceImpl`.
#[doc(alias = "LatencyFaultToleranceImpl")]
#[derive(Debug)]
pub struct LatencyFaultTolerance {
    penalties: PenaltyTable,
    // Sorted by name, so that equal items keep one order everywhere.
    items: Mutex<BTreeMap<Arc<str>, FaultItem>>,
    known: AtomicUsize,
    /// Java's `whichItemWorst`: where pick-one-at-least stands.
    cursor: AtomicUsize,
}

/// How an attempt ended, as far as the table cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// From the attempt's start to its end.
    pub latency: Duration,
    /// It failed: the fixed isolation counts instead of the latency.
    pub isolate: bool,
    /// The broker can be reached.
    pub reachable: bool,
}

impl LatencyFaultTolerance {
    /// Makes an empty table.
    pub fn new(penalties: PenaltyTable) -> Self {
        Self { penalties, items: Mutex::default(), known: AtomicUsize::new(0), cursor: AtomicUsize::new(0) }
    }

    /// Starts pick-one-at-least elsewhere than at the first item.
    pub fn with_cursor(self, start: usize) -> Self {
        self.cursor.store(start, Ordering::Relaxed);
        self
    }

    /// Returns the penalties it applies.
    pub fn penalties(&self) -> &PenaltyTable {
        &self.penalties
    }

    /// Records an outcome.
    #[doc(alias = "updateFaultItem")]
    pub fn update(&self, broker: &Arc<str>, outcome: Outcome, now: Instant) {
        let pause = if outcome.isolate {
            self.penalties.isolation()
        } else {
            self.penalties.not_available_for(outcome.latency)
        };
        let until = now.checked_add(pause).unwrap_or(now);
        let mut items = self.items.lock();
        match items.get_mut(broker) {
            Some(item) => {
                item.latency = outcome.latency;
                item.reachable = outcome.reachable;
                match self.penalties.rule() {
                    UpdateRule::Overwrite => item.available_from = until,
                    UpdateRule::OnlyForward => item.available_from = item.available_from.max(until),
                }
            }
            None => {
                items.insert(Arc::clone(broker), FaultItem::new(outcome.latency, until, outcome.reachable));
                self.known.store(items.len(), Ordering::Release);
            }
        }
    }

    /// Puts a record in as it is.
    pub fn insert(&self, broker: Arc<str>, item: FaultItem) {
        let mut items = self.items.lock();
        items.insert(broker, item);
        self.known.store(items.len(), Ordering::Release);
    }

    /// Forgets a broker.
    pub fn remove(&self, broker: &str) {
        let mut items = self.items.lock();
        items.remove(broker);
        self.known.store(items.len(), Ordering::Release);
    }

    /// Tells whether a broker's penalty is over.
    pub fn is_available(&self, broker: &str, now: Instant) -> bool {
        self.is_empty() || self.items.lock().get(broker).is_none_or(|item| item.is_available(now))
    }

    /// Tells whether a broker can be reached, as far as is known.
    pub fn is_reachable(&self, broker: &str) -> bool {
        self.is_empty() || self.items.lock().get(broker).is_none_or(|item| item.reachable)
    }

    /// Returns a broker's record.
    pub fn get(&self, broker: &str) -> Option<FaultItem> {
        self.items.lock().get(broker).cloned()
    }

    /// Returns the names of all brokers with a record, sorted.
    pub fn known(&self) -> Vec<Arc<str>> {
        self.items.lock().keys().cloned().collect()
    }

    /// Tells whether no broker has a record.
    pub fn is_empty(&self) -> bool {
        self.known.load(Ordering::Acquire) == 0
    }

    /// Picks one of the better half when nothing is available, in turn; `None` when there is no record. Java 4.x.
    #[doc(alias = "pickOneAtLeast")]
    pub fn pick_one_at_least(&self, now: Instant) -> Option<Arc<str>> {
        let items = self.items.lock();
        let mut order: Vec<_> = items.iter().collect();
        order.sort_by(|(_, a), (_, b)| a.compare(b, now));
        let half = order.len() / 2;
        let at = if half == 0 { 0 } else { self.cursor.fetch_add(1, Ordering::Relaxed).wrapping_add(1) % half };
        order.get(at).map(|(broker, _)| Arc::clone(broker))
    }

    /// Picks any reachable broker with a record; `random` decides which. Java since 5.1.4.
    pub fn pick_reachable(&self, random: u64) -> Option<Arc<str>> {
        let items = self.items.lock();
        let reachable: Vec<_> = items.iter().filter(|(_, item)| item.reachable).map(|(broker, _)| broker).collect();
        let at = usize::try_from(random % u64::try_from(reachable.len().max(1)).unwrap_or(1)).unwrap_or(0);
        reachable.get(at).map(|broker| Arc::clone(broker))
    }
}
