//! Chooses the queue: by hash as Java does, by an own closure, or by name.
//!
//! Runs without a server; NAMESRV_ADDR=host:9876 names a real one.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::{Message, selector};
use support::Cluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&["orders"]).await?;
    let producer = cluster.producer("examples").start().await?;
    let message = || Message::new("orders", "hello");
    let hashed = producer.send(message()).select(selector::by_hash("order-10086")).await?;
    let own = producer.send(message()).select(|queues, message| message.body().len() % queues.len()).await?;
    let last = producer.publish_queues("orders").await?.pop().ok_or("the topic has no queue")?;
    let named = producer.send(message()).to(last).await?;
    println!("{} {} {}", hashed.queue(), own.queue(), named.queue());
    producer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
