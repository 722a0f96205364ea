//! Messages that stay in order: those of one sharding key go to one queue, one after another.
//!
//! ```text
//! cargo run -p rmq-producer --example ordered
//! NAMESRV_ADDR=127.0.0.1:9876 cargo run -p rmq-producer --example ordered
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use rmq_producer::{Message, MessageQueue, selector};
use support::Cluster;

const TOPIC: &str = "ordered-example";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&[TOPIC]).await?;
    let producer = cluster.producer("ordered-example").start().await?;
    let mut queues: BTreeMap<&str, MessageQueue> = BTreeMap::new();
    for step in ["created", "paid", "shipped"] {
        for order in ["order-10086", "order-10087", "order-10088"] {
            // Each send is awaited before the next one of its order begins: that, and the queue, make the order. Retries stay on the queue.
            let sent = producer.send(Message::new(TOPIC, step).sharding_key(order).key(order)).await?;
            println!("{order} {step}: {} at {}", sent.queue(), sent.queue_offset());
            let queue = queues.entry(order).or_insert_with(|| sent.queue().clone());
            assert_eq!(sent.queue(), queue, "one queue per key, as long as the topic has as many");
        }
    }
    // The same without the property on the message: a selector, as in Java.
    let sent = producer.send(Message::new(TOPIC, "closed")).select(selector::by_hash("order-10086")).await?;
    assert_eq!(Some(sent.queue()), queues.get("order-10086"));
    println!("order-10086 closed: {} at {}", sent.queue(), sent.queue_offset());
    producer.shutdown(Duration::from_secs(3)).await;
    Ok(())
}
