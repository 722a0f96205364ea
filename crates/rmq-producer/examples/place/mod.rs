//! Where an example sends to: the name servers of NAMESRV_ADDR, or else a cluster inside this process.

use std::error::Error;

use rmq_testkit::TestCluster;

/// The name servers, and the cluster behind them if it is our own: it ends when it is dropped.
pub(crate) async fn open() -> Result<(String, Option<TestCluster>), Box<dyn Error>> {
    if let Ok(name_servers) = std::env::var("NAMESRV_ADDR") {
        return Ok((name_servers, None));
    }
    let cluster = TestCluster::builder().brokers(2).topic("orders", 4).start().await?;
    Ok((cluster.name_servers(), Some(cluster)))
}
