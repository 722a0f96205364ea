//! A producer from a configuration file, with the environment over it; and what is in effect.
//!
//! ```text
//! cargo run -p rmq-producer --example config_file
//! NAMESRV_ADDR=127.0.0.1:9876 cargo run -p rmq-producer --example config_file [FILE.toml]
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::{Message, Producer, ProducerConfig};
use support::Cluster;

const FILE: &str = r#"
producer_group = "examples"
send_timeout = "5s"
retries = { times = 3 }
compression.over_bytes = "16KiB"
back_pressure = { sends = 1000, bytes = "16MiB" }
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).map_or_else(|| Ok(FILE.to_owned()), std::fs::read_to_string)?;
    let mut config: ProducerConfig = toml::from_str(&text)?;
    config.overlay_env()?; // NAMESRV_ADDR, ROCKETMQ_NAMESPACE, ROCKETMQ_ACCESS_KEY, …

    let cluster = Cluster::find(&["orders"]).await?;
    let mistaken = toml::from_str::<ProducerConfig>("send_timout = \"5s\"");
    println!("a slip of the pen: {}", mistaken.expect_err("there is no such option"));

    let reaches = cluster.producer("examples");
    if let Some(inside) = &cluster.inside {
        config.name_servers.clone_from(&reaches.config().name_servers);
        println!("in effect, with secrets hidden:\n{config}");
        let producer = Producer::builder_from(config).connector(inside.connector()).start().await?;
        return send(producer).await;
    }
    println!("in effect, with secrets hidden:\n{config}");
    send(Producer::builder_from(config).start().await?).await
}

async fn send(producer: Producer) -> Result<(), Box<dyn Error>> {
    let sent = producer.send(Message::new("orders", "hello")).await?;
    println!("{} is in {}", sent.message_id(), sent.queue());
    producer.shutdown(Duration::from_secs(3)).await;
    Ok(())
}
