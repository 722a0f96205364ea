//! The caller's own choice of the queue, and the one of the less loaded of two.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmq_producer::{MessageQueue, QueueChoice, SelectError, SendErrorKind, selector};
use rmq_testkit::{Fault, RequestCode};

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

/// How many of 600 messages each broker gets from 32 callers, where broker-b takes 30 times as long as broker-a.
#[allow(clippy::unwrap_used, reason = "part of a test")]
async fn shares(choice: QueueChoice) -> (usize, usize) {
    let cluster = start(two_brokers()).await;
    for (broker, millis) in [("broker-a", 2), ("broker-b", 60)] {
        cluster.broker(broker).on(RequestCode::SEND_MESSAGE_V2, Fault::delay(Duration::from_millis(millis)));
    }
    let producer = builder(&cluster).queue_choice(choice).start().await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    let begun = Arc::new(AtomicUsize::new(0));
    for _ in 0..32 {
        let (producer, begun) = (producer.clone(), Arc::clone(&begun));
        callers.spawn(async move {
            while begun.fetch_add(1, Ordering::Relaxed) < 600 {
                producer.send(hello()).await.unwrap();
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let of = |broker: &str| cluster.broker(broker).message_count("orders");
    (of("broker-a"), of("broker-b"))
}

#[tokio::test(start_paused = true)]
async fn a_slow_broker_gets_less_of_two_random_queues_and_half_in_turn() {
    assert_eq!(shares(QueueChoice::RoundRobin).await, (300, 300));
    let (fast, slow) = shares(QueueChoice::TwoRandom).await;
    assert_eq!(fast + slow, 600);
    // Three of 14 pairs of queues are both on the slow broker: about 130.
    assert!((90..180).contains(&slow), "{slow} of 600");
}

#[tokio::test(start_paused = true)]
async fn sends_that_were_dropped_are_no_load() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).queue_choice(QueueChoice::TwoRandom).start().await.unwrap();
    let queue = producer.publish_queues("orders").await.unwrap().remove(0);
    let silent = cluster.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, Fault::silent());
    let waiting: Vec<_> = (0..50).map(|_| Box::pin(producer.send(hello()).to(queue.clone()).into_future())).collect();
    let all = futures_of(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(100), all).await.is_err(), "nobody answers");
    drop(silent);
    cluster.clear_faults();
    for _ in 0..200 {
        producer.send(hello()).await.unwrap();
    }
    let of_a = cluster.broker("broker-a").message_count("orders");
    assert!((60..=140).contains(&of_a), "{of_a} of 200");
}

#[tokio::test(start_paused = true)]
async fn of_two_random_queues_none_is_on_a_broker_that_is_set_aside() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).queue_choice(QueueChoice::TwoRandom).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.broker("broker-a").freeze();
    for _ in 0..40 {
        producer.send(hello()).await.unwrap();
    }
    let metrics = producer.metrics();
    let tried = metrics.broker("broker-a").map_or(0, |broker| broker.maybe_stored);
    assert!(tried <= 1, "one send learns of it, no other: {tried}");
}

/// Polls all of them until the last is done.
async fn futures_of<T>(mut futures: Vec<std::pin::Pin<Box<impl Future<Output = T>>>>) {
    std::future::poll_fn(|cx| {
        futures.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if futures.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
