//! Messages with a sharding key: the key chooses the queue, and nothing moves them to another.

use std::collections::BTreeMap;

use rmq_producer::{Message, MessageQueue, SendErrorKind, selector};
use rmq_testkit::{Fault, RequestCode, ResponseCode};
use serde_json::Value;

use crate::world::*;

fn of(key: &str) -> Message {
    hello().sharding_key(key)
}

#[tokio::test(start_paused = true)]
async fn a_key_goes_to_the_queue_to_which_java_sends_it() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/hash.json")).unwrap();
    let cluster = start(two_brokers().topic("three", 3)).await;
    let producer = producer(&cluster).await;
    let mut seen = 0;
    for case in cases.iter().filter(|case| case["inputs"]["kind"] == "String") {
        let key = case["inputs"]["value"].as_str().unwrap();
        if key.trim().is_empty() || key.chars().any(|c| matches!(c, '\u{1}' | '\u{2}')) {
            continue; // no property, hence no key
        }
        let queues = producer.publish_queues("orders").await.unwrap();
        assert_eq!(queues.len(), 8);
        let index = case["expected"]["index_by_queue_count"]["8"].as_u64().unwrap();
        let sent = producer.send(of(key)).await.unwrap();
        assert_eq!(sent.queue(), &queues[usize::try_from(index).unwrap()], "{key:?}");
        let stored = cluster.messages("orders");
        assert_eq!(stored.last().unwrap().property("__SHARDINGKEY"), Some(key), "and consumers see it");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_key_share_a_queue_in_order_and_other_messages_take_turns() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    for n in 0..10 {
        for key in ["order-1", "order-2", "order-3"] {
            producer.send(Message::new("orders", format!("{n}")).sharding_key(key)).await.unwrap();
        }
        producer.send(hello()).await.unwrap();
    }
    let mut queues: BTreeMap<String, Vec<(String, i32)>> = BTreeMap::new();
    let mut bodies: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for stored in cluster.messages("orders") {
        let key = stored.property("__SHARDINGKEY").unwrap_or("none").to_owned();
        queues.entry(key.clone()).or_default().push((stored.broker.to_string(), stored.queue_id));
        if key != "none" {
            bodies.entry(key).or_default().push(std::str::from_utf8(&stored.body).unwrap().parse().unwrap());
        }
    }
    let mut others = queues.remove("none").unwrap();
    others.sort_unstable();
    others.dedup();
    assert_eq!(others.len(), 8);
    for (key, mut of_key) in queues {
        of_key.dedup();
        assert_eq!(of_key.len(), 1, "{key}");
        assert_eq!(bodies[&key], (0..10).collect::<Vec<_>>(), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_stays_on_the_queue_of_the_key() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::reply(ResponseCode::SERVICE_NOT_AVAILABLE).times(1));
    let sent = producer.send(of("order-1")).await.unwrap();
    assert_eq!(sent.attempts().len(), 2);
    assert!(sent.attempts().iter().all(|attempt| attempt.queue() == sent.queue()));

    cluster.broker(sent.queue().broker_name()).freeze();
    let error = producer.send(of("order-1")).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Timeout, "rather no order than another one");
    assert!(error.attempts().iter().all(|attempt| attempt.queue() == sent.queue()));
}

#[tokio::test(start_paused = true)]
async fn a_queue_or_a_selector_that_the_send_names_comes_first() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let by_key = producer.send(of("order-1")).await.unwrap();
    let queues = producer.publish_queues("orders").await.unwrap();
    let another: &MessageQueue = queues.iter().find(|queue| *queue != by_key.queue()).unwrap();
    assert_eq!(producer.send(of("order-1")).to(another.clone()).await.unwrap().queue(), another);
    let at = queues.iter().position(|queue| queue == another).unwrap();
    assert_eq!(producer.send(of("order-1")).select(move |_, _| at).await.unwrap().queue(), another);
    let same = producer.send(hello()).select(selector::by_hash("order-1")).await.unwrap();
    assert_eq!(same.queue(), by_key.queue(), "the selector by hash agrees");
}

#[tokio::test(start_paused = true)]
async fn a_oneway_message_and_one_in_a_namespace_go_to_the_queue_of_the_key() {
    let cluster = start(two_brokers().topic("ns%orders", 4)).await;
    let plain = producer(&cluster).await;
    let expected = plain.send(of("order-1")).await.unwrap().queue().clone();
    plain.send_oneway(of("order-1")).await.unwrap();
    let spaced = builder(&cluster).namespace("ns").start().await.unwrap();
    assert_eq!(spaced.send(of("order-1")).await.unwrap().queue(), &expected);
    settle().await;
    let [first, second] = cluster.messages("orders").try_into().expect("two messages");
    assert_eq!((first.broker, first.queue_id), (second.broker, second.queue_id));
}
