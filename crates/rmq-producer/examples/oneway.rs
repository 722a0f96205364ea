//! Sends messages that no broker answers for: logs, metrics, what may get lost.
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
    for n in 0..10 {
        producer.send_oneway(Message::new("orders", format!("line {n}"))).await?;
    }
    println!("{} written; nobody says whether they are stored", producer.metrics().written);
    producer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
