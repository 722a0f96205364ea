//! Brokers that are killed: what was confirmed is there, what is said not to have been sent is not, and sends go on afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::{Message, Producer, SendError, SendResult};
use tokio::task::JoinSet;

use crate::place::{Place, eventually, everywhere_alone};
use crate::stored::Stored;

#[test]
fn messages_confirmed_before_and_after_a_broker_is_killed_are_all_there() {
    everywhere_alone(
        |_| ClusterSpec::brokers(2),
        async |place| {
            let topic = place.topic("killed", 2).await;
            // Its route stays as it is; it is the connection that has to come back.
            let builder = place.builder().route_refresh_interval(Duration::from_secs(3_600));
            let producer = builder.start().await.expect("the name server answers");
            let mut ledger = Ledger::default();
            for number in 0..8 {
                ledger.add(&topic, producer.send(message(&topic, number)).await);
            }
            assert_eq!(ledger.confirmed.len(), 8);

            kill_under_load(place, &producer, &topic, &mut ledger).await;

            // One broker is down: its half of the sends fails, the other half is stored.
            let mut failed = 0;
            for number in 0..8 {
                let outcome = producer.send(message(&topic, number)).timeout(Duration::from_secs(5)).await;
                failed += usize::from(outcome.is_err());
                ledger.add(&topic, outcome);
            }
            assert_eq!(failed, 4, "of 8");

            place.restart_broker("broker-a").await;
            eventually("both brokers take messages again", async || {
                let mut brokers = BTreeSet::new();
                for number in 0..4 {
                    let outcome = producer.send(message(&topic, number)).timeout(Duration::from_secs(5)).await;
                    brokers.extend(outcome.as_ref().ok().map(|result| result.queue().broker_name().to_string()));
                    ledger.add(&topic, outcome);
                }
                brokers.len() == 2
            })
            .await;
            ledger.compare(&place.read(&topic, ledger.confirmed.len()).await);
        },
    );
}

/// Kills broker-a while many sends are in flight.
async fn kill_under_load(place: &Place, producer: &Producer, topic: &str, ledger: &mut Ledger) {
    let mut sends = JoinSet::new();
    for number in 0..400 {
        let (producer, message) = (producer.clone(), message(topic, number));
        sends.spawn(async move { producer.send(message).timeout(Duration::from_secs(20)).await });
    }
    for _ in 0..20 {
        ledger.add(topic, sends.join_next().await.expect("there are more").expect("no send panics"));
    }
    place.kill_broker("broker-a").await;
    while let Some(send) = sends.join_next().await {
        ledger.add(topic, send.expect("no send panics"));
    }
    assert_eq!(producer.in_flight(), 0);
}

fn message(topic: &str, number: usize) -> Message {
    Message::new(topic, format!("message {number}"))
}

/// What the producer said of each message, by id.
#[derive(Default)]
struct Ledger {
    confirmed: BTreeSet<String>,
    maybe_stored: BTreeSet<String>,
    not_stored: BTreeSet<String>,
}

impl Ledger {
    fn add(&mut self, topic: &str, outcome: Result<SendResult, SendError>) {
        match outcome {
            Ok(result) => assert!(self.confirmed.insert(result.message_id().to_owned())),
            Err(error) => {
                assert_eq!(&**error.topic(), topic);
                let id = error.message_id().expect("it was a good message").to_owned();
                let place = if error.possibly_stored() { &mut self.maybe_stored } else { &mut self.not_stored };
                assert!(place.insert(id));
            }
        }
    }

    fn compare(&self, stored: &[Stored]) {
        let ids: BTreeSet<String> = stored.iter().map(|stored| stored.id.clone()).collect();
        assert_eq!(ids.len(), stored.len(), "no id twice");
        let lost: Vec<_> = self.confirmed.difference(&ids).collect();
        assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
        let unexpected: Vec<_> = self.not_stored.intersection(&ids).collect();
        assert!(unexpected.is_empty(), "said not to be stored, and stored: {unexpected:?}");
        let known: BTreeSet<_> = self.confirmed.union(&self.maybe_stored).cloned().collect();
        assert!(ids.is_subset(&known), "nobody sent {:?}", ids.difference(&known));
    }
}
