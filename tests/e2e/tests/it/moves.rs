//! Servers that go and come back elsewhere while a producer sends: a name server of two is killed, a broker moves to another port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::{Message, Producer, RemotingConfig};
use tokio::task::JoinSet;

use crate::ledger::{Ledger, Sent};
use crate::place::{Place, eventually, everywhere_alone, everywhere_alone_with_two_name_servers};

#[test]
fn a_name_server_of_two_that_is_killed_costs_no_send() {
    everywhere_alone_with_two_name_servers(
        |_| ClusterSpec::brokers(2),
        async |place| {
            let topic = place.topic("two-name-servers", 2).await;
            // Which of the two is asked first is random: some of these producers ask the one that is killed.
            let mut producers = Vec::new();
            for seed in 0..6 {
                let mut remoting = RemotingConfig::default();
                remoting.seed = Some(seed);
                let builder = place.builder().remoting(remoting).route_refresh_interval(Duration::from_millis(300));
                producers.push(builder.start().await.expect("the name servers answer"));
            }
            let load = Load::start(&producers, &topic);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let list = place.name_servers();
            let (killed, _) = list.split_once(';').expect("there are two");
            place.kill_name_server(killed).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            for producer in &producers {
                let queues = producer.publish_queues("BenchmarkTest").await;
                assert!(!queues.expect("the other one knows it").is_empty());
            }
            let late = place.builder().start().await.expect("one name server is enough");
            let mut told = load.end().await;
            told.push(late.send(Message::new(&*topic, "from a late one")).await);
            check(place, &topic, told).await;
        },
    );
}

#[test]
fn a_broker_that_moves_to_another_port_is_followed_and_no_send_fails() {
    everywhere_alone(
        |_| ClusterSpec::brokers(2),
        async |place| {
            let topic = place.topic("moved-broker", 2).await;
            let producer = place.builder().start().await.expect("the name server answers");
            let load = Load::start(std::slice::from_ref(&producer), &topic);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let address = place.move_broker("broker-a").await;
            let mut told = Vec::new();
            eventually("the broker is reached at its new address", async || {
                let outcome = producer.send(Message::new(&*topic, "where are you")).await;
                let attempts = outcome.as_ref().map(|result| result.attempts()).unwrap_or_default();
                let found = attempts.iter().any(|attempt| {
                    attempt.error().is_none() && attempt.address().is_some_and(|there| there.as_str() == address)
                });
                told.push(outcome);
                found
            })
            .await;
            told.extend(load.end().await);
            check(place, &topic, told).await;
        },
    );
}

/// Every send succeeded, and what callers were told is what brokers hold.
async fn check(place: &Place, topic: &str, told: Vec<Sent>) {
    let ledger = Ledger::of(told);
    let tally = ledger.compare(&place.read(topic, ledger.confirmed()).await);
    assert_eq!(tally.failed, 0, "{:?}", ledger.first_failure());
    assert!(tally.sends > 20, "{tally:?}");
}

/// Sends that go on beside the test.
struct Load {
    stop: Arc<AtomicBool>,
    workers: JoinSet<Vec<Sent>>,
}

impl Load {
    fn start(producers: &[Producer], topic: &str) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let mut workers = JoinSet::new();
        for producer in producers {
            let (producer, topic, stop) = (producer.clone(), topic.to_owned(), Arc::clone(&stop));
            workers.spawn(async move {
                let mut told = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    told.push(producer.send(Message::new(&*topic, "under load")).await);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                told
            });
        }
        Self { stop, workers }
    }

    async fn end(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.join_all().await.into_iter().flatten().collect()
    }
}
