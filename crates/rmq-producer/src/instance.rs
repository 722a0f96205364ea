//! ClientInstance: what producers of one client id share below their sends: connections, name servers, routes, heartbeats.
//!
//! ```text
//!   producers ──► members ──► routes (snapshot; on a miss one flight per topic) ──► name servers (fail-over)
//!    (a place each)  │           │ new brokers                                        │
//!                    └─ groups ─►└──► heartbeats (30 s, and at once what is new) ─────┴──► RemotingClient ──► requests of brokers
//! ```
//! Knows nothing of messages. Every task belongs to it, or to a member, and ends with its owner; the last member takes the instance along.

mod broadcast;
mod brokers;
mod client_id;
mod groups;
mod heartbeat;
mod lifecycle;
mod member;
mod name_server;
mod name_server_list;
mod refresh_gate;
mod registry;
mod requests;
mod route_error;
mod routes;
mod shutdown_report;
mod tasks;
mod terms;
mod ticks;
mod warm_up;
mod watched_topics;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rmq_remoting::{HeaderEncoding, RemotingClient, WallClock};
use tokio_util::sync::CancellationToken;

use crate::discovery::Finder;

pub(crate) use brokers::Brokers;
use groups::Groups;
use heartbeat::Heartbeats;
pub(crate) use lifecycle::StartFailure;
pub(crate) use member::{Member, MemberConfig};
pub use name_server::{NameServerFailure, NameServersError};
pub use name_server_list::{IntoNameServers, InvalidNameServers, NameServerList};
use registry::Key;
pub use requests::ServerRequestMetrics;
pub(crate) use requests::{RequestCounters, WithoutListeners};
pub use route_error::RouteError;
use routes::Routes;
pub use shutdown_report::ShutdownReport;
use tasks::Tasks;
pub(crate) use terms::Terms;

/// What an instance is told when it begins.
pub(crate) struct InstanceConfig {
    pub(crate) name_servers: Finder,
    pub(crate) client_ip: Option<IpAddr>,
    /// Whether host names of name servers may be resolved here, to learn this host's address.
    pub(crate) resolve_hosts: bool,
    pub(crate) instance_name: Option<String>,
    pub(crate) unit_name: Option<String>,
    pub(crate) create_topic_key: Arc<str>,
    pub(crate) default_topic_queue_nums: i32,
    pub(crate) header_encoding: HeaderEncoding,
    pub(crate) api_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) heartbeat_v2: bool,
    pub(crate) route_refresh_interval: Duration,
    pub(crate) missing_topic_memory: Duration,
    pub(crate) unused_topic_timeout: Duration,
    pub(crate) clock: Arc<dyn WallClock>,
    /// What else producers have to agree on: whatever went into the transport.
    pub(crate) transport: Terms,
    /// Panics of hooks on the wire.
    pub(crate) hook_panics: Arc<AtomicU64>,
    pub(crate) request_counters: Arc<RequestCounters>,
}

impl InstanceConfig {
    /// What producers have to agree on that are to share an instance.
    fn terms(&self) -> Terms {
        // Taken apart, so that nobody adds a setting and forgets it here.
        let Self {
            name_servers,
            client_ip: _, // in the client id
            resolve_hosts: _,
            instance_name: _, // in the client id
            unit_name: _,     // in the client id
            create_topic_key,
            default_topic_queue_nums,
            header_encoding,
            api_timeout,
            heartbeat_interval,
            heartbeat_v2,
            route_refresh_interval,
            missing_topic_memory,
            unused_topic_timeout,
            clock: _, // for the name, which is the same
            transport,
            hook_panics: _,
            request_counters: _,
        } = self;
        transport
            .clone()
            .equal("name_servers", name_servers.clone())
            .text("create_topic_key", create_topic_key)
            .text("default_topic_queue_nums", default_topic_queue_nums)
            .text("header_encoding", header_encoding)
            .text("api_timeout", api_timeout)
            .text("heartbeat_interval", heartbeat_interval)
            .text("heartbeat_v2", heartbeat_v2)
            .text("route_refresh_interval", route_refresh_interval)
            .text("missing_topic_memory", missing_topic_memory)
            .text("unused_topic_timeout", unused_topic_timeout)
    }
}

/// One client of a cluster, known to its brokers by its client id; each of its producers is a [`Member`].
///
/// Java: `MQClientInstance`.
pub(crate) struct ClientInstance {
    client_id: Arc<str>,
    ip: IpAddr,
    /// Whether the address was found, and not given.
    ip_was_found: bool,
    remoting: RemotingClient,
    routes: Arc<Routes>,
    groups: Arc<Groups>,
    heartbeats: Arc<Heartbeats>,
    tasks: Tasks,
    /// Its row in the registry, if it may be shared.
    key: Option<Key>,
    terms: Terms,
    hook_panics: Arc<AtomicU64>,
    request_counters: Arc<RequestCounters>,
    /// Cancelled once nobody is in it any more.
    ended: CancellationToken,
}

impl fmt::Debug for ClientInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInstance").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// An error with its causes, for a log line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
