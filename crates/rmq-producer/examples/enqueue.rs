//! Begins many sends and collects their results later; a full producer makes the next one wait.
//!
//! Runs without a server; NAMESRV_ADDR=host:9876 names a real one.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::{InFlightLimits, Message};
use support::Cluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&["orders"]).await?;
    let room = InFlightLimits::new(100, 16 << 20);
    let producer = cluster.producer("examples").back_pressure(room).start().await?;
    let mut handles = Vec::new();
    for n in 0..1_000 {
        handles.push(producer.enqueue(Message::new("orders", format!("order {n}"))).await?);
    }
    for handle in handles {
        handle.await?;
    }
    // Nobody has to wait for it: the shutdown does.
    drop(producer.enqueue(Message::new("orders", "the last one")).await?);
    let report = producer.shutdown(Duration::from_secs(5)).await;
    println!("{} stored, {} unfinished", producer.metrics().stored, report.unfinished);
    Ok(())
}
