//! Which queue is next: in turn, past the broker that just failed, past suspects, and past brokers that serve a penalty.
//!
//! Queues are positions in a list that the caller owns and that is never changed here. The caller owns the cursor too: each look at
//! a position takes one step of it, as in Java.

use std::sync::Arc;
use std::time::Instant;

use crate::suspects::Suspects;
use crate::tolerance::LatencyFaultTolerance;

/// How penalties steer the choice. Java: `MQFaultStrategy`.
#[doc(alias = "MQFaultStrategy")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Available and not the last one, else reachable and not the last one, else the next in turn. Java since 5.1.4.
    #[default]
    V5,
    /// The first available one from the cursor, the last one included; else one of the better half of the penalised ones; else the next
    /// in turn. Java 4.8 to 5.1.0, without its writing into the shared queue list.
    V4,
}

/// What the choice is made from.
pub struct Candidates<'a> {
    /// How many queues there are.
    pub len: usize,
    /// The broker of the queue at a position.
    pub broker: &'a dyn Fn(usize) -> &'a str,
    /// How many writable queues a broker has.
    pub write_queues: &'a dyn Fn(&str) -> u32,
    /// The broker of the attempt before this one.
    pub last_broker: Option<&'a str>,
}

/// The queue chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// The queue at this position of the list.
    Position(usize),
    /// A queue of this broker by number, whatever the list says.
    OnBroker {
        /// The broker.
        broker: Arc<str>,
        /// The queue's number, below the broker's writable queues.
        queue_id: u32,
    },
}

/// Chooses without penalties: the next in turn, avoiding suspects and the broker that just failed. `None`: there are no queues.
///
/// When every broker is suspected, none is avoided for it.
pub fn select_in_turn(
    candidates: &Candidates<'_>,
    suspects: &Suspects,
    next: &mut dyn FnMut() -> u32,
) -> Option<Choice> {
    let trusted = |position: usize| !suspects.contains((candidates.broker)(position));
    let fresh = |position: usize| candidates.last_broker != Some((candidates.broker)(position));
    let mut scan = Scan { len: candidates.len, next };
    if suspects.is_empty() {
        if candidates.last_broker.is_none() {
            return scan.step().map(Choice::Position);
        }
        return scan.first(fresh).or_else(|| scan.step()).map(Choice::Position);
    }
    scan.first(|position| trusted(position) && fresh(position))
        .or_else(|| scan.first(trusted))
        .or_else(|| scan.first(fresh))
        .or_else(|| scan.step())
        .map(Choice::Position)
}

impl Strategy {
    /// Chooses with penalties (Java: `sendLatencyFaultEnable`). `None`: there are no queues.
    #[doc(alias = "selectOneMessageQueue")]
    pub fn select(
        self,
        candidates: &Candidates<'_>,
        tolerance: &LatencyFaultTolerance,
        suspects: &Suspects,
        now: Instant,
        next: &mut dyn FnMut() -> u32,
    ) -> Option<Choice> {
        if candidates.len == 0 {
            return None;
        }
        match self {
            Self::V5 => select_v5(candidates, tolerance, suspects, now, next),
            Self::V4 => select_v4(candidates, tolerance, suspects, now, next),
        }
    }
}

fn select_v5(
    candidates: &Candidates<'_>,
    tolerance: &LatencyFaultTolerance,
    suspects: &Suspects,
    now: Instant,
    next: &mut dyn FnMut() -> u32,
) -> Option<Choice> {
    let broker = candidates.broker;
    let eligible =
        |position: usize| candidates.last_broker != Some(broker(position)) && !suspects.contains(broker(position));
    let mut scan = Scan { len: candidates.len, next };
    let chosen = scan
        .first(|position| eligible(position) && tolerance.is_available(broker(position), now))
        .or_else(|| scan.first(|position| eligible(position) && tolerance.is_reachable(broker(position))));
    match chosen {
        Some(position) => Some(Choice::Position(position)),
        None if suspects.is_empty() => scan.step().map(Choice::Position),
        None => select_in_turn(candidates, suspects, scan.next),
    }
}

fn select_v4(
    candidates: &Candidates<'_>,
    tolerance: &LatencyFaultTolerance,
    suspects: &Suspects,
    now: Instant,
    next: &mut dyn FnMut() -> u32,
) -> Option<Choice> {
    let broker = candidates.broker;
    let len = u32::try_from(candidates.len).unwrap_or(u32::MAX);
    // Java 4.x steps its cursor once and scans on a copy.
    let from = (next() % len) as usize;
    let available = (0..candidates.len)
        .map(|step| (from + step) % candidates.len)
        .find(|at| tolerance.is_available(broker(*at), now) && !suspects.contains(broker(*at)));
    if let Some(position) = available {
        return Some(Choice::Position(position));
    }
    if let Some(best) = tolerance.pick_one_at_least(now) {
        let queues = (candidates.write_queues)(&best);
        if queues > 0 {
            next();
            return Some(Choice::OnBroker { broker: best, queue_id: next() % queues });
        }
        tolerance.remove(&best);
    }
    select_in_turn(candidates, suspects, next)
}

/// Steps of the cursor over a list.
struct Scan<'a> {
    len: usize,
    next: &'a mut dyn FnMut() -> u32,
}

impl Scan<'_> {
    fn step(&mut self) -> Option<usize> {
        let len = u32::try_from(self.len).ok().filter(|len| *len > 0)?;
        Some(((self.next)() % len) as usize)
    }

    /// The first position that fits, within one round.
    fn first(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.len).find_map(|_| self.step().filter(|position| fits(*position)))
    }
}

impl std::fmt::Debug for Candidates<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidates")
            .field("len", &self.len)
            .field("last_broker", &self.last_broker)
            .finish_non_exhaustive()
    }
}
