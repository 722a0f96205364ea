//! Sends a message and waits until a broker has stored it.
//!
//! Runs without a server; NAMESRV_ADDR=host:9876 names a real one.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::Message;
use support::Cluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&["orders"]).await?;
    let producer = cluster.producer("examples").start().await?;
    let sent = producer.send(Message::new("orders", "hello").tag("paid").key("42")).await?;
    println!("{} is in {} at {}", sent.message_id(), sent.queue(), sent.queue_offset());
    producer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
