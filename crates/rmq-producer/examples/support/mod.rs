//! Where the examples find a cluster: the real one that `NAMESRV_ADDR` names, or one inside this process.

use std::error::Error;

use rmq_producer::{Producer, ProducerBuilder};
use rmq_testkit::TestCluster;

/// A cluster to send to.
pub(crate) struct Cluster {
    /// `None`: a real one.
    pub(crate) inside: Option<TestCluster>,
    name_servers: String,
}

impl Cluster {
    /// Finds the real one, or starts one inside with these topics of four queues each.
    pub(crate) async fn find(topics: &[&str]) -> Result<Self, Box<dyn Error>> {
        if let Ok(name_servers) = std::env::var("NAMESRV_ADDR") {
            println!("sending to the cluster of {name_servers}");
            return Ok(Self { inside: None, name_servers });
        }
        println!("NAMESRV_ADDR is not set: sending to a cluster inside this process");
        let empty = TestCluster::builder().memory().brokers(2);
        let cluster = topics.iter().fold(empty, |cluster, topic| cluster.topic(*topic, 4)).start().await?;
        Ok(Self { name_servers: cluster.name_servers(), inside: Some(cluster) })
    }

    /// A producer that reaches it; a real program writes `Producer::builder(group).name_servers("10.0.0.1:9876")`.
    pub(crate) fn producer(&self, group: &str) -> ProducerBuilder {
        let builder = Producer::builder(group).name_servers(&self.name_servers);
        match &self.inside {
            None => builder,
            Some(cluster) => builder.connector(cluster.connector()),
        }
    }
}
