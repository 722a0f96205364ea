//! Writes a W3C traceparent into every message, and tells how each send ended.
//!
//! Runs without a server; NAMESRV_ADDR=host:9876 names a real one.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod support;

use std::error::Error;
use std::time::Duration;

use std::sync::atomic::{AtomicU64, Ordering};

use rmq_producer::{Message, SendContext, SendEnd, SendHook, SendReport};
use support::Cluster;

/// A span per send. A real one asks its tracer for the two ids.
#[derive(Default)]
struct Traceparent(AtomicU64);

impl SendHook for Traceparent {
    fn before_send(&self, context: &mut SendContext<'_>) {
        let span = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let parent = format!("00-{:032x}-{span:016x}-01", 0x0af7_6519_16cd_43dd_u128);
        context.edit(|message| message.property("traceparent", parent));
    }

    fn after_send(&self, report: &SendReport<'_>) {
        let parent = report.message().user_property("traceparent").unwrap_or_default();
        match report.end() {
            SendEnd::Stored(sent) => println!("{parent} {} after {:?}", sent.status(), report.elapsed()),
            end => println!("{parent} {end:?}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&["orders"]).await?;
    let hook = Traceparent::default();
    let producer = cluster.producer("examples").send_hook(hook).start().await?;
    producer.send(Message::new("orders", "hello")).await?;
    producer.enqueue(Message::new("orders", "hello again")).await?.await?;
    producer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
