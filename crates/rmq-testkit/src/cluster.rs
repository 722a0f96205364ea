//! TestCluster: name servers and brokers of one process, and what tests ask of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Connector, RequestCode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::broker::{Broker, Held, Mapping, SeenClient};
use crate::builder::TestClusterBuilder;
use crate::clock::ClusterClock;
use crate::name_server::{NameServer, Route, RouteAnswer, Topology};
use crate::network::ClusterConnector;
use crate::recorder::RecordedRequest;
use crate::script::{Fault, FaultHandle};
use crate::store::{Arrivals, StoredCopy};

/// Name servers and brokers in this process. Dropped, all of them end.
///
/// ```
/// use rmq_testkit::{Fault, RequestCode, ResponseCode, TestCluster};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rmq_testkit::StartError> {
/// let cluster = TestCluster::builder().brokers(2).topic("orders", 4).start().await?;
/// let busy = Fault::reply(ResponseCode::SYSTEM_BUSY).times(1);
/// cluster.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, busy);
/// // … a client that is given cluster.name_servers() sends …
/// assert_eq!(cluster.messages("orders").len(), 0);
/// cluster.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestCluster {
    pub(crate) name_servers: Vec<NameServer>,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) connector: Arc<ClusterConnector>,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) clock: ClusterClock,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
    #[cfg(feature = "acl")]
    pub(crate) guard: crate::access_control::Guard,
}

impl TestCluster {
    /// A builder for one name server and one broker on free TCP ports of 127.0.0.1, behaving as 5.5.0.
    pub fn builder() -> TestClusterBuilder {
        TestClusterBuilder::default()
    }

    /// The name servers as clients are given them: addresses joined by `;`.
    #[doc(alias = "namesrvAddr")]
    pub fn name_servers(&self) -> String {
        self.name_servers.iter().map(NameServer::address).collect::<Vec<_>>().join(";")
    }

    /// What clients dial with: in-process pipes for a cluster in memory, else TCP.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.connector) as Arc<dyn Connector>
    }

    /// The name server, the first if there are several.
    pub fn name_server(&self) -> NameServer {
        self.name_server_at(0)
    }

    /// The name server number `index`, counted from 0.
    ///
    /// # Panics
    /// There is none; a test that asks for it is wrong.
    pub fn name_server_at(&self, index: usize) -> NameServer {
        match self.name_servers.get(index) {
            Some(server) => server.clone(),
            None => panic!("the cluster has {} name servers, none is number {index}", self.name_servers.len()),
        }
    }

    /// The broker called `name`: `broker-a`, `broker-b` and so on.
    ///
    /// # Panics
    /// There is none; a test that asks for it is wrong.
    pub fn broker(&self, name: &str) -> Broker {
        match self.brokers.iter().find(|broker| broker.name() == name) {
            Some(broker) => broker.clone(),
            None => panic!("the cluster has no broker called {name}"),
        }
    }

    /// All brokers, in the order of their names.
    pub fn brokers(&self) -> Vec<Broker> {
        self.brokers.clone()
    }

    /// Plays a copy of `fault` on every broker; each counts by itself.
    pub fn on(&self, code: RequestCode, fault: &Fault) -> Vec<FaultHandle> {
        self.brokers.iter().map(|broker| broker.on(code, fault.clone())).collect()
    }

    /// Takes back all faults of all servers.
    pub fn clear_faults(&self) {
        self.brokers.iter().for_each(Broker::clear_faults);
        self.name_servers.iter().for_each(NameServer::clear_faults);
    }

    /// Every message of `topic` on all brokers, in the order in which they were stored.
    pub fn messages(&self, topic: &str) -> Vec<StoredCopy> {
        let mut messages: Vec<StoredCopy> = self.brokers.iter().flat_map(|broker| broker.messages(topic)).collect();
        messages.sort_by_key(|message| message.arrival);
        messages
    }

    /// How many messages of `topic` all brokers have.
    pub fn message_count(&self, topic: &str) -> usize {
        self.brokers.iter().map(|broker| broker.message_count(topic)).sum()
    }

    /// Waits until at least `count` messages of `topic` are stored, at most for `patience`; returns what is there then.
    ///
    /// # Cancel safety
    /// Changes nothing, so it may be dropped at any time.
    pub async fn wait_for_messages(&self, topic: &str, count: usize, patience: Duration) -> Vec<StoredCopy> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            let mut arrival = std::pin::pin!(self.arrivals.arrived().notified());
            // Enabled before looking, so that nothing slips in between.
            arrival.as_mut().enable();
            let done = match deadline {
                _ if self.message_count(topic) >= count => true,
                Some(deadline) => tokio::time::timeout_at(deadline, arrival).await.is_err(),
                None => {
                    arrival.await;
                    false
                }
            };
            if done {
                return self.messages(topic);
            }
        }
    }

    /// The requests with this code that any server received, in the order of their arrival.
    pub fn requests(&self, code: RequestCode) -> Vec<RecordedRequest> {
        let brokers = self.brokers.iter().flat_map(|broker| broker.requests(code));
        let name_servers = self.name_servers.iter().flat_map(|server| server.requests(code));
        let mut requests: Vec<RecordedRequest> = brokers.chain(name_servers).collect();
        requests.sort_by_key(|request| request.at);
        requests
    }

    /// How many requests with this code all servers received, whatever became of them.
    pub fn request_count(&self, code: RequestCode) -> u64 {
        let brokers: u64 = self.brokers.iter().map(|broker| broker.request_count(code)).sum();
        brokers + self.name_servers.iter().map(|server| server.request_count(code)).sum::<u64>()
    }

    /// The clients that brokers know by their heartbeats; one that several brokers know appears for each.
    pub fn clients(&self) -> Vec<SeenClient> {
        self.brokers.iter().flat_map(Broker::clients).collect()
    }

    /// Creates a topic on every broker, or replaces it.
    pub fn create_topic(&self, topic: &str, queues: i32) {
        self.brokers.iter().for_each(|broker| broker.create_topic(topic, queues));
    }

    /// Creates a static topic of 5.x: one logical queue for each name, which that broker holds.
    ///
    /// # Panics
    /// There is no broker of such a name.
    #[doc(alias("updateStaticTopic", "TopicQueueMappingDetail"))]
    pub fn create_static_topic(&self, topic: &str, holders: &[&str]) {
        let mut mappings: BTreeMap<&str, Mapping> = BTreeMap::new();
        let total = i32::try_from(holders.len()).unwrap_or(i32::MAX);
        for (logical, holder) in (0..).zip(holders) {
            let mapping = mappings.entry(holder).or_default();
            let queue_id = i32::try_from(mapping.held.len()).unwrap_or(i32::MAX);
            mapping.held.insert(logical, Held { queue_id, starts_at: 0 });
        }
        for (holder, mapping) in mappings {
            let mapping = Mapping { total, epoch: 1, ..mapping };
            self.broker(holder).put_static_topic(topic, mapping);
        }
    }

    /// Moves a logical queue of a static topic to another broker, as `mqadmin remappingStaticTopic` does: its next messages go there, with
    /// offsets that follow those of the old place.
    ///
    /// # Panics
    /// The topic is no static one, has no such queue, or there is no broker of that name.
    #[doc(alias = "remappingStaticTopic")]
    pub fn move_static_queue(&self, topic: &str, logical: i32, to: &str) {
        let mapped = |broker: &&Broker| broker.static_topic(topic).is_some_and(|it| it.held.contains_key(&logical));
        let Some(from) = self.brokers.iter().find(mapped) else {
            panic!("no broker holds logical queue {logical} of {topic}");
        };
        let (mut old, target) = (from.static_topic(topic).unwrap_or_default(), self.broker(to));
        let Some(held) = old.held.remove(&logical) else { return };
        let starts_at = held.starts_at + from.next_offset(topic, held.queue_id);
        old.epoch += 1;
        let (total, epoch) = (old.total, old.epoch);
        from.put_static_topic(topic, old);
        let mut new = target.static_topic(topic).unwrap_or_else(|| Mapping { total, ..Mapping::default() });
        let queue_id = target.topic(topic).map_or(0, |(_, write, _)| write);
        new.epoch = epoch;
        new.held.insert(logical, Held { queue_id, starts_at });
        target.put_static_topic(topic, new);
    }

    /// Deletes a topic from every broker.
    pub fn delete_topic(&self, topic: &str) {
        for broker in &self.brokers {
            broker.delete_topic(topic);
        }
    }

    /// Changes a topic's queue counts on every broker that has it.
    pub fn set_queues(&self, topic: &str, read: i32, write: i32) {
        for broker in &self.brokers {
            broker.set_queues(topic, read, write);
        }
    }

    /// Changes a topic's permission on every broker that has it: 4 = read, 2 = write.
    pub fn set_perm(&self, topic: &str, perm: i32) {
        for broker in &self.brokers {
            broker.set_perm(topic, perm);
        }
    }

    /// Sets or removes the order configuration that routes of `topic` show, `broker-a:4;broker-b:4`.
    #[doc(alias = "orderTopicConf")]
    pub fn set_route_order_conf(&self, topic: &str, conf: Option<&str>) {
        self.topology.set_order_conf(topic, conf);
    }

    /// Lets name servers answer `route` for `topic`, whatever brokers have.
    pub fn set_route(&self, topic: &str, route: Route) {
        self.topology.script_route(topic, Some(RouteAnswer::Route(route)));
    }

    /// Lets name servers answer this text as the route of `topic`.
    pub fn set_route_text(&self, topic: &str, body: impl Into<String>) {
        self.topology.script_route(topic, Some(RouteAnswer::Text(body.into())));
    }

    /// Lets name servers say that `topic` has no route.
    pub fn hide_route(&self, topic: &str) {
        self.topology.script_route(topic, None);
    }

    /// Lets name servers answer the truth for `topic` again.
    pub fn clear_route(&self, topic: &str) {
        self.topology.unscript_route(topic);
    }

    /// Changes which accounts brokers know, from the next request on.
    #[cfg(feature = "acl")]
    pub fn set_accounts(&self, accounts: impl IntoIterator<Item = crate::Account>) {
        self.guard.set(accounts);
    }

    /// What the cluster's clock shows, in milliseconds since 1970.
    pub fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Ends every server and waits until nothing of them runs. Messages can still be read through [`Broker`] handles.
    ///
    /// # Cancel safety
    /// Dropped early, everything ends by itself.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        for broker in &self.brokers {
            broker.server.shutdown().await;
        }
        for server in &self.name_servers {
            server.server.shutdown().await;
        }
        self.tasks.wait().await;
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.brokers.iter().for_each(|broker| broker.server.stop());
        self.name_servers.iter().for_each(|server| server.server.stop());
    }
}
