//! The caller's own choice of the queue.

use std::error::Error as _;

use rmq_producer::{MessageQueue, SelectError, SendErrorKind, selector};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_given_queue_takes_every_message() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let queue = producer.publish_queues("orders").await.unwrap().remove(6);
    for _ in 0..5 {
        assert_eq!(producer.send(hello()).to(queue.clone()).await.unwrap().queue(), &queue);
    }
    producer.send_oneway(hello()).to(queue.clone()).await.unwrap();
    settle().await;
    let stored = cluster.messages("orders");
    assert_eq!(stored.len(), 6);
    assert!(stored.iter().all(|copy| copy.queue_id == queue.queue_id() && *copy.broker == **queue.broker_name()));
}

#[tokio::test(start_paused = true)]
async fn a_key_goes_to_one_queue_and_keys_spread() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let mut queues = std::collections::BTreeSet::new();
    for key in 0..40 {
        let key = format!("order-{key}");
        let mut of_key = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let sent = producer.send(hello()).select(selector::by_hash(key.as_str())).await.unwrap();
            of_key.insert(sent.queue().clone());
        }
        assert_eq!(of_key.len(), 1);
        queues.extend(of_key);
    }
    assert_eq!(queues.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_selector_sees_queues_and_message_and_its_mistakes_are_errors_of_its_send() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let sent = producer.send(hello()).select(|queues, message| message.body().len() % queues.len()).await.unwrap();
    assert_eq!(sent.queue(), &producer.publish_queues("orders").await.unwrap()[5]);

    let select_error = |error: &rmq_producer::SendError| {
        error.source().and_then(|source| source.downcast_ref::<SelectError>()).cloned().expect("a SelectError")
    };
    let error = producer.send(hello()).select(|queues: &[MessageQueue], _: &_| queues.len()).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::InvalidQueue);
    assert_eq!(select_error(&error), SelectError::OutOfRange { position: 8, queues: 8 });
    let error = producer.send(hello()).select(|_: &[MessageQueue], _: &_| panic!("a mistake")).await.unwrap_err();
    assert_eq!(select_error(&error), SelectError::Panicked);
    let other = MessageQueue::new("other", "broker-a", 0);
    let error = producer.send(hello()).to(other.clone()).await.unwrap_err();
    assert_eq!(select_error(&error), SelectError::OtherTopic { queue: other });
    assert_eq!(cluster.messages("orders").len(), 1, "nothing was sent for any of them");
    assert_eq!(producer.in_flight(), 0);
    producer.send(hello()).await.unwrap();
}
