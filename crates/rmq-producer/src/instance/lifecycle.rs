//! How an instance starts and stops, and who owns its tasks.
//!
//! Start: name servers checked, address and id found, then tasks. Stop: tasks first, so that no heartbeat follows the leave-taking; then leave is
//! taken, then the sockets close.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Deadline, RemotingClient};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::heartbeat::Heartbeats;
use super::name_server::{NameServers, NameServersError};
use super::routes::{DefaultTopic, RouteSettings, Routes};
use super::ticks::Ticks;
use super::{ClientInstance, InstanceConfig, client_id};
use crate::discovery::DiscoveryError;

/// Why an instance did not start.
pub(crate) enum StartFailure {
    Discovery(DiscoveryError),
    NameServers(NameServersError),
    NoRuntime,
}

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Sends that had begun and were not over when the grace was; each of them ends with an error of its own.
    pub unfinished: usize,
    /// Brokers that were told of the leave, and said that they heard it.
    pub unregistered: usize,
    /// Brokers that were connected and could not be told in time. They notice by themselves.
    pub not_unregistered: usize,
    /// How long it took.
    pub took: Duration,
}

impl ShutdownReport {
    /// Tells whether every send was over in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unfinished == 0
    }
}

impl ClientInstance {
    /// Starts an instance, or leaves nothing behind.
    ///
    /// # Cancel safety
    /// Dropped early, it leaves nothing behind.
    pub(crate) async fn start(config: InstanceConfig, remoting: RemotingClient) -> Result<Self, StartFailure> {
        let Ok(runtime) = Handle::try_current() else { return Err(StartFailure::NoRuntime) };
        let name_servers = NameServers::new(config.name_servers.clone(), remoting.clone(), config.header_encoding);
        match name_servers.find(config.api_timeout).await {
            Ok(()) => {}
            Err(error) if config.check_name_servers => {
                remoting.shutdown(Duration::ZERO).await;
                return Err(StartFailure::Discovery(error));
            }
            Err(error) => warn!(error = super::chain(&error), "no name servers were found yet"),
        }
        if config.check_name_servers {
            if let Err(error) = name_servers.check(&config.create_topic_key, Deadline::after(config.api_timeout)).await
            {
                remoting.shutdown(Duration::ZERO).await;
                return Err(StartFailure::NameServers(error));
            }
        }
        let ip = match config.client_ip {
            Some(ip) => ip,
            None => client_id::local_ip(&name_servers.list(), config.resolve_hosts).await,
        };
        let instance_name = config.instance_name.unwrap_or_else(|| client_id::unique_instance_name(&remoting));
        let client_id: Arc<str> = client_id::compose(ip, &instance_name, config.unit_name.as_deref()).into();

        let tasks = Tasks::new(runtime);
        let default_topic = DefaultTopic { key: config.create_topic_key, queue_nums: config.default_topic_queue_nums };
        let name_servers = Arc::new(name_servers);
        let settings = RouteSettings {
            default_topic,
            request_timeout: config.api_timeout,
            missing_topic_memory: config.missing_topic_memory,
            unused_topic_timeout: config.unused_topic_timeout,
        };
        let routes = Arc::new(Routes::new(Arc::clone(&name_servers), settings, remoting.clone(), tasks.clone()));
        let heartbeats = Arc::new(Heartbeats::new(
            Arc::clone(&client_id),
            Arc::clone(&config.producer_group),
            remoting.clone(),
            Arc::clone(&routes),
            config.header_encoding,
            config.api_timeout,
        ));
        let ticks = |period| Ticks::every(period, Arc::clone(remoting.random()));
        if !name_servers.is_found_for_good() {
            tasks.spawn(name_servers.keep_found(config.api_timeout));
        }
        tasks.spawn(Arc::clone(&routes).keep_fresh(ticks(config.route_refresh_interval)));
        tasks.spawn(Arc::clone(&heartbeats).keep_beating(ticks(config.heartbeat_interval)));
        info!(client_id = &*client_id, group = &*config.producer_group, "started");
        let vip_channel = config.vip_channel;
        Ok(Self { client_id, ip, remoting, routes, heartbeats, tasks, vip_channel })
    }

    /// Stops the tasks, takes leave of the brokers until `deadline`, closes the sockets. May be called again.
    pub(crate) async fn stop(&self, deadline: Deadline) -> (usize, usize) {
        self.tasks.end().await;
        let left = self.heartbeats.unregister(deadline).await;
        self.remoting.shutdown(Duration::ZERO).await;
        // Each of them ends with an error of its own, now that it can go nowhere.
        self.tasks.sends.close();
        self.tasks.sends.wait().await;
        info!(client_id = &*self.client_id, unregistered = left.told, "stopped");
        (left.told, left.not_told)
    }
}

impl Drop for ClientInstance {
    fn drop(&mut self) {
        self.tasks.cancel.cancel();
    }
}

/// The tasks of an instance. Each ends at its next await once they are cancelled; sends end by themselves once the sockets are closed.
#[derive(Clone)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    sends: TaskTracker,
    cancel: CancellationToken,
    runtime: Handle,
}

impl Tasks {
    fn new(runtime: Handle) -> Self {
        Self { tracker: TaskTracker::new(), sends: TaskTracker::new(), cancel: CancellationToken::new(), runtime }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts a task that has to come to its own end, from any thread.
    pub(super) fn spawn_send(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.sends.spawn_on(task, &self.runtime);
    }

    /// How many of those there are.
    pub(super) fn sends(&self) -> usize {
        self.sends.len()
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Sleeps, but not beyond the end of the tasks.
    pub(super) async fn sleep(&self, pause: Duration) {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = task => {}
            }
        });
    }

    pub(super) fn count(&self) -> usize {
        self.tracker.len() + self.sends.len()
    }

    async fn end(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
