//! The table: failed attempt → next move.
//!
//! Every match here is total, so that a new kind of failure is classified by hand.
#![deny(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use rmq_remoting::{Certainty, Deadline, RemotingError};
use tokio::time::Instant;

use super::reply::is_wrong_queue;
use crate::error::{AttemptError, Outcome, is_access_refused};
use crate::retry_policy::RetryPolicy;

/// What comes after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The send has failed.
    Stop,
    /// Another try, at once.
    Again,
    /// Another try after a pause: the broker was busy.
    AgainAfterPause,
    /// The address is in its pause between dials: elsewhere at once, here after this time; no attempt is spent.
    PassOver(Duration),
}

/// Weighs a failed attempt against the policy. Knows nothing of how many tries are left.
pub(super) fn after(error: &AttemptError, policy: &RetryPolicy) -> Next {
    match error {
        AttemptError::NoBroker { .. } | AttemptError::BadAddress { .. } => Next::Again,
        AttemptError::UnreadableAnswer { .. } => Next::Stop, // it is stored
        AttemptError::Forbidden { .. } => Next::Stop,
        AttemptError::Remoting(RemotingError::BackingOff { wait, .. }) => Next::PassOver(*wait),
        AttemptError::Remoting(error) if !error.is_retryable() => Next::Stop,
        AttemptError::Remoting(error) => match error.certainty() {
            Certainty::NotSent => Next::Again,
            Certainty::MaybeExecuted => unless_strict(policy),
            Certainty::Refused => Next::Stop,
        },
        // Whatever the policy's codes: the next try goes elsewhere, or by a newer route.
        AttemptError::Refused { code, remark, .. } if is_wrong_queue(*code, remark) => Next::Again,
        AttemptError::Refused { code, remark, .. } if !policy.is_after(*code) || is_access_refused(*code, remark) => {
            Next::Stop
        }
        AttemptError::Refused { outcome, .. } => match outcome {
            Outcome::Busy => Next::AgainAfterPause,
            Outcome::Rejected | Outcome::NotSent => Next::Again,
            Outcome::MaybeStored => unless_strict(policy),
        },
    }
}

fn unless_strict(policy: &RetryPolicy) -> Next {
    if policy.is_strict() { Next::Stop } else { Next::Again }
}

/// The deadline of one attempt that begins now: an equal share of what is left, at least [`LEAST`], never beyond the send's.
pub(super) fn attempt_deadline(deadline: Deadline, now: Instant, tries_left: u32, policy: &RetryPolicy) -> Deadline {
    if tries_left <= 1 && policy.per_attempt().is_none() {
        return deadline;
    }
    let left = deadline.instant().saturating_duration_since(now);
    Deadline::counted_from(now, share(left, tries_left, policy)).earlier(deadline)
}

/// What a first attempt has of a send that may take so long, if both begin at the same time.
pub(super) fn first_share(total: Duration, policy: &RetryPolicy) -> Duration {
    let tries = policy.tries();
    if tries <= 1 && policy.per_attempt().is_none() {
        return total;
    }
    share(total, tries, policy).min(total)
}

fn share(left: Duration, tries_left: u32, policy: &RetryPolicy) -> Duration {
    let equal = (left / tries_left.max(1)).max(LEAST);
    policy.per_attempt().map_or(equal, |cap| equal.min(cap))
}

/// The longest pause after the n-th busy answer of a send; the real one is random below it.
pub(super) fn busy_pause(busy_answers: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << busy_answers.min(5)).min(LONGEST_PAUSE)
}

const LEAST: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
