//! Probes suspected brokers until they answer.
//!
//! A suspect is probed at once and then every two seconds, with jitter. Any answer but GO_AWAY clears it; a connection alone does not, since a
//! stopped process still accepts. Java: `LatencyFaultToleranceImpl#detectByOneRound`, every 3 s, and only where it is switched on.

use std::sync::Arc;
use std::time::Duration;

use rmq_fault::Suspects;
use rmq_remoting::{Deadline, RemotingCommand, RequestCode, ResponseCode};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::info;

use crate::instance::Brokers;
use crate::protocol::GetMaxOffset;

/// Runs as long as the instance; sleeps while nobody is suspected.
pub(crate) async fn run(brokers: Brokers, suspects: Arc<Suspects>, suspected: Arc<Notify>) {
    loop {
        for broker in suspects.take_due(Instant::now().into_std()) {
            brokers.spawn(probe(brokers.clone(), Arc::clone(&suspects), Arc::clone(&suspected), broker));
        }
        let news = suspected.notified();
        match suspects.next_probe() {
            None => news.await,
            Some(at) => {
                tokio::select! {
                    () = news => {}
                    () = tokio::time::sleep_until(Instant::from_std(at)) => {}
                }
            }
        }
    }
}

async fn probe(brokers: Brokers, suspects: Arc<Suspects>, suspected: Arc<Notify>, broker: Arc<str>) {
    let answered = match (brokers.master(&broker), brokers.any_topic()) {
        (Some(address), Some(topic)) => {
            let header = GetMaxOffset { topic: topic.to_string(), queue_id: 0, broker_name: Some(broker.to_string()) };
            let request = RemotingCommand::request_with(RequestCode::GET_MAX_OFFSET, &header);
            let answer = brokers.ask(&address, request, Deadline::after(LIMIT)).await;
            answer.is_ok_and(|answer| answer.response_code() != ResponseCode::GO_AWAY)
        }
        // No route names it any more, or nothing is in use: there is nobody to suspect.
        _ => true,
    };
    let jitter = Duration::from_millis(brokers.random().below(JITTER_MILLIS));
    suspects.probed(&broker, answered, Instant::now().into_std(), PAUSE + jitter);
    if answered {
        info!(broker = &*broker, "broker answers again");
    } else {
        // The loop has to look again for when the next probe is due.
        suspected.notify_one();
    }
}

const LIMIT: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(1_900);
const JITTER_MILLIS: u64 = 200;
