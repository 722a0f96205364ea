//! Two tenants with topics of the same name on one cluster, kept apart by namespaces.
//!
//! ```text
//! cargo run -p rmq-producer --example namespace
//! NAMESRV_ADDR=127.0.0.1:9876 cargo run -p rmq-producer --example namespace
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::Message;
use support::Cluster;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&[]).await?;
    for tenant in ["MQ_INST_red", "MQ_INST_blue"] {
        // The first kind, in front of names, which every server takes. `namespace_v2` is a header field instead, for servers since 5.2.0.
        let producer = cluster.producer("billing").namespace(tenant).start().await?;
        let sent = producer.send(Message::new("orders", format!("from {tenant}"))).await?;
        // Here nobody sees the namespace; on the wire, and for consumers without one, the topic is `MQ_INST_red%orders`.
        println!("{tenant}: topic {}, stored as {}", sent.queue().topic(), sent.message_id());
        for queue in producer.publish_queues("orders").await? {
            assert_eq!(&**queue.topic(), "orders");
        }
        producer.shutdown(Duration::from_secs(3)).await;
    }
    if let Some(inside) = &cluster.inside {
        for topic in ["MQ_INST_red%orders", "MQ_INST_blue%orders", "orders"] {
            println!("the brokers hold {} message(s) of {topic}", inside.message_count(topic));
        }
    }
    Ok(())
}
