//! How busy each broker is with what this client asked of it: attempts in flight, and how long the last ones took.
//!
//! An attempt counts as in flight exactly as long as its [`InFlight`] lives, so that one which its caller gives up is not counted for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

/// The brokers that attempts were made at.
#[derive(Debug, Default)]
pub struct BrokerLoads {
    brokers: RwLock<BTreeMap<Arc<str>, Arc<Load>>>,
}

#[derive(Debug, Default)]
struct Load {
    in_flight: AtomicU64,
    /// Smoothed, in nanoseconds; 0 = nothing is known.
    latency: AtomicU64,
}

/// One attempt on its way; over when it is dropped.
#[derive(Debug)]
#[must_use = "the attempt is over when this is dropped"]
pub struct InFlight {
    load: Arc<Load>,
}

impl BrokerLoads {
    /// An attempt at a broker begins.
    pub fn begin(&self, broker: &Arc<str>) -> InFlight {
        let load = self.entry(broker);
        load.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { load }
    }

    /// The broker did what it was asked, and took so long for it.
    pub fn succeeded(&self, broker: &Arc<str>, latency: Duration) {
        self.entry(broker).smooth(nanos(latency));
    }

    /// The broker failed after so long. Counts as twice what it usually takes, so that one which refuses at once does not look fast.
    pub fn failed(&self, broker: &Arc<str>, latency: Duration) {
        let load = self.entry(broker);
        let usual = load.latency.load(Ordering::Relaxed);
        load.smooth(nanos(latency).max(usual.saturating_mul(2)));
    }

    /// Returns how many attempts at a broker are on their way.
    pub fn in_flight(&self, broker: &str) -> u64 {
        self.brokers.read().get(broker).map_or(0, |load| load.in_flight.load(Ordering::Relaxed))
    }

    /// Returns how long a broker takes, smoothed over the last eight attempts or so; `None` before the first has ended.
    pub fn latency(&self, broker: &str) -> Option<Duration> {
        let nanos = self.brokers.read().get(broker)?.latency.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    /// Tells whether `one` can be expected to answer before `other`: by the time that those in flight and one more will take; by the number in
    /// flight alone where the latency of either is unknown.
    pub fn is_better(&self, one: &str, other: &str) -> bool {
        let brokers = self.brokers.read();
        let load = |name| {
            brokers.get(name).map_or((0, 0), |load: &Arc<Load>| {
                (load.in_flight.load(Ordering::Relaxed), load.latency.load(Ordering::Relaxed))
            })
        };
        let ((in_flight, latency), (other_in_flight, other_latency)) = (load(one), load(other));
        if latency == 0 || other_latency == 0 {
            return in_flight < other_in_flight;
        }
        let wait = |in_flight: u64, latency: u64| u128::from(in_flight + 1) * u128::from(latency);
        wait(in_flight, latency) < wait(other_in_flight, other_latency)
    }

    fn entry(&self, broker: &Arc<str>) -> Arc<Load> {
        if let Some(known) = self.brokers.read().get(broker) {
            return Arc::clone(known);
        }
        Arc::clone(self.brokers.write().entry(Arc::clone(broker)).or_default())
    }
}

impl Load {
    fn smooth(&self, sample: u64) {
        // Two at once may lose one of the samples, which does no harm.
        let known = self.latency.load(Ordering::Relaxed);
        let smoothed = if known == 0 { sample } else { known - known / WEIGHT + sample / WEIGHT };
        self.latency.store(smoothed.clamp(1, nanos(LONGEST)), Ordering::Relaxed);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.load.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How many samples the past weighs.
const WEIGHT: u64 = 8;
const LONGEST: Duration = Duration::from_secs(60);
