//! What an attempt's end says of its broker: trusted, suspected, or penalised.
//!
//! Recorded when the attempt truly ends; one that its caller dropped is never recorded and harms no broker.

use std::sync::Arc;
use std::time::Duration;

use rmq_fault::{Candidates, Choice, LatencyFaultTolerance, Outcome, Strategy, Suspects, select_in_turn};
use rmq_remoting::RemotingError;
use rmq_route::TopicRoute;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::error::AttemptError;
use crate::latency_fault::LatencyFault;

/// Brokers to avoid, for all sends of one producer.
pub(crate) struct Faults {
    suspects: Arc<Suspects>,
    /// Told when there is a new suspect.
    suspected: Arc<Notify>,
    latency: Option<(Strategy, LatencyFaultTolerance)>,
}

/// What the end of an attempt means for its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It answered, and stored the message.
    Good,
    /// It answered with an error.
    Answered,
    /// It was lost on the way, which happens to brokers that restart: a penalty, no suspicion.
    Lost,
    /// It went silent, or could not be connected.
    Silent,
    /// The attempt's end was not the broker's doing.
    Innocent,
}

impl Faults {
    pub(super) fn new(latency: Option<&LatencyFault>) -> Self {
        let latency = latency.map(|fault| (fault.strategy, LatencyFaultTolerance::new(fault.penalties.clone())));
        Self { suspects: Arc::default(), suspected: Arc::default(), latency }
    }

    pub(crate) fn suspects(&self) -> &Arc<Suspects> {
        &self.suspects
    }

    /// Tells whether the route has a broker beside this one that is not set aside.
    pub(super) fn trusts_other(&self, route: &TopicRoute, broker: &str) -> bool {
        let mut others =
            route.data.queue_datas.iter().map(|queues| &*queues.broker_name).filter(|name| *name != broker);
        others.any(|name| !self.suspects.contains(name))
    }

    pub(crate) fn suspected(&self) -> &Arc<Notify> {
        &self.suspected
    }

    pub(super) fn select(&self, candidates: &Candidates<'_>, next: &mut dyn FnMut() -> u32) -> Option<Choice> {
        match &self.latency {
            None => select_in_turn(candidates, &self.suspects, next),
            Some((strategy, tolerance)) => {
                strategy.select(candidates, tolerance, &self.suspects, Instant::now().into_std(), next)
            }
        }
    }

    /// Takes note of an attempt that waited for an answer.
    pub(super) fn record(&self, broker: &Arc<str>, error: Option<&AttemptError>, elapsed: Duration) {
        self.note(broker, verdict(error), elapsed);
    }

    /// Takes note of an attempt that did not: that its frame was written says nothing good of the broker.
    pub(super) fn record_oneway(&self, broker: &Arc<str>, error: Option<&AttemptError>, elapsed: Duration) {
        if error.is_some() {
            self.note(broker, verdict(error), elapsed);
        }
    }

    fn note(&self, broker: &Arc<str>, verdict: Verdict, elapsed: Duration) {
        match verdict {
            Verdict::Innocent => return,
            Verdict::Good | Verdict::Answered => {
                self.suspects.clear(broker);
            }
            Verdict::Silent => {
                if self.suspects.add(broker, Instant::now().into_std()) {
                    warn!(
                        broker = &**broker,
                        "broker is silent or cannot be reached: set aside until a probe is answered"
                    );
                    self.suspected.notify_one();
                }
            }
            Verdict::Lost => {}
        }
        if let Some((_, tolerance)) = &self.latency {
            let outcome =
                Outcome { latency: elapsed, isolate: verdict != Verdict::Good, reachable: verdict != Verdict::Silent };
            tolerance.update(broker, outcome, Instant::now().into_std());
        }
    }
}

fn verdict(error: Option<&AttemptError>) -> Verdict {
    match error {
        None => Verdict::Good,
        Some(AttemptError::Refused { .. } | AttemptError::UnreadableAnswer { .. }) => Verdict::Answered,
        Some(AttemptError::NoBroker { .. } | AttemptError::BadAddress { .. } | AttemptError::Forbidden { .. }) => {
            Verdict::Innocent
        }
        Some(AttemptError::Remoting(error)) => match error {
            RemotingError::Timeout { .. }
            | RemotingError::Connect { .. }
            | RemotingError::ConnectTimeout { .. }
            | RemotingError::BackingOff { .. } => Verdict::Silent,
            RemotingError::ConnectionLost { .. } => Verdict::Lost,
            RemotingError::Refused { .. } => Verdict::Answered,
            // No room, no time, a hook, a shutdown: and whatever remoting adds is nobody's fault until it is known.
            _ => Verdict::Innocent,
        },
    }
}
