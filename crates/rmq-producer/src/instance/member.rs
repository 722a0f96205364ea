//! Member: a producer's place in an instance.
//!
//! All that a producer asks of its instance goes through its place, so that its end can be told from those of its siblings: it ends its own
//! tasks and calls, and whatever all share goes on until the last one leaves.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmq_remoting::{
    ConnectionEvent, Deadline, Endpoint, InvalidEndpoint, Line, Party, PendingAnswer, PendingWrite, Random,
    RemotingClient, RemotingClientBuilder, RemotingError, RequestFrame,
};
use rmq_route::TopicRoute;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tracing::{info, warn};

use super::groups::Admission;
use super::heartbeat::Unregistered;
use super::lifecycle::{Outset, StartFailure};
use super::registry::{Key, Registry};
use super::requests::{ServedProducer, ServerRequestMetrics};
use super::route_error::RouteError;
use super::tasks::Tasks;
use super::{Brokers, ClientInstance, InstanceConfig, NameServerList, client_id};

/// What one producer wants of its place.
pub(crate) struct MemberConfig {
    /// In its namespace.
    pub(crate) group: Arc<str>,
    /// Answers what brokers ask this producer.
    pub(crate) producer: Arc<dyn ServedProducer>,
    pub(crate) check_name_servers: bool,
    /// Topics to be made ready, in their namespace.
    pub(crate) warm_up: Vec<Arc<str>>,
    /// Whether its sends go to the brokers' second port.
    pub(crate) vip_channel: bool,
}

/// A producer's place in an instance, by group. Dropped, it is given back without waiting for anything.
pub(crate) struct Member {
    instance: Arc<ClientInstance>,
    group: Arc<str>,
    seat: u64,
    /// Its own tasks and sends.
    tasks: Tasks,
    vip_channel: bool,
    /// Ends its calls, where the connections are not its own to close.
    party: Option<Party>,
    has_left: AtomicBool,
}

impl Member {
    /// Gets a place in the instance of this client id, or in a new one, and makes sure that it is of use.
    ///
    /// # Cancel safety
    /// Dropped early, it leaves nothing behind.
    pub(crate) async fn join(
        config: InstanceConfig,
        wishes: MemberConfig,
        transport: RemotingClientBuilder,
    ) -> Result<Self, StartFailure> {
        let Ok(runtime) = Handle::try_current() else { return Err(StartFailure::NoRuntime) };
        let shared_name = client_id::shared_name(config.instance_name.as_deref());
        let running = shared_name
            .and_then(|name| Registry::of_process().find(runtime.id(), |instance| instance.suits(&config, name)));
        let (ip, asked) = match running {
            // Its name servers are known there.
            Some(instance) => (instance.ip, None),
            None => {
                let found = Self::find_name_servers(&config, &wishes).await?;
                let ip = match config.client_ip {
                    Some(ip) => ip,
                    None => {
                        let servers = found.as_ref().map_or(&[][..], NameServerList::endpoints);
                        client_id::local_ip(servers, config.resolve_hosts).await
                    }
                };
                (ip, Some(found))
            }
        };
        let member = match shared_name {
            None => {
                let outset = Outset { found: asked.flatten(), transport };
                let name = client_id::unique_instance_name(&*config.clock);
                let client_id: Arc<str> = client_id::compose(ip, &name, config.unit_name.as_deref()).into();
                let opened = ClientInstance::open(client_id, ip, &config, outset, &runtime, false);
                let instance = opened.map_err(StartFailure::Transport)?;
                match instance.groups.admit(&wishes.group, Arc::clone(&wishes.producer)) {
                    Admission::Seated(seat) => Self::seated(instance, &wishes, seat, runtime),
                    _ => return Err(StartFailure::GroupTaken { client_id: Arc::clone(&instance.client_id) }),
                }
            }
            Some(name) => {
                let client_id: Arc<str> = client_id::compose(ip, name, config.unit_name.as_deref()).into();
                Self::share(client_id, ip, &config, &wishes, asked, transport, runtime).await?
            }
        };
        info!(client_id = &*member.instance.client_id, group = &*wishes.group, "producer joined");
        match member.make_useful(&config, &wishes).await {
            Ok(()) => Ok(member),
            Err(failure) => {
                member.leave(Deadline::after(config.api_timeout.min(FAILED_START_LEAVES_WITHIN))).await;
                Err(failure)
            }
        }
    }

    /// Asks where the name servers are. `None`: the start goes on without.
    async fn find_name_servers(
        config: &InstanceConfig,
        wishes: &MemberConfig,
    ) -> Result<Option<NameServerList>, StartFailure> {
        match config.name_servers.find(config.api_timeout).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if wishes.check_name_servers => Err(StartFailure::Discovery(error)),
            Err(error) => {
                warn!(error = super::chain(&error), "no name servers were found yet");
                Ok(None)
            }
        }
    }

    /// Gets a place in an instance that others may be in; waits while those of the same client id, or group, are about to end. If nobody
    /// has `asked` for the name servers, that is done once there is nobody left to know them.
    async fn share(
        client_id: Arc<str>,
        ip: IpAddr,
        config: &InstanceConfig,
        wishes: &MemberConfig,
        mut asked: Option<Option<NameServerList>>,
        transport: RemotingClientBuilder,
        runtime: Handle,
    ) -> Result<Self, StartFailure> {
        let key = Key { client_id: Arc::clone(&client_id), runtime: runtime.id() };
        let (terms, deadline) = (config.terms(), Deadline::after(config.api_timeout));
        let mut transport = Some(transport);
        loop {
            let open = || {
                let Some(found) = asked.clone() else { return Err(NotOpened::NotAsked) };
                // Used up by an instance of our own that went before anybody could join it: there is nothing left to open another.
                let transport = transport.take().ok_or_else(|| {
                    NotOpened::Failed(StartFailure::StillEnding { client_id: Arc::clone(&client_id) })
                })?;
                ClientInstance::open(Arc::clone(&client_id), ip, config, Outset { found, transport }, &runtime, true)
                    .map_err(|error| NotOpened::Failed(StartFailure::Transport(error)))
            };
            let join = |instance: &Arc<ClientInstance>| match instance.terms.difference(&terms) {
                None => Ok(instance.groups.admit(&wishes.group, Arc::clone(&wishes.producer))),
                Some(option) => Err(option),
            };
            let (instance, joined) = match Registry::of_process().find_or_open(&key, open, join) {
                Ok(found) => found,
                Err(NotOpened::Failed(failure)) => return Err(failure),
                Err(NotOpened::NotAsked) => {
                    asked = Some(Self::find_name_servers(config, wishes).await?);
                    continue;
                }
            };
            let free = match joined {
                Ok(Admission::Seated(seat)) => return Ok(Self::seated(instance, wishes, seat, runtime)),
                Ok(Admission::Taken) => return Err(StartFailure::GroupTaken { client_id }),
                Ok(Admission::NotYet(free)) => free,
                // One that ends is no longer in anybody's way, whatever its terms.
                Ok(Admission::Closed) => instance.ended.clone(),
                Err(_) if instance.groups.is_closed() => instance.ended.clone(),
                Err(option) => return Err(StartFailure::OtherTerms { client_id, option }),
            };
            drop(instance);
            if tokio::time::timeout_at(deadline.instant(), free.cancelled()).await.is_err() {
                return Err(StartFailure::StillEnding { client_id });
            }
        }
    }

    fn seated(instance: Arc<ClientInstance>, wishes: &MemberConfig, seat: u64, runtime: Handle) -> Self {
        let party = instance.key.as_ref().map(|_| instance.remoting.party());
        Self {
            instance,
            group: Arc::clone(&wishes.group),
            seat,
            tasks: Tasks::new(runtime),
            vip_channel: wishes.vip_channel,
            party,
            has_left: AtomicBool::new(false),
        }
    }

    async fn make_useful(&self, config: &InstanceConfig, wishes: &MemberConfig) -> Result<(), StartFailure> {
        if wishes.check_name_servers {
            let checked =
                self.instance.routes.check(&config.create_topic_key, Deadline::after(config.api_timeout)).await;
            checked.map_err(StartFailure::NameServers)?;
        }
        self.instance.warm_up(&wishes.warm_up, wishes.vip_channel, config.api_timeout).await
    }

    pub(crate) fn client_id(&self) -> &Arc<str> {
        &self.instance.client_id
    }

    /// The address under which this client is known.
    pub(crate) fn ip(&self) -> IpAddr {
        self.instance.ip
    }

    pub(crate) fn remoting(&self) -> &RemotingClient {
        &self.instance.remoting
    }

    pub(crate) fn random(&self) -> &Arc<Random> {
        self.instance.remoting.random()
    }

    /// Returns a route that has queues to write to: from memory, or else from the name servers.
    pub(crate) async fn publish_info(
        &self,
        topic: &Arc<str>,
        deadline: Deadline,
    ) -> Result<Arc<TopicRoute>, RouteError> {
        let routes = &self.instance.routes;
        match routes.known(topic) {
            Some(route) => Ok(route),
            // The look-up goes on for its siblings when this producer ends.
            None => self.tasks.unless_cancelled(routes.find(topic, deadline)).await.unwrap_or(Err(RouteError::Closed)),
        }
    }

    /// Returns a number that grows with every change of the routes and addresses known.
    pub(crate) fn routes_version(&self) -> u64 {
        self.instance.routes.version()
    }

    /// Returns a route that has queues to write to, if one is known.
    pub(crate) fn known_route(&self, topic: &str) -> Option<Arc<TopicRoute>> {
        self.instance.routes.known(topic)
    }

    /// Returns the address of a broker's master to which messages go, if a usable one is known.
    pub(crate) fn known_master(&self, broker_name: &str) -> Option<Endpoint> {
        self.instance.routes.master(broker_name, self.vip_channel).ok().flatten()
    }

    /// Returns the address of a broker's master to which messages go. If no route names one, the topic's route is asked for once more.
    pub(crate) async fn master(
        &self,
        broker_name: &str,
        route: &TopicRoute,
        deadline: Deadline,
    ) -> Result<Option<Endpoint>, InvalidEndpoint> {
        let routes = &self.instance.routes;
        if let Some(address) = routes.master(broker_name, self.vip_channel)? {
            return Ok(Some(address));
        }
        // Whatever the look-up says, it is the address that counts.
        drop(self.tasks.unless_cancelled(routes.renew(&route.topic, route.generation, deadline)).await);
        routes.master(broker_name, self.vip_channel)
    }

    /// Asks for a topic's route anew, since a broker's answer shows that this one is out of date, and waits until it is known. At most once a
    /// second for each topic.
    pub(crate) async fn renew_stale(&self, route: &TopicRoute, deadline: Deadline) {
        let renewed = self.instance.routes.renew_stale(&route.topic, route.generation, deadline);
        let _ended = self.tasks.unless_cancelled(renewed).await;
    }

    /// Asks for a topic's route anew, since one of its brokers could not be reached; nobody waits for it.
    pub(crate) fn suspect_route(&self, route: &TopicRoute) {
        self.instance.routes.suspect(&route.topic);
    }

    /// Returns the way to `to`: what goes by it ends early when this producer does.
    pub(crate) fn line(&self, to: &Endpoint) -> Line {
        match &self.party {
            None => self.remoting().line(to),
            Some(party) => party.line(to),
        }
    }

    /// Puts a request on the wire; it and its answer end early when this producer does.
    pub(crate) async fn submit(
        &self,
        to: &Endpoint,
        request: &dyn RequestFrame,
        deadline: Deadline,
    ) -> Result<PendingAnswer, RemotingError> {
        self.line(to).submit(request, deadline).await
    }

    /// Puts a request that has no answer on the wire; it ends early when this producer does.
    pub(crate) async fn submit_oneway(
        &self,
        to: &Endpoint,
        request: &dyn RequestFrame,
        deadline: Deadline,
    ) -> Result<PendingWrite, RemotingError> {
        self.line(to).submit_oneway(request, deadline).await
    }

    /// Starts a send that nobody waits for, from any thread; it ends by itself once this producer has.
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

    /// Sleeps, but not beyond the end of the producer.
    pub(crate) async fn sleep(&self, pause: Duration) {
        self.tasks.sleep(pause).await;
    }

    /// Returns what tasks of the producer need to reach brokers.
    pub(crate) fn brokers(&self) -> Brokers {
        Brokers {
            remoting: self.instance.remoting.clone(),
            routes: Arc::clone(&self.instance.routes),
            tasks: self.tasks.clone(),
            vip_channel: self.vip_channel,
        }
    }

    /// Returns how many tasks run for this producer: its own and, until it has left, those that all share.
    pub(crate) fn tasks(&self) -> usize {
        let shared = || self.instance.tasks.count() + self.instance.remoting.tasks();
        self.tasks.count() + if self.has_left.load(Ordering::Acquire) { 0 } else { shared() }
    }

    /// Subscribes to connections that come and go.
    pub(crate) fn events(&self) -> broadcast::Receiver<ConnectionEvent> {
        self.instance.remoting.events()
    }

    /// Returns what brokers have asked.
    pub(crate) fn server_requests(&self) -> ServerRequestMetrics {
        self.instance.request_counters.snapshot(&self.instance.remoting.stats())
    }

    /// Returns how often a hook on the wire panicked.
    pub(crate) fn hook_panics(&self) -> u64 {
        self.instance.hook_panics.load(Ordering::Relaxed)
    }

    /// Ends its tasks but sends and gives the place back, without waiting.
    pub(crate) fn desert(&self) {
        self.tasks.cancel();
        self.instance.free(&self.group, self.seat, false);
        self.has_left.store(true, Ordering::Release);
    }

    /// Ends its calls: each fails with what is known of it.
    pub(crate) async fn cut_off(&self) {
        match &self.party {
            Some(party) => party.end(),
            None => {
                self.remoting().close();
                self.remoting().closed().await;
            }
        }
    }

    /// Lets whoever wants to start with the same group and client id wait for this one's end.
    pub(crate) fn begin_end(&self) {
        self.instance.groups.begin_end(&self.group, self.seat);
    }

    /// Ends its tasks, takes leave of the brokers until `deadline`, cuts off what it still sends. The last one of the instance closes the
    /// sockets. May be called again.
    pub(crate) async fn leave(&self, deadline: Deadline) -> (usize, usize) {
        self.tasks.end().await;
        let Unregistered { told, not_told } = self.instance.leave(&self.group, self.seat, deadline).await;
        self.has_left.store(true, Ordering::Release);
        if let Some(party) = &self.party {
            party.end();
        }
        // Each of them ends with an error of its own, now that it can go nowhere.
        self.tasks.sends_over().await;
        (told, not_told)
    }

    /// Waits, once it has left, until brokers have closed their connections too: they have read everything then. Nobody waits for those
    /// that go on with its siblings, nor after `deadline`.
    pub(crate) async fn closed_everywhere(&self, deadline: Deadline) {
        self.instance.closed_everywhere(deadline).await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.desert();
    }
}

/// Why there is no new instance.
enum NotOpened {
    /// The one to be joined has gone, and with it what it knew of the name servers.
    NotAsked,
    Failed(StartFailure),
}

/// What a start that failed may take to undo what it did.
const FAILED_START_LEAVES_WITHIN: Duration = Duration::from_secs(1);
