//! Brokers that are killed: what was confirmed is there, what is said not to have been sent is not, and sends go on afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::{Message, Producer};
use tokio::task::JoinSet;

use crate::ledger::{Ledger, Sent};
use crate::place::{Place, eventually, everywhere_alone};

#[test]
fn messages_confirmed_before_and_after_a_broker_is_killed_are_all_there() {
    everywhere_alone(
        |_| ClusterSpec::brokers(2),
        async |place| {
            let topic = place.topic("killed", 2).await;
            // Its route stays as it is; it is the connection that has to come back.
            let builder = place.builder().route_refresh_interval(Duration::from_secs(3_600));
            let producer = builder.start().await.expect("the name server answers");
            let mut told = Vec::new();
            for number in 0..8 {
                told.push(producer.send(message(&topic, number)).await);
            }
            assert!(told.iter().all(Result::is_ok));

            kill_under_load(place, &producer, &topic, &mut told).await;

            // One broker is down: the other one takes its share of the sends.
            for number in 0..8 {
                let outcome = producer.send(message(&topic, number)).await;
                let taken_by = outcome.as_ref().map(|result| result.queue().broker_name().to_string());
                assert_eq!(taken_by.ok().as_deref(), Some("broker-b"));
                told.push(outcome);
            }

            place.restart_broker("broker-a").await;
            eventually("both brokers take messages again", async || {
                let mut brokers = BTreeSet::new();
                for number in 0..4 {
                    let outcome = producer.send(message(&topic, number)).await;
                    brokers.extend(outcome.as_ref().ok().map(|result| result.queue().broker_name().to_string()));
                    told.push(outcome);
                }
                brokers.len() == 2
            })
            .await;
            let ledger = Ledger::of(told);
            let tally = ledger.compare(&place.read(&topic, ledger.confirmed()).await);
            assert_eq!(tally.failed, 0, "{:?}", ledger.first_failure());
        },
    );
}

/// Kills broker-a while many sends are in flight.
async fn kill_under_load(place: &Place, producer: &Producer, topic: &str, told: &mut Vec<Sent>) {
    let mut sends = JoinSet::new();
    for number in 0..400 {
        let (producer, message) = (producer.clone(), message(topic, number));
        sends.spawn(async move { producer.send(message).await });
    }
    for _ in 0..20 {
        told.push(sends.join_next().await.expect("there are more").expect("no send panics"));
    }
    place.kill_broker("broker-a").await;
    while let Some(send) = sends.join_next().await {
        told.push(send.expect("no send panics"));
    }
    assert_eq!(producer.in_flight(), 0);
}

fn message(topic: &str, number: usize) -> Message {
    Message::new(topic, format!("message {number}"))
}
