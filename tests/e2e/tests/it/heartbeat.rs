//! Heartbeats: brokers know a producer from its first message until it takes leave.

use std::time::Duration;

use rmq_producer::Message;
use rmq_remoting::RequestCode;

use crate::place::{KnownClient, eventually, everywhere, in_scripted_places};

#[test]
fn brokers_know_a_producer_until_it_takes_leave() {
    everywhere(async |place| {
        let topic = place.topic("heartbeat", 2).await;
        let producer = place.producer().await;
        let group = producer.group().to_owned();
        assert_eq!(place.known_producers(&group, &topic), [], "nothing is sent to brokers before there is a message");
        let queues = producer.publish_queues(&*topic).await.expect("a route");
        let brokers = queues.len() / 2;
        producer.send(Message::new(&*topic, "hello")).await.expect("it is stored");

        // Shared real clusters have one broker, which is the one that Java asks.
        let known = || place.known_producers(&group, &topic);
        eventually("every broker knows the producer", async || known().len() == brokers).await;
        for known in known() {
            let KnownClient { client_id, language, version } = known;
            assert_eq!((&*client_id, &*language, version), (producer.client_id(), "RUST", 513));
        }
        let report = producer.shutdown(Duration::from_secs(60)).await;
        assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (0, brokers, 0), "{report:?}");
        eventually("no broker knows it any more", async || known().is_empty()).await;
    });
}

#[test]
fn a_heartbeat_comes_at_once_and_then_every_interval_and_leave_is_taken_once() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("heartbeats", 2).await;
        let interval = Duration::from_millis(300);
        let producer = place.builder().heartbeat_interval(interval).start().await.expect("the name server answers");
        producer.send(Message::new(&*topic, "hello")).await.expect("it is stored");
        let beats = || cluster.brokers().iter().map(|broker| broker.request_count(RequestCode::HEART_BEAT)).min();
        eventually("both brokers have had a heartbeat", async || beats() >= Some(1)).await;
        eventually("and more of them", async || beats() >= Some(4)).await;
        let clients = cluster.clients();
        assert!(clients.iter().all(|client| client.client_id == producer.client_id()), "{clients:?}");
        assert_eq!(clients.len(), 2, "one row at each broker");
        producer.shutdown(Duration::from_secs(60)).await;
        for broker in cluster.brokers() {
            assert_eq!(broker.request_count(RequestCode::UNREGISTER_CLIENT), 1, "{}", broker.name());
        }
        assert!(cluster.clients().is_empty());
    });
}
