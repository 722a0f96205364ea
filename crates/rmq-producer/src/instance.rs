//! ClientInstance: what a client shares below its sends: connections, name servers, routes, heartbeats.
//!
//! ```text
//!   send ──► routes (snapshot; on a miss one flight per topic) ──► name servers (fail-over)
//!                │ new brokers                                        │
//!                └──► heartbeats (30 s, and at once to new masters) ──┴──► RemotingClient
//! ```
//! Knows nothing of messages. Every task belongs to it and ends with it.

mod broadcast;
mod brokers;
mod client_id;
mod heartbeat;
mod lifecycle;
mod name_server;
mod name_server_list;
mod route_error;
mod routes;
mod ticks;

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Deadline, Endpoint, HeaderEncoding, InvalidEndpoint, RemotingClient};
use rmq_route::TopicRoute;
use tokio::runtime::Handle;

use crate::vip;

pub(crate) use brokers::Brokers;
use heartbeat::Heartbeats;
pub use lifecycle::ShutdownReport;
pub(crate) use lifecycle::StartFailure;
use lifecycle::Tasks;
pub use name_server::{NameServerFailure, NameServersError};
pub use name_server_list::{IntoNameServers, InvalidNameServers, NameServerList};
pub use route_error::RouteError;
use routes::Routes;

/// What an instance is told when it starts.
pub(crate) struct InstanceConfig {
    pub(crate) producer_group: Arc<str>,
    pub(crate) name_servers: NameServerList,
    pub(crate) client_ip: Option<IpAddr>,
    /// Whether host names of name servers may be resolved here, to learn this host's address.
    pub(crate) resolve_hosts: bool,
    pub(crate) instance_name: Option<String>,
    pub(crate) unit_name: Option<String>,
    /// Whether sends go to the brokers' second port.
    pub(crate) vip_channel: bool,
    pub(crate) create_topic_key: Arc<str>,
    pub(crate) default_topic_queue_nums: i32,
    pub(crate) header_encoding: HeaderEncoding,
    pub(crate) api_timeout: Duration,
    pub(crate) check_name_servers: bool,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) route_refresh_interval: Duration,
}

/// One client of a cluster, known to its brokers by its client id. Dropped, it cancels its tasks and closes its sockets.
///
/// Java: `MQClientInstance`.
pub(crate) struct ClientInstance {
    client_id: Arc<str>,
    ip: IpAddr,
    remoting: RemotingClient,
    routes: Arc<Routes>,
    heartbeats: Arc<Heartbeats>,
    tasks: Tasks,
    vip_channel: bool,
}

impl ClientInstance {
    pub(crate) fn client_id(&self) -> &Arc<str> {
        &self.client_id
    }

    /// The address under which this client is known.
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip
    }

    pub(crate) fn remoting(&self) -> &RemotingClient {
        &self.remoting
    }

    /// Returns a route that has queues to write to: from memory, or else from the name servers.
    pub(crate) async fn publish_info(
        &self,
        topic: &Arc<str>,
        deadline: Deadline,
    ) -> Result<Arc<TopicRoute>, RouteError> {
        match self.routes.known(topic) {
            Some(route) => Ok(route),
            None => self.routes.find(topic, deadline).await,
        }
    }

    /// Returns a number that grows with every change of the routes and addresses known.
    pub(crate) fn routes_version(&self) -> u64 {
        self.routes.version()
    }

    /// Returns a route that has queues to write to, if one is known.
    pub(crate) fn known_route(&self, topic: &str) -> Option<Arc<TopicRoute>> {
        self.routes.known(topic)
    }

    /// Returns the address of a broker's master to which messages go, if a usable one is known.
    pub(crate) fn known_master(&self, broker_name: &str) -> Option<Endpoint> {
        let address = Endpoint::parse(&self.routes.master_address(broker_name)?).ok()?;
        Some(vip::for_sends(address, self.vip_channel))
    }

    /// Returns the address of a broker's master to which messages go. If no route names one, the topic's route is asked for once more.
    pub(crate) async fn master(
        &self,
        broker_name: &str,
        route: &TopicRoute,
        deadline: Deadline,
    ) -> Result<Option<Endpoint>, InvalidEndpoint> {
        let for_sends = |address: Arc<str>| Ok(vip::for_sends(Endpoint::parse(&address)?, self.vip_channel));
        if let Some(address) = self.routes.master_address(broker_name) {
            return for_sends(address).map(Some);
        }
        // Whatever the look-up says, it is the address that counts.
        drop(self.routes.renew(&route.topic, route.generation, deadline).await);
        self.routes.master_address(broker_name).map(for_sends).transpose()
    }

    /// Starts a send that nobody waits for, from any thread; it ends by itself once the sockets are closed.
    pub(crate) fn spawn_send(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_send(task);
    }

    /// Returns how many such sends are not over.
    pub(crate) fn spawned_sends(&self) -> usize {
        self.tasks.sends()
    }

    /// Returns the runtime it was started in.
    pub(crate) fn runtime(&self) -> &Handle {
        self.tasks.runtime()
    }

    /// Sleeps, but not beyond the end of the instance.
    pub(crate) async fn sleep(&self, pause: Duration) {
        self.tasks.sleep(pause).await;
    }

    /// Ends all tasks but sends, without waiting.
    pub(crate) fn cancel(&self) {
        self.tasks.cancel();
    }

    /// Returns what tasks of the producer need to reach brokers.
    pub(crate) fn brokers(&self) -> Brokers {
        Brokers {
            remoting: self.remoting.clone(),
            routes: Arc::clone(&self.routes),
            tasks: self.tasks.clone(),
            vip_channel: self.vip_channel,
        }
    }

    /// Returns how many tasks it runs, those of its connections included.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.count() + self.remoting.tasks()
    }
}

impl fmt::Debug for ClientInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInstance").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
