//! A test cluster that runs beside a test that blocks.

use std::ops::Deref;

use rmq_testkit::TestClusterBuilder;
use rmq_testkit::{StoredCopy, TestCluster};
use tokio::runtime::Runtime;

use crate::program::PATIENCE;

/// A cluster on a runtime of its own; dropped, both end.
pub(crate) struct Servers {
    // Before the runtime, which drives its end.
    cluster: TestCluster,
    runtime: Runtime,
}

/// Two brokers with topic `orders`, 4 queues on each.
pub(crate) fn servers() -> Servers {
    start(TestCluster::builder().brokers(2).topic("orders", 4))
}

pub(crate) fn start(builder: TestClusterBuilder) -> Servers {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime can be started");
    let cluster = runtime.block_on(builder.start()).expect("there are free ports");
    Servers { cluster, runtime }
}

impl Servers {
    /// Waits for messages that nobody confirms.
    pub(crate) fn wait_for(&self, topic: &str, count: usize) -> Vec<StoredCopy> {
        self.runtime.block_on(self.cluster.wait_for_messages(topic, count, PATIENCE))
    }

    pub(crate) fn kill(&self, broker: &str) {
        self.runtime.block_on(self.cluster.broker(broker).kill());
    }
}

impl Deref for Servers {
    type Target = TestCluster;

    fn deref(&self) -> &TestCluster {
        &self.cluster
    }
}
