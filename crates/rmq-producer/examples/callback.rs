//! Sends from a thread that is not async, with a callback.
//!
//! Runs without a server; NAMESRV_ADDR=host:9876 names a real one.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::Message;
use support::Cluster;

fn main() -> Result<(), Box<dyn Error>> {
    // The one runtime of the program; the rest of it knows nothing of async.
    let runtime = tokio::runtime::Runtime::new()?;
    let cluster = runtime.block_on(Cluster::find(&["orders"]))?;
    let producer = runtime.block_on(cluster.producer("examples").start())?;
    for n in 0..5 {
        producer.send_with_callback(Message::new("orders", format!("order {n}")), move |result| match result {
            Ok(sent) => println!("{n} is in {}", sent.queue()),
            Err(error) => println!("{n}: {error}"),
        });
    }
    runtime.block_on(producer.shutdown(Duration::from_secs(5)));
    Ok(())
}
