//! Ledger: what callers were told of each message, held against what brokers store.
//!
//! Broker by broker: a message may be there as often as attempts at that broker stored it or may have stored it, and not once more.

use std::collections::{BTreeMap, BTreeSet};

use rmq_producer::{Attempt, SendError, SendResult};

use crate::stored::Stored;

/// What a caller was told of one message.
pub(crate) type Sent = Result<SendResult, SendError>;

/// What callers were told, by message id.
pub(crate) struct Ledger {
    outcomes: BTreeMap<String, Sent>,
}

/// What it all came to.
#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
pub(crate) struct Tally {
    pub(crate) sends: usize,
    pub(crate) failed: usize,
    /// Attempts that failed, for whatever reason.
    pub(crate) failed_attempts: usize,
    /// Those of them after which callers were told that the message may be stored.
    pub(crate) maybe_stored: usize,
    /// What was read back.
    pub(crate) copies: usize,
    /// Copies of messages that are there already.
    pub(crate) extra_copies: usize,
    pub(crate) failed_attempts_by_broker: BTreeMap<String, usize>,
    pub(crate) longest_send_millis: u128,
}

impl Tally {
    pub(crate) fn failed_attempts_on(&self, broker: &str) -> usize {
        self.failed_attempts_by_broker.get(broker).copied().unwrap_or(0)
    }
}

impl Ledger {
    pub(crate) fn of(sent: Vec<Sent>) -> Self {
        let count = sent.len();
        let outcomes: BTreeMap<String, Sent> = sent
            .into_iter()
            .map(|sent| {
                let id = match &sent {
                    Ok(result) => Some(result.message_id()),
                    Err(error) => error.message_id(),
                };
                (id.expect("it was a good message").to_owned(), sent)
            })
            .collect();
        assert_eq!(outcomes.len(), count, "no id twice");
        Self { outcomes }
    }

    /// How many messages are stored for certain.
    pub(crate) fn confirmed(&self) -> usize {
        self.outcomes.values().filter(|sent| sent.is_ok()).count()
    }

    pub(crate) fn first_failure(&self) -> Option<&SendError> {
        self.outcomes.values().find_map(|sent| sent.as_ref().err())
    }

    /// Compares, and fails with what is wrong.
    pub(crate) fn compare(&self, stored: &[Stored]) -> Tally {
        let mut copies: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut places = BTreeSet::new();
        for stored in stored {
            assert!(self.outcomes.contains_key(&stored.id), "nobody sent {}", stored.id);
            *copies.entry((&stored.id, &stored.broker)).or_default() += 1;
            let place = (&*stored.broker, stored.queue_id, stored.queue_offset, &*stored.id);
            assert!(places.insert(place), "read twice: {place:?}");
        }
        for ((id, broker), copies) in copies {
            let at_broker = |attempt: &&Attempt| &**attempt.broker_name() == broker;
            let attempts = attempts(&self.outcomes[id]).iter().filter(at_broker);
            let told = attempts.filter(|attempt| attempt.error().is_none() || attempt.possibly_stored()).count();
            assert!(copies <= told, "{id} is stored {copies} times at {broker}, {told} were told of");
        }
        for (id, sent) in &self.outcomes {
            let Ok(result) = sent else { continue };
            let place = (&**result.queue().broker_name(), result.queue().queue_id(), result.queue_offset(), &**id);
            assert!(places.contains(&place), "confirmed and not there: {place:?}");
        }
        self.tally(stored)
    }

    fn tally(&self, stored: &[Stored]) -> Tally {
        let ids: BTreeSet<&str> = stored.iter().map(|stored| &*stored.id).collect();
        let mut by_broker: BTreeMap<String, usize> = BTreeMap::new();
        let all = || self.outcomes.values().flat_map(attempts);
        for attempt in all().filter(|attempt| attempt.error().is_some()) {
            *by_broker.entry(attempt.broker_name().to_string()).or_default() += 1;
        }
        let elapsed = |sent: &Sent| match sent {
            Ok(result) => result.elapsed().as_millis(),
            Err(error) => error.elapsed().as_millis(),
        };
        Tally {
            sends: self.outcomes.len(),
            failed: self.outcomes.len() - self.confirmed(),
            failed_attempts: by_broker.values().sum(),
            maybe_stored: all().filter(|attempt| attempt.possibly_stored()).count(),
            copies: stored.len(),
            extra_copies: stored.len() - ids.len(),
            failed_attempts_by_broker: by_broker,
            longest_send_millis: self.outcomes.values().map(elapsed).max().unwrap_or(0),
        }
    }
}

fn attempts(sent: &Sent) -> &[Attempt] {
    match sent {
        Ok(result) => result.attempts(),
        Err(error) => error.attempts(),
    }
}
