//! A connector that dials one address for another, and notes what it was asked for.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use rmq_producer::Connector;
use rmq_remoting::{BoxFuture, Endpoint, Stream};
use rmq_testkit::TestCluster;

#[derive(Clone)]
pub(crate) struct Redirect {
    cluster: Arc<dyn Connector>,
    /// What is asked for, and what is dialled instead.
    pairs: Arc<[(String, String)]>,
    asked_for: Arc<Mutex<BTreeSet<String>>>,
}

impl Redirect {
    pub(crate) fn new(cluster: &TestCluster, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { cluster: cluster.connector(), pairs: pairs.into_iter().collect(), asked_for: Arc::default() }
    }

    pub(crate) fn asked_for(&self) -> BTreeSet<String> {
        self.asked_for.lock().expect("nobody panics with it").clone()
    }
}

impl Connector for Redirect {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        self.asked_for.lock().expect("nobody panics with it").insert(to.to_string());
        let instead = self.pairs.iter().find(|(from, _)| from == to.as_str()).map(|(_, instead)| instead);
        match instead {
            None => self.cluster.connect(to),
            Some(instead) => self.cluster.connect(&Endpoint::parse(instead).expect("an address")),
        }
    }
}
