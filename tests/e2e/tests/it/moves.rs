//! Servers that go and come back elsewhere while a producer sends: a name server of two is killed, a broker moves to another port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::{Message, Producer, RemotingConfig, RpcHook};
use rmq_remoting::{Endpoint, RemotingCommand, RemotingError, ResponseCode};
use tokio::task::JoinSet;

use crate::ledger::{Ledger, Sent};
use crate::place::{
    Place, Release, eventually, everywhere_alone, everywhere_alone_with_two_name_servers, in_real_places_alone,
};

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
            load.goes_on().await;
            let list = place.name_servers();
            let (killed, _) = list.split_once(';').expect("there are two");
            place.kill_name_server(killed).await;
            // Long enough for each of them to look at its routes again.
            tokio::time::sleep(Duration::from_secs(2)).await;
            load.goes_on().await;
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
            load.goes_on().await;
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

/// Brokers of 5.x that are told to end gracefully answer GO_AWAY for a while; those of 4.9 just close.
#[test]
fn brokers_that_end_gracefully_in_turn_cost_no_send() {
    let spec = |_| {
        let spec = ClusterSpec::brokers(2).broker_property("enableShutdownGracefully", "true");
        spec.broker_property("shutdownWaitTimeSeconds", "4")
    };
    in_real_places_alone(spec, async |place| {
        let topic = place.topic("graceful", 2).await;
        let seen = GoAways::default();
        let builder = place.builder().rpc_hook(seen.clone());
        let producer = builder.start().await.expect("the name server answers");
        let load = Load::start(&vec![producer.clone(); 4], &topic);
        load.goes_on().await;
        let mut told = Vec::new();
        for broker in ["broker-a", "broker-b"] {
            place.terminate_broker(broker).await;
            place.restart_broker(broker).await;
            eventually("it takes messages again", async || {
                let sent = producer.send(Message::new(&*topic, "are you back")).await;
                let taken = sent.as_ref().is_ok_and(|sent| &**sent.queue().broker_name() == broker);
                told.push(sent);
                taken
            })
            .await;
        }
        told.extend(load.end().await);
        check(place, &topic, told).await;
        let go_aways = seen.0.load(Ordering::Relaxed);
        assert_eq!(go_aways > 0, place.release() == Release::V5, "{go_aways} answers GO_AWAY");
    });
}

/// Counts the answers GO_AWAY that are left after the transport has dealt with them.
#[derive(Clone, Default)]
struct GoAways(Arc<AtomicUsize>);

impl RpcHook for GoAways {
    fn after_response(&self, _: &Endpoint, _: &RemotingCommand, outcome: Result<&RemotingCommand, &RemotingError>) {
        if outcome.is_ok_and(|answer| answer.response_code() == ResponseCode::GO_AWAY) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every send succeeded, and what callers were told is what brokers hold.
async fn check(place: &Place, topic: &str, told: Vec<Sent>) {
    let ledger = Ledger::of(told);
    let tally = ledger.compare(&place.read(topic, ledger.confirmed()).await);
    assert_eq!(tally.failed, 0, "{:?}", ledger.first_failure());
    assert!(tally.sends > MANY, "{tally:?}");
}

const MANY: usize = 20;

/// Sends that go on beside the test.
struct Load {
    stop: Arc<AtomicBool>,
    over: Arc<AtomicUsize>,
    workers: JoinSet<Vec<Sent>>,
}

impl Load {
    fn start(producers: &[Producer], topic: &str) -> Self {
        let (stop, over) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut workers = JoinSet::new();
        for producer in producers {
            let (producer, topic) = (producer.clone(), topic.to_owned());
            let (stop, over) = (Arc::clone(&stop), Arc::clone(&over));
            workers.spawn(async move {
                let mut told = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    told.push(producer.send(Message::new(&*topic, "under load")).await);
                    over.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                told
            });
        }
        Self { stop, over, workers }
    }

    /// Waits until many more sends are over, however long the machine takes for them.
    async fn goes_on(&self) {
        let enough = self.over.load(Ordering::Relaxed) + MANY;
        eventually("many sends are over", async || self.over.load(Ordering::Relaxed) > enough).await;
    }

    async fn end(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.workers.join_all().await.into_iter().flatten().collect()
    }
}
