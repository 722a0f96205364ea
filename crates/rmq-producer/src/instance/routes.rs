//! Routes: the topics in use, where their queues are, and how that is kept fresh.
//!
//! At most one request per topic is on the wire, for any number of waiting sends; it belongs to a task of its own, so that nobody's
//! going away spoils it for the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::Deadline;
use rmq_route::{RouteDiff, RouteTable, TopicRoute, TopicRouteData};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use super::lifecycle::Tasks;
use super::name_server::NameServers;
use super::route_error::RouteError;
use super::ticks::Ticks;

pub(super) struct Routes {
    table: RouteTable,
    name_servers: NameServers,
    flights: Mutex<HashMap<Arc<str>, Landing>>,
    /// Told when brokers came or moved.
    brokers_changed: Notify,
    default_topic: DefaultTopic,
    request_timeout: Duration,
    tasks: Tasks,
}

/// What a topic that does not exist yet is made from.
pub(super) struct DefaultTopic {
    /// Java: `createTopicKey`, usually `TBW102`.
    pub(super) key: Arc<str>,
    pub(super) queue_nums: i32,
}

/// Where the result of a look-up arrives.
type Landing = watch::Receiver<Option<Looked>>;
type Looked = Result<Arc<TopicRoute>, RouteError>;

impl Routes {
    pub(super) fn new(
        name_servers: NameServers,
        default_topic: DefaultTopic,
        request_timeout: Duration,
        tasks: Tasks,
    ) -> Self {
        Self {
            table: RouteTable::new(),
            name_servers,
            flights: Mutex::default(),
            brokers_changed: Notify::new(),
            default_topic,
            request_timeout,
            tasks,
        }
    }

    /// Returns the route known, if it has queues to write to.
    pub(super) fn known(&self, topic: &str) -> Option<Arc<TopicRoute>> {
        self.table.get(topic).filter(|route| route.publish.is_ok())
    }

    /// Returns a number that grows with every change of what is known.
    pub(super) fn version(&self) -> u64 {
        self.table.version()
    }

    /// Asks for the topic's route, or waits for the answer that others wait for.
    ///
    /// # Cancel safety
    /// The look-up goes on for whoever asks next.
    pub(super) async fn find(self: &Arc<Self>, topic: &Arc<str>, deadline: Deadline) -> Looked {
        self.join(topic, deadline, |known| known.publish.is_ok()).await
    }

    /// Asks for the topic's route once more, unless it has changed since the one with this generation.
    pub(super) async fn renew(self: &Arc<Self>, topic: &Arc<str>, stale: u64, deadline: Deadline) -> Looked {
        self.join(topic, deadline, |known| known.generation > stale).await
    }

    pub(super) fn master_address(&self, broker_name: &str) -> Option<Arc<str>> {
        self.table.master_address(broker_name)
    }

    /// Returns any topic in use.
    pub(super) fn any_topic(&self) -> Option<Arc<str>> {
        self.table.topics().into_iter().min()
    }

    /// Returns name and address of every known master.
    pub(super) fn masters(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.table.master_addresses()
    }

    /// Waits until brokers came or moved since the last call.
    pub(super) async fn brokers_changed(&self) {
        self.brokers_changed.notified().await;
    }

    /// Asks for the routes of all topics in use, again and again.
    pub(super) async fn keep_fresh(self: Arc<Self>, mut ticks: Ticks) {
        loop {
            ticks.tick().await;
            self.refresh().await;
        }
    }

    async fn join(
        self: &Arc<Self>,
        topic: &Arc<str>,
        deadline: Deadline,
        is_enough: impl Fn(&TopicRoute) -> bool + Send,
    ) -> Looked {
        let (mut landing, flight) = {
            let mut flights = self.flights.lock();
            match flights.get(topic) {
                Some(landing) => (landing.clone(), None),
                None => {
                    // Looked for again under the lock: a flight that has just landed left its route and is gone from the flights.
                    if let Some(known) = self.table.get(topic).filter(|known| is_enough(known)) {
                        return Ok(known);
                    }
                    let (result, landing) = watch::channel(None);
                    flights.insert(Arc::clone(topic), landing.clone());
                    (landing, Some(Flight { routes: Arc::clone(self), topic: Arc::clone(topic), result }))
                }
            }
        };
        // Not under the lock: a runtime that is shutting down drops the task, and with it the flight, at once.
        if let Some(flight) = flight {
            self.tasks.spawn(flight.fly());
        }
        let landed = tokio::time::timeout_at(deadline.instant(), landing.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(looked)) => looked.clone().unwrap_or(Err(RouteError::Closed)),
            // The flight was cancelled, which happens only when the client ends.
            Ok(Err(_)) => Err(RouteError::Closed),
            Err(_) => Err(RouteError::DeadlineExpired { topic: Arc::clone(topic) }),
        }
    }

    async fn look_up(&self, topic: &Arc<str>) -> Looked {
        let deadline = Deadline::after(self.request_timeout);
        let failed = |source| RouteError::NameServers { topic: Arc::clone(topic), source: Arc::new(source) };
        if let Some(data) = self.name_servers.route(topic, deadline).await.map_err(failed)? {
            return self.take(topic, data);
        }
        if let Some(known) = self.table.get(topic) {
            // A topic that was deleted keeps its last route, as in Java.
            return if known.publish.is_ok() { Ok(known) } else { Err(no_writable_queue(topic)) };
        }
        let no_route =
            || RouteError::NoRoute { topic: Arc::clone(topic), default_topic: Arc::clone(&self.default_topic.key) };
        let default = self.name_servers.route(&self.default_topic.key, deadline).await.map_err(failed)?;
        let guess = default.ok_or_else(no_route)?.clamped_for_default_topic(self.default_topic.queue_nums);
        if guess.queue_datas.iter().all(|queues| !queues.perm.is_writable() || queues.write_queue_nums <= 0) {
            return Err(no_route());
        }
        info!(topic = &**topic, default_topic = &*self.default_topic.key, "topic is new, brokers will create it");
        self.take(topic, guess)
    }

    fn take(&self, topic: &Arc<str>, data: TopicRouteData) -> Looked {
        let diff = self.table.update(Arc::clone(topic), data);
        self.tell(topic, &diff);
        self.known(topic).ok_or_else(|| no_writable_queue(topic))
    }

    async fn refresh(&self) {
        let mut topics = self.table.topics();
        topics.sort();
        let mut fresh = Vec::new();
        for topic in topics {
            match self.name_servers.route(&topic, Deadline::after(self.request_timeout)).await {
                Ok(Some(data)) => fresh.push((topic, data)),
                Ok(None) => debug!(topic = &*topic, "no name server knows the topic any more; its last route stays"),
                Err(error) if error.is_unreachable() => {
                    warn!(%error, "routes could not be refreshed; the last ones stay");
                    break;
                }
                Err(error) => warn!(topic = &*topic, %error, "route could not be refreshed; the last one stays"),
            }
            if fresh.len() >= AT_ONCE {
                self.take_all(std::mem::take(&mut fresh));
            }
        }
        self.take_all(fresh);
        for broker in self.table.forget_lost_brokers() {
            info!(broker = &*broker, "broker is in no route any more");
        }
    }

    fn take_all(&self, fresh: Vec<(Arc<str>, TopicRouteData)>) {
        for (topic, diff) in self.table.update_all(fresh) {
            self.tell(&topic, &diff);
        }
    }

    fn tell(&self, topic: &str, diff: &RouteDiff) {
        if diff.is_empty() {
            return;
        }
        let route = self.table.get(topic);
        let queues = route.as_ref().map_or(0, |route| route.publish.queues().len());
        info!(topic, queues, first = diff.is_first, "route changed");
        for defect in route.iter().flat_map(|route| route.publish.defects()) {
            warn!(topic, %defect, "the route has a defect");
        }
        if !diff.brokers.is_empty() {
            self.brokers_changed.notify_one();
        }
    }
}

/// A look-up on its way. When it ends, however it ends, the topic may be asked for again.
struct Flight {
    routes: Arc<Routes>,
    topic: Arc<str>,
    result: watch::Sender<Option<Looked>>,
}

impl Flight {
    async fn fly(self) {
        let looked = self.routes.look_up(&self.topic).await;
        if let Err(error) = &looked {
            debug!(topic = &*self.topic, %error, "route look-up failed");
        }
        self.result.send_replace(Some(looked));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.routes.flights.lock().remove(&self.topic);
    }
}

fn no_writable_queue(topic: &Arc<str>) -> RouteError {
    RouteError::NoWritableQueue { topic: Arc::clone(topic) }
}

/// Routes taken over in one step during a refresh: each step copies the table.
const AT_ONCE: usize = 256;
