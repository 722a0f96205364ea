//! Producers of one client id: one client to the brokers, with a group for each.

use std::time::Duration;

use rmq_producer::{Message, Producer, ServerRequestMetrics};
use rmq_remoting::RequestCode;

use crate::place::{Place, eventually, everywhere, in_scripted_places, unique};

const GRACE: Duration = Duration::from_secs(60);

async fn join(place: &Place, name: &str, topic: &str) -> Producer {
    let producer = place.builder().instance_name(name).warm_up([topic]).start().await;
    producer.expect("the name server answers and the topic has a route")
}

#[test]
fn two_producers_of_one_client_are_known_by_their_groups_until_each_takes_leave() {
    everywhere(async |place| {
        let topic = place.topic("shared", 2).await;
        let name = unique("instance");
        let (one, other) = (join(place, &name, &topic).await, join(place, &name, &topic).await);
        assert_eq!(one.client_id(), other.client_id());
        assert!(one.client_id().ends_with(&format!("@{name}")), "{}", one.client_id());
        let known = |group: &str| -> Vec<String> {
            place.known_producers(group, &topic).into_iter().map(|client| client.client_id).collect()
        };
        for producer in [&one, &other] {
            let group = producer.group();
            eventually("every broker knows the group", async || !known(group).is_empty()).await;
            assert!(known(group).iter().all(|client| client == producer.client_id()), "{group}");
            producer.send(Message::new(&*topic, producer.group().to_owned())).await.expect("it is stored");
        }

        let report = one.shutdown(GRACE).await;
        assert_eq!((report.unfinished, report.not_unregistered), (0, 0), "{report:?}");
        eventually("the first group is gone", async || known(one.group()).is_empty()).await;
        assert!(!known(other.group()).is_empty(), "the second one is not");
        other.send(Message::new(&*topic, "after the first one's end")).await.expect("the connections are there");

        let report = other.shutdown(GRACE).await;
        assert_eq!((report.unfinished, report.not_unregistered), (0, 0), "{report:?}");
        assert!(report.unregistered >= 1, "{report:?}");
        eventually("the second group is gone too", async || known(other.group()).is_empty()).await;
        assert_eq!((one.tasks(), other.tasks()), (0, 0));
        assert_eq!(place.read(&topic, 3).await.len(), 3);
    });
}

#[test]
fn they_share_connections_and_may_end_without_a_word() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("shared", 2).await;
        let name = unique("instance");
        let (one, other) = (join(place, &name, &topic).await, join(place, &name, &topic).await);
        for broker in cluster.brokers() {
            eventually("the broker has taken the connection", async || !broker.lines().is_empty()).await;
            assert_eq!(broker.lines().len(), 1, "{}", broker.name());
        }
        drop(one);
        let groups = || -> Vec<String> { cluster.clients().into_iter().flat_map(|one| one.producer_groups).collect() };
        eventually("the brokers hear of the end all the same", async || {
            !groups().is_empty() && groups().iter().all(|group| group == other.group())
        })
        .await;
        other.send(Message::new(&*topic, "still here")).await.expect("it is stored");
        other.shutdown(GRACE).await;
    });
}

#[test]
fn a_start_with_topics_is_ready_to_send_and_known_to_the_brokers() {
    everywhere(async |place| {
        let topic = place.topic("warm", 2).await;
        let producer =
            place.builder().heartbeat_v2(true).warm_up([&*topic]).start().await.expect("a topic that is there");
        eventually("it is known before it sends anything", async || {
            !place.known_producers(producer.group(), &topic).is_empty()
        })
        .await;
        let sent = producer.send(Message::new(&*topic, "hello")).await.expect("it is stored");
        assert_eq!(sent.attempts().len(), 1);
        assert_eq!(producer.metrics().server_requests, ServerRequestMetrics::default(), "nobody asks it anything");
        producer.shutdown(GRACE).await;
    });
}

#[test]
fn a_flood_of_requests_from_a_broker_holds_up_no_send() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("flood", 2).await;
        let producer = place.builder().warm_up([&*topic]).start().await.expect("a topic that is there");
        let broker = &cluster.brokers()[0];
        let is_known = || broker.clients().iter().any(|client| client.client_id == producer.client_id());
        eventually("the broker can reach it", async || is_known()).await;
        for _ in 0..2_000 {
            let mut request = rmq_remoting::RemotingCommand::request(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
            request.mark_oneway();
            broker.push(producer.client_id(), request).await.expect("it is connected");
        }
        producer.send(Message::new(&*topic, "hello")).await.expect("answers pass");
        let counted = || producer.metrics().server_requests;
        eventually("each was taken or refused, and counted", async || {
            counted().for_consumers + counted().refused == 2_000
        })
        .await;
        producer.shutdown(GRACE).await;
    });
}
