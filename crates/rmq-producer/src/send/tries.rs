//! The tries of one send: what was tried, what is left, whom to avoid next.

use std::sync::Arc;
use std::time::Duration;

use crate::attempts::{Attempt, Attempts};
use crate::error::Outcome;

pub(super) struct Tries {
    left: u32,
    attempts: Attempts,
    /// Busy answers so far.
    busy: u32,
    last_broker: Option<Arc<str>>,
    /// Brokers passed over in a row because their addresses are in a pause between dials, and the shortest of these pauses.
    passed_over: usize,
    shortest_pause: Option<Duration>,
    /// The attempt that was passed over last; it counts only when the send ends with it.
    pending: Option<Attempt>,
}

impl Tries {
    pub(super) fn new(tries: u32) -> Self {
        Self {
            left: tries,
            attempts: Attempts::None,
            busy: 0,
            last_broker: None,
            passed_over: 0,
            shortest_pause: None,
            pending: None,
        }
    }

    /// How many tries there are, the next one included.
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    pub(super) fn busy(&self) -> u32 {
        self.busy
    }

    pub(super) fn last_broker(&self) -> Option<&str> {
        self.last_broker.as_deref()
    }

    /// Counts an attempt. `false`: it was the last one.
    pub(super) fn spend(&mut self, attempt: Attempt) -> bool {
        self.busy += u32::from(attempt.outcome() == Some(Outcome::Busy));
        self.last_broker = Some(Arc::clone(attempt.broker_name()));
        self.attempts.push(attempt);
        self.pending = None;
        self.passed_over = 0;
        self.shortest_pause = None;
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    /// Notes a broker that is not dialled for a while; no try is spent. Once all of so many brokers were passed over, returns how long to
    /// wait until the first of them can be dialled.
    pub(super) fn pass_over(&mut self, attempt: Attempt, wait: Duration, brokers: usize) -> Option<Duration> {
        self.last_broker = Some(Arc::clone(attempt.broker_name()));
        self.pending = Some(attempt);
        self.passed_over += 1;
        let shortest = self.shortest_pause.map_or(wait, |known| known.min(wait));
        self.shortest_pause = Some(shortest);
        if self.passed_over < brokers {
            return None;
        }
        self.passed_over = 0;
        self.shortest_pause = None;
        Some(shortest.max(LEAST_PAUSE))
    }

    /// All attempts, with the one that ended the send well.
    pub(super) fn with(mut self, last: Attempt) -> Attempts {
        self.attempts.push(last);
        self.attempts
    }

    /// All attempts of a send that is over.
    pub(super) fn into_attempts(mut self) -> Attempts {
        if let Some(pending) = self.pending {
            self.attempts.push(pending);
        }
        self.attempts
    }
}

/// So that a pause of nothing cannot make the send spin.
const LEAST_PAUSE: Duration = Duration::from_millis(1);
