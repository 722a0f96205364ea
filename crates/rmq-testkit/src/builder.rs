//! Options of a cluster, checked once, when it starts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{HeaderEncoding, SystemClock, WallClock as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[cfg(feature = "acl")]
use crate::access_control::{Account, Guard};
use crate::broker::{
    Broker, BrokerCore, ClientTable, ConsumerOffsets, Presence, QueueLocks, Schedule, Settings, TopicConfig,
    TopicTable, deliver_delayed, keep_house,
};
use crate::clock::ClusterClock;
use crate::cluster::TestCluster;
use crate::dialect::Dialect;
use crate::error::StartError;
use crate::name_server::{NameServer, NameServerCore, Topology};
use crate::network::{ClusterConnector, Dialing, Door, Lines, MemoryNetwork, Place};
use crate::random::Random;
use crate::server::{Habits, Server};
use crate::store::{Arrivals, Store};
use crate::voice::Voice;

/// Options of a [`TestCluster`]; [`start`](Self::start) makes it.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestClusterBuilder {
    dialect: Dialect,
    brokers: usize,
    name_servers: usize,
    cluster_name: String,
    topics: Vec<(String, i32)>,
    in_memory: bool,
    port: u16,
    broker_port: u16,
    listen_on: IpAddr,
    advertise: Option<IpAddr>,
    own_encoding: HeaderEncoding,
    settings: Settings,
    keep_requests: usize,
    store_limit_bytes: Option<usize>,
    client_expiry: Duration,
    route_outlives_kill: Duration,
    epoch_millis: Option<i64>,
    seed: u64,
    #[cfg(feature = "acl")]
    guard: Guard,
    #[cfg(feature = "tls")]
    tls: Option<rmq_remoting::TlsServerConfig>,
}

impl Default for TestClusterBuilder {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            brokers: 1,
            name_servers: 1,
            cluster_name: "DefaultCluster".into(),
            topics: Vec::new(),
            in_memory: false,
            port: 0,
            broker_port: 0,
            listen_on: Ipv4Addr::LOCALHOST.into(),
            advertise: None,
            own_encoding: HeaderEncoding::Json,
            settings: Settings {
                auto_create_topics: true,
                default_topic_queues: 8,
                perm: 6,
                max_body_bytes: 4 * 1024 * 1024,
            },
            keep_requests: 10_000,
            store_limit_bytes: None,
            client_expiry: Duration::from_secs(120),
            route_outlives_kill: Duration::ZERO,
            epoch_millis: None,
            seed: 1,
            #[cfg(feature = "acl")]
            guard: Guard::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl TestClusterBuilder {
    /// How many brokers there are: `broker-a`, `broker-b` and so on. Default: 1; at most 200.
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// How many name servers there are; all say the same. Default: 1; from 1 to 50.
    pub fn name_servers(mut self, count: usize) -> Self {
        self.name_servers = count;
        self
    }

    /// The brokers' cluster. Default: `DefaultCluster`.
    pub fn cluster_name(mut self, name: impl Into<String>) -> Self {
        self.cluster_name = name.into();
        self
    }

    /// Creates a topic with this many queues on every broker. Any name is taken.
    pub fn topic(mut self, name: impl Into<String>, queues: i32) -> Self {
        self.topics.push((name.into(), queues));
        self
    }

    /// Which release the servers behave as. Default: [`Dialect::V5`].
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Runs the cluster inside the process, without sockets: reachable only through [`TestCluster::connector`], and with tokio's clock paused.
    pub fn memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// TCP port of the name server; further ones take the next ports. Default: 0, any free one. In memory it is always 9876.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// TCP port of the first broker; each further one is 10 higher. Default: 0, any free ones.
    pub fn broker_port(mut self, port: u16) -> Self {
        self.broker_port = port;
        self
    }

    /// Which address TCP ports are opened on. Default: 127.0.0.1. `0.0.0.0` serves other machines too; there is no protection of any kind.
    pub fn listen_on(mut self, address: IpAddr) -> Self {
        self.listen_on = address;
        self
    }

    /// Which address routes show for brokers. Default: the one they listen on, 127.0.0.1 when that is unspecified.
    #[doc(alias = "brokerIP1")]
    pub fn advertise(mut self, address: IpAddr) -> Self {
        self.advertise = Some(address);
        self
    }

    /// The header encoding that servers answer in by themselves. Default: JSON, as in Java.
    #[doc(alias = "rocketmq.serialize.type")]
    pub fn header_encoding(mut self, encoding: HeaderEncoding) -> Self {
        self.own_encoding = encoding;
        self
    }

    /// Whether the first message to an unknown topic creates it. Default: true. When false, brokers have no topic `TBW102`.
    #[doc(alias = "autoCreateTopicEnable")]
    pub fn auto_create_topics(mut self, enabled: bool) -> Self {
        self.settings.auto_create_topics = enabled;
        self
    }

    /// How many queues `TBW102` has, the most that an automatic topic gets. Default: 8.
    #[doc(alias = "defaultTopicQueueNums")]
    pub fn default_topic_queues(mut self, queues: i32) -> Self {
        self.settings.default_topic_queues = queues;
        self
    }

    /// How large a body may be. Default: 4 MiB.
    #[doc(alias = "maxMessageSize")]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_body_bytes = bytes;
        self
    }

    /// How many requests each server remembers, bodies included. Default: the newest 10,000; 0 remembers none. Counts are always exact.
    pub fn keep_requests(mut self, count: usize) -> Self {
        self.keep_requests = count;
        self
    }

    /// How many bytes of messages each broker keeps; the oldest go first. Default: all.
    pub fn store_limit_bytes(mut self, bytes: usize) -> Self {
        self.store_limit_bytes = Some(bytes);
        self
    }

    /// After how long without a heartbeat a broker closes a client's connection. Default: 120 s.
    #[doc(alias = "CHANNEL_EXPIRED_TIMEOUT")]
    pub fn client_expiry(mut self, after: Duration) -> Self {
        self.client_expiry = after;
        self
    }

    /// How long routes still show a broker that was killed. Default: zero, because a name server sees the connection of a killed process end;
    /// 120 s is what a broker gets that vanishes with its machine.
    pub fn keep_killed_brokers_in_route(mut self, keep: Duration) -> Self {
        self.route_outlives_kill = keep;
        self
    }

    /// What the cluster's clock shows at the start, in milliseconds since 1970. Default: the system's time.
    pub fn epoch_millis(mut self, millis: i64) -> Self {
        self.epoch_millis = Some(millis);
        self
    }

    /// The seed of everything random: faults with a probability, and the queue of messages that name none. Default: 1.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Lets brokers verify the signature of every request, and refuse in the words of their release: those of 4.9 with SYSTEM_ERROR, those of
    /// 5.x with NO_PERMISSION. Name servers verify nothing, as real ones by default. Default: nobody is asked.
    #[cfg(feature = "acl")]
    #[doc(alias("aclEnable", "authenticationEnabled"))]
    pub fn accounts(mut self, accounts: impl IntoIterator<Item = Account>) -> Self {
        self.guard = Guard::of(accounts);
        self
    }

    /// Lets all servers speak TLS. [`TestCluster::connector`] stays without it: clients put theirs around it. Faults that write broken bytes
    /// write them beneath the encryption. Default: plain text only.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: rmq_remoting::TlsServerConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Starts the cluster. Returns when every server listens.
    ///
    /// # Errors
    /// A port is taken, or an option makes no sense.
    ///
    /// # Cancel safety
    /// Dropped early, nothing of the cluster remains.
    pub async fn start(self) -> Result<TestCluster, StartError> {
        self.check()?;
        let clock = ClusterClock::starting_at(self.epoch_millis.unwrap_or_else(|| SystemClock.now_millis()));
        let network = self.in_memory.then(Arc::<MemoryNetwork>::default);
        let dialing = Arc::new(Dialing::default());
        let arrivals = Arc::new(Arrivals::default());
        let topology = Arc::new(Topology::new(self.cluster_name.as_str().into()));
        let voice = Voice { dialect: self.dialect, own_encoding: self.own_encoding };
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());

        let mut brokers = Vec::new();
        for index in 0..self.brokers {
            let name: Arc<str> = broker_name(index).into();
            let lines = Arc::new(Lines::new(self.seed_of(index, 1)));
            let door = self.open(&name, self.broker_place(index, network.as_ref()), Arc::clone(&lines))?;
            let core = Arc::new(self.broker_core(index, &name, &door, clock, &arrivals, voice));
            let watched = Arc::downgrade(&core);
            lines.watch(move |line| {
                if let Some(core) = watched.upgrade() {
                    core.clients.line_ended(line.peer());
                }
            });
            let house = keep_house(Arc::clone(&core), Arc::clone(&lines), self.client_expiry);
            tasks.spawn(cancel.clone().run_until_cancelled_owned(house));
            tasks.spawn(cancel.clone().run_until_cancelled_owned(deliver_delayed(Arc::clone(&core))));
            let server = self.serve(name, core, door, lines, clock, self.seed_of(index, 2))?;
            brokers.push(Broker {
                server: Arc::new(server),
                dialing: Arc::clone(&dialing),
                route_outlives_kill: self.route_outlives_kill,
            });
        }
        topology.set_brokers(brokers.iter().map(|broker| Arc::clone(&broker.server.verbs)).collect());

        let mut name_servers = Vec::new();
        for index in 0..self.name_servers {
            let name: Arc<str> = format!("namesrv-{index}").into();
            let lines = Arc::new(Lines::new(self.seed_of(index, 3)));
            let door = self.open(&name, self.name_server_place(index, network.as_ref()), Arc::clone(&lines))?;
            let core = Arc::new(NameServerCore { voice, topology: Arc::clone(&topology) });
            let server = self.serve(name, core, door, lines, clock, self.seed_of(index, 4))?;
            name_servers.push(NameServer { server: Arc::new(server), dialing: Arc::clone(&dialing) });
        }
        tasks.close();
        let connector = Arc::new(ClusterConnector::new(network, dialing));
        #[cfg(feature = "acl")]
        let guard = self.guard;
        Ok(TestCluster {
            name_servers,
            brokers,
            topology,
            connector,
            arrivals,
            clock,
            tasks,
            cancel,
            #[cfg(feature = "acl")]
            guard,
        })
    }

    fn check(&self) -> Result<(), StartError> {
        let refuse = |problem: &str| Err(StartError::Option { problem: problem.to_owned() });
        if self.brokers > 200 {
            return refuse("brokers: more than 200");
        }
        if !(1..=50).contains(&self.name_servers) {
            return refuse("name_servers: not from 1 to 50");
        }
        if self.topics.iter().any(|(_, queues)| !(0..=65_536).contains(queues)) {
            return refuse("topic: its queues are not from 0 to 65536");
        }
        Ok(())
    }

    fn broker_core(
        &self,
        index: usize,
        name: &Arc<str>,
        door: &Arc<Door>,
        clock: ClusterClock,
        arrivals: &Arc<Arrivals>,
        voice: Voice,
    ) -> BrokerCore {
        let queues = self.settings.default_topic_queues;
        let topics = TopicTable::new(&self.cluster_name, name, queues, self.settings.auto_create_topics);
        self.topics.iter().for_each(|(topic, queues)| topics.put(TopicConfig::new(topic, *queues)));
        BrokerCore {
            name: Arc::clone(name),
            cluster: self.cluster_name.as_str().into(),
            voice,
            clock,
            door: Arc::clone(door),
            store: Store::new(Arc::clone(name), Arc::clone(arrivals), self.store_limit_bytes),
            topics,
            clients: ClientTable::default(),
            consumer_offsets: ConsumerOffsets::default(),
            queue_locks: QueueLocks::default(),
            schedule: Schedule::default(),
            settings: Mutex::new(self.settings),
            random: Random::new(self.seed_of(index, 5)),
            presence: Presence::default(),
            #[cfg(feature = "acl")]
            guard: self.guard.clone(),
        }
    }

    fn serve<V: crate::server::Verbs>(
        &self,
        name: Arc<str>,
        verbs: Arc<V>,
        door: Arc<Door>,
        lines: Arc<Lines>,
        clock: ClusterClock,
        seed: u64,
    ) -> Result<Server<V>, StartError> {
        let (server, address) = (name.to_string(), door.address());
        let habits = Habits {
            keep_requests: self.keep_requests,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        };
        let server_of = Server::start(name, verbs, door, lines, clock, seed, &habits);
        server_of.map_err(|source| StartError::Listen { server, address, source })
    }

    fn open(&self, name: &str, place: io::Result<Place>, lines: Arc<Lines>) -> Result<Arc<Door>, StartError> {
        let address = match &place {
            Ok(Place::Tcp { listen, .. }) => listen.to_string(),
            Ok(Place::Memory { address, .. }) => address.to_string(),
            Err(_) => self.listen_on.to_string(),
        };
        place.and_then(|place| Door::open(place, lines)).map_err(|source| StartError::Listen {
            server: name.to_owned(),
            address,
            source,
        })
    }

    fn broker_place(&self, index: usize, network: Option<&Arc<MemoryNetwork>>) -> io::Result<Place> {
        // At most 200 brokers, so the last octet holds.
        let octet = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let ip = Ipv4Addr::new(10, 0, 0, octet);
        self.place(self.broker_port, index, 10, network, &ip.to_string(), SocketAddr::from((ip, 10_911)))
    }

    fn name_server_place(&self, index: usize, network: Option<&Arc<MemoryNetwork>>) -> io::Result<Place> {
        let host = if index == 0 { "namesrv".to_owned() } else { format!("namesrv-{index}") };
        let octet = u8::try_from(index + 201).unwrap_or(u8::MAX);
        let address = SocketAddr::from((Ipv4Addr::new(10, 0, 0, octet), 9876));
        self.place(self.port, index, 1, network, &host, address)
    }

    fn place(
        &self,
        first_port: u16,
        index: usize,
        step: u16,
        network: Option<&Arc<MemoryNetwork>>,
        host: &str,
        address: SocketAddr,
    ) -> io::Result<Place> {
        if let Some(network) = network {
            return Ok(Place::Memory { network: Arc::clone(network), host: host.to_owned(), address });
        }
        let port = match first_port {
            0 => 0,
            first => u16::try_from(index)
                .ok()
                .and_then(|index| index.checked_mul(step)?.checked_add(first))
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no port is left above the first one"))?,
        };
        let unspecified = self.listen_on.is_unspecified().then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Place::Tcp { listen: SocketAddr::new(self.listen_on, port), advertised: self.advertise.or(unspecified) })
    }

    /// Different for every server and purpose, the same in every run.
    fn seed_of(&self, index: usize, purpose: u64) -> u64 {
        let index = u64::try_from(index).unwrap_or(0);
        Random::new(self.seed ^ (index << 8) ^ (purpose << 32)).next_u64()
    }
}

fn broker_name(index: usize) -> String {
    match u8::try_from(index) {
        Ok(index @ 0..26) => format!("broker-{}", char::from(b'a' + index)),
        _ => format!("broker-{index}"),
    }
}
