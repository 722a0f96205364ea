//! Routes: the topics in use, where their queues are, and how that is kept fresh.
//!
//! At most one request per topic is on the wire, for any number of waiting sends; it belongs to a task of its own, so that nobody's
//! going away spoils it for the others. A topic that is missing is remembered for a moment; one that nobody has used for long is forgotten.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{Deadline, Endpoint, InvalidEndpoint, RemotingClient};
use rmq_route::{RouteDiff, RouteTable, TopicRoute, TopicRouteData};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::name_server::{NameServers, NameServersError};
use super::refresh_gate::RefreshGate;
use super::route_error::RouteError;
use super::tasks::Tasks;
use super::ticks::Ticks;
use super::watched_topics::{Watch, WatchedTopics};
use crate::vip;

pub(super) struct Routes {
    table: RouteTable,
    name_servers: Arc<NameServers>,
    flights: Mutex<HashMap<Arc<str>, Landing>>,
    /// Told when brokers came or moved.
    brokers_changed: Notify,
    /// Topics that were not there, or had no queue, a moment ago.
    missing: RefreshGate,
    /// Topics whose route was found to be out of date a moment ago.
    stale: RefreshGate,
    /// Topics that are asked for more often for a while.
    watched: WatchedTopics,
    /// Since when topics have not been used, as far as refreshes saw.
    unused: Mutex<HashMap<Arc<str>, Instant>>,
    /// Masters that a route named when brokers were looked through last.
    masters: Mutex<BTreeSet<Arc<str>>>,
    settings: RouteSettings,
    remoting: RemotingClient,
    tasks: Tasks,
}

/// What the routes of an instance are told.
pub(super) struct RouteSettings {
    pub(super) default_topic: DefaultTopic,
    pub(super) request_timeout: Duration,
    /// How long a topic that is missing is not asked for again.
    pub(super) missing_topic_memory: Duration,
    /// How long a topic's route is kept fresh although nobody needs it.
    pub(super) unused_topic_timeout: Duration,
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
        name_servers: Arc<NameServers>,
        settings: RouteSettings,
        remoting: RemotingClient,
        tasks: Tasks,
    ) -> Self {
        Self {
            table: RouteTable::new(),
            name_servers,
            flights: Mutex::default(),
            brokers_changed: Notify::new(),
            missing: RefreshGate::new(settings.missing_topic_memory),
            stale: RefreshGate::new(STALE_PAUSE),
            watched: WatchedTopics::default(),
            unused: Mutex::default(),
            masters: Mutex::default(),
            settings,
            remoting,
            tasks,
        }
    }

    /// Tells whether there is any name server to ask.
    pub(super) fn knows_name_servers(&self) -> bool {
        self.name_servers.is_any_known()
    }

    /// Finds out whether any name server answers.
    pub(super) async fn check(&self, topic: &str, deadline: Deadline) -> Result<(), NameServersError> {
        self.name_servers.check(topic, deadline).await
    }

    /// Returns the route known, if it has queues to write to.
    pub(super) fn known(&self, topic: &str) -> Option<Arc<TopicRoute>> {
        let route = self.table.get(topic).filter(|route| route.publish.is_ok())?;
        route.mark_used();
        Some(route)
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
        if self.missing.has_passed(topic) {
            return Err(match self.table.get(topic) {
                Some(_) => no_writable_queue(topic),
                None => self.no_route(topic),
            });
        }
        self.join(topic, deadline, |known| known.publish.is_ok()).await
    }

    /// Asks for the topic's route once more, unless it has changed since the one with this generation.
    pub(super) async fn renew(self: &Arc<Self>, topic: &Arc<str>, stale: u64, deadline: Deadline) -> Looked {
        self.join(topic, deadline, |known| known.generation > stale).await
    }

    /// Asks for a route that a broker's answer shows to be out of date, and waits for what is newer; not again within a moment.
    pub(super) async fn renew_stale(self: &Arc<Self>, topic: &Arc<str>, stale: u64, deadline: Deadline) {
        if self.table.get(topic).is_some_and(|known| known.generation > stale) {
            return;
        }
        let in_flight = self.flights.lock().contains_key(topic);
        if in_flight || self.stale.passes(topic) {
            // What it says is in the table; if it says nothing, the old route stays.
            drop(self.renew(topic, stale, deadline).await);
        }
    }

    /// Has a topic's route asked for soon, and for a while again and again, because one of its brokers could not be reached.
    pub(super) fn suspect(&self, topic: &str) {
        self.watched.watch(topic, UNREACHED_BROKER);
    }

    /// Returns the address of a broker's master to which messages go, if a route names one.
    ///
    /// # Errors
    /// What it names is no address.
    pub(super) fn master(&self, broker_name: &str, vip_channel: bool) -> Result<Option<Endpoint>, InvalidEndpoint> {
        let address = self.table.master_address(broker_name);
        address.map(|address| Ok(vip::for_sends(Endpoint::parse(&address)?, vip_channel))).transpose()
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

    /// Asks for the routes of all topics in use, again and again; sooner for those that have lost a broker, which may be back in a moment.
    pub(super) async fn keep_fresh(self: Arc<Self>, mut ticks: Ticks) {
        loop {
            tokio::select! {
                biased;
                () = ticks.tick() => {
                    if let Err(error) = self.refresh(self.topics_to_refresh()).await {
                        warn!(%error, "routes could not be refreshed; the last ones stay");
                    }
                }
                topics = self.watched.due(self.remoting.random()) => {
                    topics.iter().for_each(|topic| self.stale.note(topic));
                    if let Err(error) = self.refresh(topics).await {
                        debug!(%error, "routes of lost brokers could not be refreshed; the last ones stay");
                    }
                }
            }
        }
    }

    async fn join(
        self: &Arc<Self>,
        topic: &Arc<str>,
        deadline: Deadline,
        is_enough: impl Fn(&TopicRoute) -> bool,
    ) -> Looked {
        let mut landing = match self.board(topic, is_enough) {
            Ok(landing) => landing,
            Err(known) => return Ok(known),
        };
        let landed = tokio::time::timeout_at(deadline.instant(), landing.wait_for(Option::is_some)).await;
        match landed {
            Ok(Ok(looked)) => looked.clone().unwrap_or(Err(RouteError::Closed)),
            // The flight was cancelled, which happens only when the client ends.
            Ok(Err(_)) => Err(RouteError::Closed),
            Err(_) => Err(RouteError::DeadlineExpired { topic: Arc::clone(topic) }),
        }
    }

    /// Returns where the look-up of a topic lands, the one on its way or a new one; or else the route that is enough.
    fn board(
        self: &Arc<Self>,
        topic: &Arc<str>,
        is_enough: impl Fn(&TopicRoute) -> bool,
    ) -> Result<Landing, Arc<TopicRoute>> {
        let (landing, flight) = {
            let mut flights = self.flights.lock();
            match flights.get(topic) {
                Some(landing) => (landing.clone(), None),
                None => {
                    // Looked for again under the lock: a flight that has just landed left its route and is gone from the flights.
                    if let Some(known) = self.table.get(topic).filter(|known| is_enough(known)) {
                        return Err(known);
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
        Ok(landing)
    }

    async fn look_up(&self, topic: &Arc<str>) -> Looked {
        let deadline = Deadline::after(self.settings.request_timeout);
        let failed = |source| RouteError::NameServers { topic: Arc::clone(topic), source: Arc::new(source) };
        if let Some(data) = self.name_servers.route(topic, deadline).await.map_err(failed)? {
            return self.take(topic, data);
        }
        if let Some(known) = self.table.get(topic) {
            // A topic that was deleted keeps its last route, as in Java.
            return if known.publish.is_ok() { Ok(known) } else { Err(no_writable_queue(topic)) };
        }
        let model = &self.settings.default_topic;
        let default = self.name_servers.route(&model.key, deadline).await.map_err(failed)?;
        let guess = default.ok_or_else(|| self.no_route(topic))?.clamped_for_default_topic(model.queue_nums);
        if guess.queue_datas.iter().all(|queues| !queues.perm.is_writable() || queues.write_queue_nums <= 0) {
            return Err(self.no_route(topic));
        }
        info!(topic = &**topic, default_topic = &*model.key, "topic is new, brokers will create it");
        self.take(topic, guess)
    }

    fn take(&self, topic: &Arc<str>, data: TopicRouteData) -> Looked {
        let diff = self.table.update(Arc::clone(topic), data);
        self.tell(topic, &diff);
        if diff.moved_brokers().chain(diff.removed_brokers()).next().is_some() {
            self.let_go_of_lost_brokers();
        }
        self.known(topic).ok_or_else(|| no_writable_queue(topic))
    }

    /// Asks for routes, one after the other, until no name server can be reached.
    async fn refresh(&self, topics: Vec<Arc<str>>) -> Result<(), NameServersError> {
        let mut fresh = Vec::new();
        let mut outcome = Ok(());
        for topic in topics {
            match self.name_servers.route(&topic, Deadline::after(self.settings.request_timeout)).await {
                Ok(_) if self.is_unused_for_long(&topic) => self.forget(&topic),
                Ok(Some(data)) => fresh.push((topic, data)),
                Ok(None) => debug!(topic = &*topic, "no name server knows the topic any more; its last route stays"),
                Err(error) if error.is_unreachable() => {
                    outcome = Err(error);
                    break;
                }
                Err(error) => warn!(topic = &*topic, %error, "route could not be refreshed; the last one stays"),
            }
            if fresh.len() >= AT_ONCE {
                self.take_all(std::mem::take(&mut fresh));
            }
        }
        self.take_all(fresh);
        self.let_go_of_lost_brokers();
        outcome
    }

    /// All topics with a route. Notes which of them nobody has used since the last refresh.
    fn topics_to_refresh(&self) -> Vec<Arc<str>> {
        let now = Instant::now();
        let routes = self.table.snapshot();
        let mut unused = self.unused.lock();
        for route in routes.routes() {
            if route.take_used() {
                unused.remove(&route.topic);
            } else {
                unused.entry(Arc::clone(&route.topic)).or_insert(now);
            }
        }
        let mut topics: Vec<_> = routes.routes().map(|route| Arc::clone(&route.topic)).collect();
        topics.sort();
        topics
    }

    fn is_unused_for_long(&self, topic: &str) -> bool {
        self.unused.lock().get(topic).is_some_and(|since| since.elapsed() >= self.settings.unused_topic_timeout)
    }

    /// Only after a name server has answered: while none does, every route that is known is worth keeping.
    fn forget(&self, topic: &str) {
        info!(topic, "topic has not been used for long: its route is not kept any more");
        self.unused.lock().remove(topic);
        self.table.forget(topic);
    }

    /// Forgets brokers that are in no route any more, and gives up the connections to addresses that nobody names. Calls on them finish.
    fn let_go_of_lost_brokers(&self) {
        for broker in self.table.forget_lost_brokers() {
            info!(broker = &*broker, "broker is in no route any more");
        }
        let now: BTreeSet<Arc<str>> = self.masters().into_iter().map(|(_, address)| address).collect();
        let before = std::mem::replace(&mut *self.masters.lock(), now.clone());
        for address in before.difference(&now) {
            let Ok(endpoint) = Endpoint::parse(address) else { continue };
            debug!(addr = %endpoint, "no route names the address any more");
            self.remoting.retire(&vip::for_sends(endpoint.clone(), true));
            self.remoting.retire(&endpoint);
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
        if diff.added_brokers().next().is_some() {
            self.watched.forget(topic);
        } else if diff.removed_brokers().next().is_some() {
            self.watched.watch(topic, LOST_BROKER);
        }
        if !diff.brokers.is_empty() {
            self.masters.lock().extend(self.masters().into_iter().map(|(_, address)| address));
            self.brokers_changed.notify_one();
        }
    }

    fn no_route(&self, topic: &Arc<str>) -> RouteError {
        let default_topic = Arc::clone(&self.settings.default_topic.key);
        RouteError::NoRoute { topic: Arc::clone(topic), default_topic }
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
        match &looked {
            Ok(_) => self.routes.missing.forget(&self.topic),
            Err(RouteError::NoRoute { .. } | RouteError::NoWritableQueue { .. }) => {
                self.routes.missing.note(&self.topic)
            }
            Err(_) => {}
        }
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
/// The least time between two look-ups of a topic because its route was found to be out of date.
const STALE_PAUSE: Duration = Duration::from_secs(1);

/// A topic whose route has lost a broker, which may be back in a moment.
const LOST_BROKER: Watch = Watch { at_once: false, every: Duration::from_secs(2), during: Duration::from_secs(60) };
/// A topic with a broker that sends do not reach: it may have moved, or another one is about to stand in for it.
const UNREACHED_BROKER: Watch =
    Watch { at_once: true, every: Duration::from_millis(900), during: Duration::from_secs(3) };
