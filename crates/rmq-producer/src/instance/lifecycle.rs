//! How an instance begins and ends.
//!
//! It begins at once, without a look at the network: whoever joined it first has asked where its name servers are, and asks them then. It
//! ends with its last producer: tasks first, so that no heartbeat follows the leave-taking; then leave is taken, then the sockets close, and
//! the peers get to read what was sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{ConfigError, Deadline, RemotingClientBuilder, RemotingError};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::groups::{Freed, Groups};
use super::heartbeat::{HeartbeatOptions, Heartbeats, Unregistered};
use super::name_server::{NameServers, NameServersError};
use super::registry::{Key, Registry};
use super::requests::ServerRequests;
use super::route_error::RouteError;
use super::routes::{DefaultTopic, RouteSettings, Routes};
use super::tasks::Tasks;
use super::ticks::Ticks;
use super::{ClientInstance, InstanceConfig, NameServerList, client_id};
use crate::discovery::DiscoveryError;

/// Why a producer did not get a place in an instance, or could not use it.
pub(crate) enum StartFailure {
    Discovery(DiscoveryError),
    NameServers(NameServersError),
    NoRuntime,
    Transport(ConfigError),
    /// An instance of this client id is there, under other terms.
    OtherTerms {
        client_id: Arc<str>,
        option: &'static str,
    },
    /// An instance of this client id has a producer of the same group.
    GroupTaken {
        client_id: Arc<str>,
    },
    /// Another producer of this client id takes too long to end.
    StillEnding {
        client_id: Arc<str>,
    },
    /// A topic that was to be ready has no queue.
    NoRoute {
        topic: Arc<str>,
        source: RouteError,
    },
    /// None of the brokers of a topic that was to be ready could be connected.
    NoBroker {
        topic: Arc<str>,
        source: RemotingError,
    },
}

/// What an instance begins with.
pub(super) struct Outset {
    /// The name servers, if they are known.
    pub(super) found: Option<NameServerList>,
    pub(super) transport: RemotingClientBuilder,
}

impl ClientInstance {
    /// Begins an instance that nobody is in yet.
    pub(super) fn open(
        client_id: Arc<str>,
        ip: IpAddr,
        config: &InstanceConfig,
        outset: Outset,
        runtime: &Handle,
        is_shared: bool,
    ) -> Result<Arc<Self>, ConfigError> {
        let groups = Arc::new(Groups::default());
        let remoting = ServerRequests::serve(outset.transport, &groups, &config.request_counters).build()?;
        let name_servers = NameServers::new(config.name_servers.clone(), remoting.clone(), config.header_encoding);
        if let Some(found) = &outset.found {
            name_servers.take(found);
        }
        let name_servers = Arc::new(name_servers);
        let tasks = Tasks::new(runtime.clone());
        let default_topic =
            DefaultTopic { key: Arc::clone(&config.create_topic_key), queue_nums: config.default_topic_queue_nums };
        let settings = RouteSettings {
            default_topic,
            request_timeout: config.api_timeout,
            missing_topic_memory: config.missing_topic_memory,
            unused_topic_timeout: config.unused_topic_timeout,
        };
        let routes = Arc::new(Routes::new(Arc::clone(&name_servers), settings, remoting.clone(), tasks.clone()));
        let options = HeartbeatOptions {
            encoding: config.header_encoding,
            request_timeout: config.api_timeout,
            answer_within: config.api_timeout.min((config.heartbeat_interval / 20).max(LEAST_PATIENCE)),
            v2: config.heartbeat_v2,
        };
        let heartbeats = Arc::new(Heartbeats::new(
            Arc::clone(&client_id),
            Arc::clone(&groups),
            remoting.clone(),
            Arc::clone(&routes),
            options,
        ));
        let ticks = |period| Ticks::every(period, Arc::clone(remoting.random()));
        if !name_servers.is_found_for_good() {
            tasks.spawn(name_servers.keep_found(config.api_timeout));
        }
        tasks.spawn(Arc::clone(&routes).keep_fresh(ticks(config.route_refresh_interval)));
        tasks.spawn(Arc::clone(&heartbeats).keep_beating(ticks(config.heartbeat_interval)));
        info!(client_id = &*client_id, "started");
        Ok(Arc::new(Self {
            key: is_shared.then(|| Key { client_id: Arc::clone(&client_id), runtime: runtime.id() }),
            terms: config.terms(),
            request_counters: Arc::clone(&config.request_counters),
            hook_panics: Arc::clone(&config.hook_panics),
            client_id,
            ip,
            ip_was_found: config.client_ip.is_none(),
            remoting,
            routes,
            groups,
            heartbeats,
            tasks,
            ended: CancellationToken::new(),
        }))
    }

    /// Tells whether a producer with this configuration and instance name finds here what it needs: name servers, and its own address.
    pub(super) fn suits(&self, config: &InstanceConfig, name: &str) -> bool {
        let ip = match config.client_ip {
            None if self.ip_was_found => self.ip,
            None => return false,
            Some(ip) => ip,
        };
        *self.client_id == client_id::compose(ip, name, config.unit_name.as_deref())
            && !self.groups.is_closed()
            && self.routes.knows_name_servers()
            && self.terms.difference(&config.terms()).is_none()
    }

    /// Tells whether its runtime still runs its tasks.
    pub(super) fn is_alive(&self) -> bool {
        // Both tasks run until the end is asked for; a runtime that ends drops them.
        self.tasks.count() > 0 || self.tasks.is_cancelled()
    }

    /// Takes leave for one producer. The last one takes all with it: tasks first, sockets at the end.
    ///
    /// # Cancel safety
    /// Dropped early, the place is given back all the same. Called again, it goes on where there is something left to do.
    pub(super) async fn leave(&self, group: &Arc<str>, seat: u64, deadline: Deadline) -> Unregistered {
        let mut leaving = Leaving { instance: self, group, seat, is_told: false };
        let begun = self.groups.begin_leave(group, seat);
        if begun.is_deserted {
            self.tasks.end().await;
        } else if !begun.was_seated {
            return Unregistered::default();
        }
        let left = self.heartbeats.unregister(group, deadline).await;
        leaving.is_told = true;
        drop(leaving);
        if self.ended.is_cancelled() {
            self.remoting.close();
            self.remoting.closed().await;
            info!(client_id = &*self.client_id, unregistered = left.told, "stopped");
        }
        left
    }

    /// Waits until the peers have closed their connections too, if all producers have left; not beyond `deadline`.
    pub(super) async fn closed_everywhere(&self, deadline: Deadline) {
        if self.ended.is_cancelled() {
            self.remoting.shutdown(deadline.remaining()).await;
        }
    }

    /// Gives a place back without waiting for anything.
    pub(super) fn free(&self, group: &Arc<str>, seat: u64, is_told: bool) {
        match self.groups.free(group, seat) {
            Freed::OneOfMany if !is_told => self.heartbeats.owe_farewell(group),
            Freed::OneOfMany | Freed::Nothing => {}
            Freed::TheLast => {
                self.tasks.cancel();
                // Somebody who has left may still hold a handle.
                self.remoting.close();
                if let Some(key) = &self.key {
                    Registry::of_process().forget(key, self);
                }
                self.ended.cancel();
            }
        }
    }
}

/// The place of a producer that is about to go; dropped, it is free.
struct Leaving<'a> {
    instance: &'a ClientInstance,
    group: &'a Arc<str>,
    seat: u64,
    /// Whether brokers were told, or are owed it.
    is_told: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.instance.free(self.group, self.seat, self.is_told);
    }
}

impl Drop for ClientInstance {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// However short the interval of heartbeats: a broker may take as long to answer one.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
