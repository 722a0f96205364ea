//! Static topics of 5.x: logical queues that keep their numbers while they move from broker to broker.

use std::collections::BTreeSet;

use rmq_producer::{Message, MessageQueue, SendErrorKind};
use rmq_testkit::{RequestCode, TestCluster};

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn cluster() -> TestCluster {
    let cluster = start(two_brokers().auto_create_topics(false)).await;
    cluster.create_static_topic("fixed", &["broker-a", "broker-b", "broker-a", "broker-b"]);
    cluster
}

fn message() -> Message {
    Message::new("fixed", "x")
}

#[tokio::test(start_paused = true)]
async fn logical_queues_have_their_turn_and_each_message_goes_to_the_broker_that_holds_its_queue() {
    let cluster = cluster().await;
    let producer = producer(&cluster).await;
    let queues = producer.publish_queues("fixed").await.unwrap();
    let names: Vec<_> = queues.iter().map(ToString::to_string).collect();
    assert_eq!(names, (0..4).map(|id| format!("fixed@__syslo__global__:{id}")).collect::<Vec<_>>());
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let sent = producer.send(message()).await.unwrap();
        let holder = if sent.queue().queue_id() % 2 == 0 { "broker-a" } else { "broker-b" };
        assert_eq!(&**sent.attempts()[0].broker_name(), holder);
        seen.insert((sent.queue().queue_id(), sent.queue_offset()));
    }
    assert_eq!(seen, (0..4).flat_map(|id| [(id, 0), (id, 1)]).collect());
    for (broker, logical) in [("broker-a", ["0", "2"]), ("broker-b", ["1", "3"])] {
        let broker = cluster.broker(broker);
        for request in broker.requests(SEND) {
            assert_eq!(request.field("n"), Some(broker.name()), "the true name");
            assert!(logical.contains(&request.field("e").unwrap()), "the logical number");
        }
        assert_eq!(broker.message_count("fixed"), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_moves_is_followed_without_a_failed_send_and_its_offsets_go_on() {
    let cluster = cluster().await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    let queue = MessageQueue::new("fixed", "__syslo__global__", 1);
    for n in 0..3 {
        assert_eq!(producer.send(message()).to(queue.clone()).await.unwrap().queue_offset(), n);
    }
    cluster.move_static_queue("fixed", 1, "broker-a");
    let sent = producer.send(message()).to(queue.clone()).await.expect("the new holder is asked for at once");
    assert_eq!((sent.queue_offset(), sent.queue().queue_id()), (3, 1));
    let brokers: Vec<_> = sent.attempts().iter().map(|attempt| attempt.broker_name().to_string()).collect();
    assert_eq!(brokers, ["broker-b", "broker-a"]);
    let again = producer.send(message()).to(queue).await.unwrap();
    assert_eq!((again.attempts().len(), again.queue_offset()), (1, 4));

    cluster.move_static_queue("fixed", 3, "broker-a");
    for _ in 0..12 {
        producer.send(message()).await.expect("whoever chooses the queue");
    }
    assert_eq!(cluster.broker("broker-b").message_count("fixed"), 3, "it holds nothing any more");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_the_topic_does_not_have_is_refused_by_whoever_is_asked() {
    let cluster = cluster().await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    producer.send(message()).await.unwrap();
    let nowhere = MessageQueue::new("fixed", "__syslo__global__", 9);
    let error = producer.send(message()).to(nowhere).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NoBroker);
    let misdirected = MessageQueue::new("fixed", "broker-b", 0);
    let error = producer.send(message()).to(misdirected).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::Refused, false), "it is no logical queue");
    assert_eq!(cluster.message_count("fixed"), 1);
}
