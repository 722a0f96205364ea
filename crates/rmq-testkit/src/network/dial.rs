//! How clients reach the cluster: one connector for TCP and memory, with dials that can hang or take their time.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{BoxFuture, Connector, Endpoint, Stream, TcpConnector};

use super::memory::MemoryNetwork;

/// Opens streams to the servers of one cluster.
#[derive(Clone)]
pub(crate) struct ClusterConnector {
    network: Option<Arc<MemoryNetwork>>,
    dialing: Arc<Dialing>,
}

/// What happens to dials, by address.
#[derive(Debug, Default)]
pub(crate) struct Dialing {
    rules: Mutex<HashMap<String, Rule>>,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Hang,
    Delay(Duration),
}

impl Dialing {
    /// Lets dials to `address` never come to an end.
    pub(crate) fn hang(&self, address: String) {
        self.rules.lock().insert(address, Rule::Hang);
    }

    /// Lets dials to `address` take `delay` longer.
    pub(crate) fn delay(&self, address: String, delay: Duration) {
        self.rules.lock().insert(address, Rule::Delay(delay));
    }

    /// Lets dials to `address` be as usual.
    pub(crate) fn clear(&self, address: &str) {
        self.rules.lock().remove(address);
    }
}

impl ClusterConnector {
    pub(crate) fn new(network: Option<Arc<MemoryNetwork>>, dialing: Arc<Dialing>) -> Self {
        Self { network, dialing }
    }
}

impl Connector for ClusterConnector {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        let to = to.clone();
        let rule = self.dialing.rules.lock().get(to.as_str()).copied();
        let network = self.network.clone();
        Box::pin(async move {
            match rule {
                None => {}
                Some(Rule::Hang) => std::future::pending().await,
                Some(Rule::Delay(delay)) => tokio::time::sleep(delay).await,
            }
            match network {
                None => TcpConnector.connect(&to).await,
                Some(network) => network.connect(to.as_str()).map(Stream::boxed),
            }
        })
    }
}

impl fmt::Debug for ClusterConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterConnector").field("in_memory", &self.network.is_some()).finish_non_exhaustive()
    }
}
