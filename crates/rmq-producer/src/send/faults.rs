//! What an attempt's end says of its broker: trusted, suspected, or penalised.
//!
//! Recorded when the attempt truly ends; one that its caller dropped is never recorded and harms no broker.

use std::sync::Arc;
use std::time::Duration;

use rmq_fault::{
    BrokerLoads, Candidates, Choice, InFlight, LatencyFaultTolerance, Outcome, Strategy, Suspects, select_in_turn,
    select_of_two,
};
use rmq_remoting::{RemotingError, ResponseCode};
use rmq_route::TopicRoute;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::config::ProducerConfig;
use crate::error::AttemptError;
use crate::queue_choice::QueueChoice;

/// Brokers to avoid, for all sends of one producer.
pub(crate) struct Faults {
    suspects: Arc<Suspects>,
    /// Told when there is a new suspect.
    suspected: Arc<Notify>,
    latency: Option<(Strategy, LatencyFaultTolerance)>,
    /// Only where queues are chosen by it.
    loads: Option<BrokerLoads>,
    /// Whether there is one of these two.
    chooses: bool,
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
    /// It went silent, could not be connected, or is going away.
    Silent,
    /// The attempt's end was not the broker's doing.
    Innocent,
}

impl Faults {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        let latency = config
            .latency_fault
            .as_ref()
            .map(|fault| (fault.strategy, LatencyFaultTolerance::new(fault.penalties.clone())));
        let loads = match config.queue_choice {
            QueueChoice::RoundRobin => None,
            QueueChoice::TwoRandom => Some(BrokerLoads::default()),
        };
        let chooses = latency.is_some() || loads.is_some();
        Self { suspects: Arc::default(), suspected: Arc::default(), latency, loads, chooses }
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

    /// An attempt at this broker begins, and is over when the value is dropped.
    #[inline]
    pub(super) fn under_way(&self, broker: &Arc<str>) -> Option<InFlight> {
        self.loads.as_ref().map(|loads| loads.begin(broker))
    }

    /// Whether nothing is known, nor asked, of any broker, so that the next queue in turn is the one to choose.
    #[inline]
    pub(super) fn let_all_pass(&self) -> bool {
        !self.chooses && self.suspects.is_empty()
    }

    /// Chooses with `next`, the cursor over the queues, or with `below`, a random number below its argument.
    pub(super) fn select(
        &self,
        candidates: &Candidates<'_>,
        next: &mut dyn FnMut() -> u32,
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Option<Choice> {
        if let Some(loads) = &self.loads {
            let penalties = self.latency.as_ref().map(|(_, tolerance)| (tolerance, Instant::now().into_std()));
            return select_of_two(candidates, &self.suspects, penalties, loads, below);
        }
        match &self.latency {
            None => select_in_turn(candidates, &self.suspects, next),
            Some((strategy, tolerance)) => {
                strategy.select(candidates, tolerance, &self.suspects, Instant::now().into_std(), next)
            }
        }
    }

    /// Takes note of an attempt that waited for an answer.
    #[inline]
    pub(super) fn record(&self, broker: &Arc<str>, error: Option<&AttemptError>, elapsed: Duration) {
        self.note(broker, verdict(error), elapsed);
    }

    /// Takes note of an attempt that did not: that its frame was written says nothing good of the broker.
    pub(super) fn record_oneway(&self, broker: &Arc<str>, error: Option<&AttemptError>, elapsed: Duration) {
        if error.is_some() {
            self.note(broker, verdict(error), elapsed);
        }
    }

    #[inline]
    fn note(&self, broker: &Arc<str>, verdict: Verdict, elapsed: Duration) {
        if verdict != Verdict::Good || !self.let_all_pass() {
            self.note_down(broker, verdict, elapsed);
        }
    }

    #[inline(never)]
    fn note_down(&self, broker: &Arc<str>, verdict: Verdict, elapsed: Duration) {
        match verdict {
            Verdict::Innocent => return,
            Verdict::Good | Verdict::Answered => {
                self.suspects.clear(broker);
            }
            Verdict::Silent => {
                if self.suspects.add(broker, Instant::now().into_std()) {
                    warn!(
                        broker = &**broker,
                        "broker is silent, going away or cannot be reached: set aside until a probe is answered"
                    );
                    self.suspected.notify_one();
                }
            }
            Verdict::Lost => {}
        }
        match (&self.loads, verdict) {
            (None, _) => {}
            (Some(loads), Verdict::Good) => loads.succeeded(broker, elapsed),
            (Some(loads), _) => loads.failed(broker, elapsed),
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
        // It is about to end: as good as gone, until a probe is answered.
        Some(AttemptError::Refused { code: ResponseCode::GO_AWAY, .. }) => Verdict::Silent,
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

#[cfg(test)]
mod tests;
