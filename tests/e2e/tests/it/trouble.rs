//! Trouble with servers and topics: each error is one sentence that names what failed and says what to check.

use std::error::Error;
use std::time::Duration;

use rmq_producer::{Message, Outcome, RetryPolicy, SendErrorKind, StartError};
use rmq_testkit::Route;

use crate::place::{PERM_READ, Place, everywhere, in_scripted_places, unique};

#[test]
fn a_name_server_that_refuses_is_named_at_start() {
    everywhere(async |place| {
        let nowhere = place.nowhere();
        let error = start_error(place, &nowhere).await;
        let text = sentence(&error);
        assert!(text.contains("no name server answered; check the addresses"), "{text}");
        assert!(text.contains(&nowhere), "{text}");
        assert!(text.contains("refused") || text.contains("no address of this cluster"), "{text}");
    });
}

#[test]
fn a_name_server_whose_host_does_not_exist_is_named_at_start() {
    everywhere(async |place| {
        // No label may have more than 63 characters, so that no resolver needs to ask anybody.
        let nowhere = format!("{}.invalid:9876", "x".repeat(70));
        let error = start_error(place, &nowhere).await;
        let text = sentence(&error);
        assert!(text.contains("no name server answered; check the addresses"), "{text}");
        assert!(text.contains(&nowhere), "{text}");
    });
}

#[test]
fn without_a_check_at_start_the_send_says_that_no_name_server_answered() {
    everywhere(async |place| {
        let nowhere = place.nowhere();
        let builder = place.builder().name_servers(&*nowhere).check_name_servers(false);
        let producer = builder.start().await.expect("nobody is asked");
        let error = producer.send(Message::new("orders", "hello")).await.expect_err("nobody knows the route");
        assert_eq!(
            (error.kind(), error.code(), error.outcome()),
            (SendErrorKind::NameServers, Some(10_004), Outcome::NotSent)
        );
        assert!(error.is_retryable() && error.attempts().is_empty());
        let text = sentence(&error);
        assert!(
            text.starts_with("sending to topic \"orders\" failed: no name server gave the topic's route"),
            "{text}"
        );
        assert!(text.contains("check that the name servers run") && text.contains(&nowhere), "{text}");
    });
}

#[test]
fn a_topic_without_route_says_how_to_get_one() {
    everywhere(async |place| {
        let topic = unique("without-route");
        let builder = place.builder().create_topic_key("no-such-model");
        let producer = builder.start().await.expect("the name server answers");
        let error = producer.send(Message::new(&*topic, "hello")).await.expect_err("nobody knows the topic");
        assert_eq!(
            (error.kind(), error.code(), error.outcome()),
            (SendErrorKind::NoRoute, Some(10_005), Outcome::NotSent)
        );
        assert!(!error.is_retryable() && error.attempts().is_empty());
        let text = sentence(&error);
        assert!(text.starts_with(&format!("sending to topic {topic:?} failed: the topic has no route")), "{text}");
        assert!(text.contains("nothing was sent") && text.contains("create the topic (mqadmin updateTopic)"), "{text}");
        assert!(text.contains("no-such-model"), "{text}");
    });
}

#[test]
fn a_topic_without_a_writable_queue_says_so() {
    everywhere(async |place| {
        let topic = place.topic("read-only", 2).await;
        place.change_topic(&topic, 2, PERM_READ).await;
        let producer = place.producer().await;
        let error = producer.send(Message::new(&*topic, "hello")).await.expect_err("nothing can be written");
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::NoWritableQueue, Outcome::NotSent));
        assert!(error.attempts().is_empty());
        let text = sentence(&error);
        assert!(text.starts_with(&format!("sending to topic {topic:?} failed: the topic has no queue")), "{text}");
        assert!(text.contains("check the topic's permission"), "{text}");
        assert!(place.read(&topic, 0).await.is_empty());
    });
}

#[test]
fn a_broker_that_refuses_connections_is_named_with_its_address() {
    in_scripted_places(async |place, cluster| {
        let (topic, nowhere) = (unique("broker-away"), place.nowhere());
        let route = Route::new().broker("broker-z", [(0, &*nowhere)]).queues("broker-z", 4, 4, 6);
        cluster.set_route(&topic, route);
        let producer = place.builder().retries(RetryPolicy::none()).start().await.expect("the name server answers");
        for oneway in [false, true] {
            let message = Message::new(&*topic, "hello");
            let error = if oneway {
                producer.send_oneway(message).await.expect_err("nobody listens")
            } else {
                producer.send(message).await.expect_err("nobody listens")
            };
            assert_eq!(
                (error.kind(), error.code(), error.outcome()),
                (SendErrorKind::Connect, Some(10_001), Outcome::NotSent)
            );
            let [attempt] = error.attempts() else { panic!("one attempt, not {:?}", error.attempts()) };
            assert_eq!(attempt.address().map(|address| address.as_str()), Some(&*nowhere));
            let text = sentence(&error);
            assert!(
                text.contains(&format!("broker broker-z at {nowhere} could not be connected; nothing was sent")),
                "{text}"
            );
            assert!(text.contains("brokerIP1"), "{text}");
        }
    });
}

#[test]
fn a_broker_that_stays_silent_is_named_and_the_message_may_be_stored() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("silent", 1).await;
        let producer = place.builder().retries(RetryPolicy::none()).start().await.expect("the name server answers");
        producer.send(Message::new(&*topic, "first")).await.expect("it is stored");
        cluster.brokers().iter().for_each(rmq_testkit::Broker::freeze);
        let send = producer.send(Message::new(&*topic, "second")).timeout(Duration::from_secs(5));
        let error = send.await.expect_err("nobody answers");
        assert_eq!(
            (error.kind(), error.code(), error.outcome()),
            (SendErrorKind::Timeout, Some(10_002), Outcome::MaybeStored)
        );
        let text = sentence(&error);
        assert!(text.contains("did not answer in time; it may have been stored"), "{text}");
        cluster.brokers().iter().for_each(rmq_testkit::Broker::resume);
        let stored = place.read(&topic, 2).await;
        assert_eq!(stored.len(), 2, "and so it is");
        assert!(
            stored.iter().any(|stored| Some(&*stored.id) == error.message_id()),
            "under the id that the error gives"
        );
    });
}

async fn start_error(place: &Place, name_servers: &str) -> StartError {
    let error = place.builder().name_servers(name_servers).start().await.expect_err("nobody answers");
    assert!(matches!(error, StartError::NameServers(_)), "{error:?}");
    error
}

/// What a program prints: the error and its causes, one line without any Rust in it.
fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(!text.contains(['\n', '{', '}']) && !text.contains("Some("), "{text}");
    text
}
