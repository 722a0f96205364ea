//! ProducerBuilder: the options of a producer.
//!
//! Setters never fail; everything is checked by `start`, before the first byte is sent.

mod start;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::MessageLimits;
#[cfg(feature = "acl")]
use rmq_remoting::CredentialsSource;
#[cfg(feature = "tls")]
use rmq_remoting::TlsConfig;
use rmq_remoting::{Connector, HeaderEncoding, RemotingConfig, RpcHook};

use crate::callback::CallbackExecutor;
use crate::compression::Compression;
use crate::config::{ProducerConfig, SendHeaderVersion};
use crate::discovery::{Discovery, Finder};
use crate::hook::{CheckForbiddenHook, Hooks, SendHook};
use crate::in_flight_limits::InFlightLimits;
use crate::instance::IntoNameServers;
use crate::latency_fault::LatencyFault;
use crate::queue_choice::QueueChoice;
use crate::retry_policy::RetryPolicy;

/// A producer that is not started yet.
#[must_use = "a producer exists once `start` has been awaited"]
#[derive(Clone)]
pub struct ProducerBuilder {
    config: ProducerConfig,
    discovery: Option<Finder>,
    connector: Option<Arc<dyn Connector>>,
    callbacks: CallbackExecutor,
    hooks: Hooks,
    rpc_hooks: Vec<Arc<dyn RpcHook>>,
}

impl ProducerBuilder {
    pub(crate) fn new(config: ProducerConfig) -> Self {
        let (callbacks, hooks) = (CallbackExecutor::default(), Hooks::default());
        Self { config, discovery: None, connector: None, callbacks, hooks, rpc_hooks: Vec::new() }
    }

    /// Sets the producer group, where settings came from elsewhere without one.
    #[doc(alias = "setProducerGroup")]
    pub fn producer_group(mut self, group: impl Into<String>) -> Self {
        self.config.producer_group = group.into();
        self
    }

    /// Names the name servers: one text with addresses separated by `;`, `,` or white space, or a list of texts. A missing port is 9876.
    /// Required, unless they are [discovered](Self::discovery) or [asked for](Self::address_service).
    #[doc(alias = "setNamesrvAddr")]
    #[doc(alias = "namesrvAddr")]
    #[doc(alias = "WithNameServer")]
    pub fn name_servers(mut self, addresses: impl IntoNameServers) -> Self {
        self.config.name_servers = addresses.into_name_servers();
        self
    }

    /// Names a web server that knows the name servers, `http://host:port/path`, which is asked every 2 minutes; of no effect where
    /// [`name_servers`](Self::name_servers) are given. The [unit](Self::unit_name), if there is one, becomes part of the question. Default:
    /// none; [`AddressService`](crate::AddressService) has more to set.
    #[doc(alias("rocketmq.namesrv.domain", "TopAddressing"))]
    pub fn address_service(mut self, url: impl Into<String>) -> Self {
        self.config.address_service = Some(url.into());
        self
    }

    /// Sets who says where the name servers are, instead of a list: an [`AddressService`](crate::AddressService), or your own look-up.
    #[doc(alias("TopAddressing", "WithNsResolver"))]
    pub fn discovery(mut self, discovery: impl Discovery) -> Self {
        self.discovery = Some(Finder::new(discovery));
        self
    }

    /// Sets the zone that every request names in its header: name servers of 5.x whose routes go by zones show its brokers only, where
    /// [`zone_mode`](Self::zone_mode) is on. Default: none.
    #[doc(alias("rocketmq.zone", "ROCKETMQ_ZONE", "DynamicalExtFieldRPCHook"))]
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.config.zone = Some(name.into());
        self
    }

    /// Says in every request whether routes shall go by zones. Default: not said.
    #[doc(alias("rocketmq.zone.mode", "ROCKETMQ_ZONE_MODE"))]
    pub fn zone_mode(mut self, on: bool) -> Self {
        self.config.zone_mode = Some(on);
        self
    }

    /// Bounds one send: route look-up, room, connection, write and answer together. Default: 3 s.
    #[doc(alias = "setSendMsgTimeout")]
    #[doc(alias = "sendMsgTimeout")]
    pub fn send_timeout(mut self, total: Duration) -> Self {
        self.config.send_timeout = total;
        self
    }

    /// Bounds one request that is no send (route look-up, heartbeat, leave-taking), and the check of the name servers at start.
    /// Default: 3 s.
    #[doc(alias = "mqClientApiTimeout")]
    pub fn api_timeout(mut self, each: Duration) -> Self {
        self.config.api_timeout = each;
        self
    }

    /// Names this client among others on the same host. Default: a name that nobody else has, for which `DEFAULT` stands too.
    ///
    /// Producers of one name, on one runtime, are one client to the brokers: they share connections, routes and heartbeats, and each has
    /// a group of its own. All that concerns the client they have to agree on, or the start says which option differs: name servers,
    /// namespace in headers, connector, hooks on the wire (clone a builder to use the same ones), transport, intervals. The last one to
    /// end takes the rest along.
    #[doc(alias = "setInstanceName")]
    pub fn instance_name(mut self, name: impl Into<String>) -> Self {
        self.config.instance_name = Some(name.into());
        self
    }

    /// Sets this host's address as the client id and message ids show it; nothing is bound to it. Default: the address that the system
    /// would reach the name servers from, or 127.0.0.1 where there is no network.
    #[doc(alias = "setClientIP")]
    pub fn client_ip(mut self, ip: IpAddr) -> Self {
        self.config.client_ip = Some(ip);
        self
    }

    /// Names the topic whose settings brokers copy when they create a topic at its first message. Default: `TBW102`.
    #[doc(alias = "setCreateTopicKey")]
    pub fn create_topic_key(mut self, topic: impl Into<String>) -> Self {
        self.config.create_topic_key = topic.into();
        self
    }

    /// Bounds the queues that such a topic gets on each broker. Default: 4.
    #[doc(alias = "setDefaultTopicQueueNums")]
    pub fn default_topic_queue_nums(mut self, queues: i32) -> Self {
        self.config.default_topic_queue_nums = queues;
        self
    }

    /// Chooses how the headers of all requests are written. Default: JSON.
    #[doc(alias = "serializeType")]
    pub fn header_encoding(mut self, encoding: HeaderEncoding) -> Self {
        self.config.header_encoding = encoding;
        self
    }

    /// Chooses the form of the send request. Default: V2.
    #[doc(alias = "sendSmartMsg")]
    pub fn send_header(mut self, version: SendHeaderVersion) -> Self {
        self.config.send_header = version;
        self
    }

    /// Bounds the size of a message. Default: 4 MiB of body, 32,705 bytes of properties.
    #[doc(alias = "setMaxMessageSize")]
    pub fn limits(mut self, limits: MessageLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Accepts longer producer groups. Default: 120 characters, as brokers of 5.5.0 demand; those up to 5.3.3 take up to 255.
    pub fn max_group_length(mut self, characters: usize) -> Self {
        self.config.max_group_length = characters;
        self
    }

    /// Chooses whether the start fails when no name server answers. Default: true.
    pub fn check_name_servers(mut self, check: bool) -> Self {
        self.config.check_name_servers = check;
        self
    }

    /// Names topics whose routes are looked up, and whose brokers are connected, before the start is over, so that no send has to wait for
    /// that. Default: none.
    ///
    /// A topic without a queue to write to fails the start; one that brokers would create has those of its template. So does a topic none
    /// of whose brokers can be connected; one of them is enough. Each look-up and each connection may take
    /// [`api_timeout`](Self::api_timeout).
    #[doc(alias = "topics")]
    pub fn warm_up<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.config.warm_up = topics.into_iter().map(Into::into).collect();
        self
    }

    /// Chooses whether heartbeats carry a fingerprint, which stands for their content where a broker (5.1.3 and later) has heard it
    /// before. For clients without consumers it saves next to nothing. Default: false.
    #[doc(alias("setUseHeartbeatV2", "useHeartbeatV2"))]
    pub fn heartbeat_v2(mut self, on: bool) -> Self {
        self.config.heartbeat_v2 = on;
        self
    }

    /// Sets how often every known master is told that this client lives. Default: 30 s; at most 100 s.
    #[doc(alias = "setHeartbeatBrokerInterval")]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.config.heartbeat_interval = interval;
        self
    }

    /// Sets how often the routes of the topics in use are asked for again. Default: 30 s.
    #[doc(alias = "setPollNameServerInterval")]
    pub fn route_refresh_interval(mut self, interval: Duration) -> Self {
        self.config.route_refresh_interval = interval;
        self
    }

    /// Sets for how long a topic that was not found, or had no queue to write to, is not asked for again: sends to it fail at once, so that a
    /// storm of them is no storm of look-ups. Default: 1 s; zero asks each time.
    pub fn missing_topic_memory(mut self, memory: Duration) -> Self {
        self.config.missing_topic_memory = memory;
        self
    }

    /// Sets for how long the route of a topic is kept fresh although nobody sends to it. Then it is forgotten, unless no name server answers,
    /// and asked for when it is needed again. Default: 10 minutes.
    pub fn unused_topic_timeout(mut self, timeout: Duration) -> Self {
        self.config.unused_topic_timeout = timeout;
        self
    }

    /// Sets when a failed attempt is followed by another. Default: up to two more tries, at another broker where there is one.
    #[doc(alias = "setRetryTimesWhenSendFailed")]
    #[doc(alias = "setRetryTimesWhenSendAsyncFailed")]
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        self.config.retries = policy;
        self
    }

    /// Bounds what the producer holds at once, by number and bytes, whatever the way of sending; who finds no room waits within its own
    /// deadline. Default: 8,192 sends, 64 MiB.
    #[doc(alias("enableBackpressureForAsyncMode", "backPressureForAsyncSendNum", "backPressureForAsyncSendSize"))]
    pub fn back_pressure(mut self, limits: InFlightLimits) -> Self {
        self.config.back_pressure = limits;
        self
    }

    /// Keeps brokers that answer slowly, or fail, out of rotation for a while. Default: off. Brokers that went silent or cannot be
    /// connected are set aside without it too, until a probe is answered.
    #[doc(alias = "setSendLatencyFaultEnable")]
    pub fn latency_fault(mut self, fault: LatencyFault) -> Self {
        self.config.latency_fault = Some(fault);
        self
    }

    /// Sets how a queue is chosen where neither the caller nor a sharding key does. Default: in turn.
    pub fn queue_choice(mut self, choice: QueueChoice) -> Self {
        self.config.queue_choice = choice;
        self
    }

    /// Sets which bodies are compressed, and how. Default: zlib of level 5 from 4,096 bytes.
    ///
    /// Done once per send. A body of 256 KiB and more is compressed on a thread of the runtime's pool for blocking work, unless the runtime
    /// has but one thread: there it is done in place. A body whose compressor fails or panics is sent as it is, and counted
    /// ([`MetricsSnapshot::compression_failures`](crate::MetricsSnapshot::compression_failures)).
    #[doc(alias = "setCompressMsgBodyOverHowmuch")]
    #[doc(alias = "setCompressLevel")]
    #[doc(alias = "setCompressType")]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.config.compression = compression;
        self
    }

    /// Sets the namespace that is put in front of topics and groups on the wire (`MQ_INST_1%orders`); results, queues and errors are without
    /// it. Default: the one that the name servers' address says if it is an end point `MQ_INST_<word>_<word>.…`, else none. An empty text
    /// is no namespace, whatever the address says.
    #[doc(alias = "setNamespace")]
    #[doc(alias = "WithNamespace")]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.config.namespace = Some(namespace.into());
        self
    }

    /// Sets the namespace that every request names in its header, look-ups and heartbeats among them; names stay as they are. Servers since
    /// 5.2.0 understand it, others ignore it. Default: none; an empty text is none.
    #[doc(alias = "setNamespaceV2")]
    pub fn namespace_v2(mut self, namespace: impl Into<String>) -> Self {
        self.config.namespace_v2 = Some(namespace.into());
        self
    }

    /// Says that messages are for the brokers of one unit of a deployment, which marks topics that are created by them. Default: false.
    #[doc(alias = "setUnitMode")]
    pub fn unit_mode(mut self, on: bool) -> Self {
        self.config.unit_mode = on;
        self
    }

    /// Names the unit, which becomes the last part of the client id. Default: none.
    #[doc(alias = "setUnitName")]
    #[doc(alias = "WithUnitName")]
    pub fn unit_name(mut self, name: impl Into<String>) -> Self {
        self.config.unit_name = Some(name.into());
        self
    }

    /// Sends messages, and probes of brokers, to the second port of each broker, two below the first; heartbeats go to the first. Default:
    /// false.
    #[doc(alias = "setVipChannelEnabled")]
    #[doc(alias = "setSendMessageWithVIPChannel")]
    #[doc(alias = "WithVIPChannel")]
    pub fn vip_channel(mut self, on: bool) -> Self {
        self.config.vip_channel = on;
        self
    }

    /// Sets where callbacks run, and how many at a time. Default: as many as there are CPUs, on the runtime of the start.
    #[doc(alias("setCallbackExecutor", "setAsyncSenderExecutor", "clientCallbackExecutorThreads"))]
    pub fn callbacks(mut self, executor: CallbackExecutor) -> Self {
        self.callbacks = executor;
        self
    }

    /// Adds a hook that sees every send at its beginning and its true end; hooks run in the order in which they were added.
    #[doc(alias("registerSendMessageHook", "SendMessageHook", "WithInterceptor"))]
    pub fn send_hook(mut self, hook: impl SendHook) -> Self {
        self.hooks.send.push(Arc::new(hook));
        self
    }

    /// Adds a hook that may forbid attempts: a closure will do.
    #[doc(alias = "registerCheckForbiddenHook")]
    pub fn check_forbidden_hook(mut self, hook: impl CheckForbiddenHook) -> Self {
        self.hooks.forbidden.push(Arc::new(hook));
        self
    }

    /// Adds a hook that sees every request on the wire, those that are no sends among them, and its answer.
    #[doc(alias = "RPCHook")]
    pub fn rpc_hook(mut self, hook: impl RpcHook) -> Self {
        self.rpc_hooks.push(Arc::new(hook));
        self
    }

    /// Signs every request: values, a file, or a provider that is asked each time. Default: nothing is signed. The signature is the last step of
    /// each attempt, after all hooks.
    ///
    /// ```
    /// use rmq_producer::{Credentials, Producer};
    ///
    /// let builder = Producer::builder("orders").credentials(Credentials::new("orders-service", "12345678"));
    /// ```
    #[cfg(feature = "acl")]
    #[doc(alias("AclClientRPCHook", "SessionCredentials", "WithCredentials"))]
    pub fn credentials(mut self, source: impl Into<CredentialsSource>) -> Self {
        self.config.credentials = Some(source.into());
        self
    }

    /// Speaks TLS with name servers and brokers alike, on their usual ports. Default: plain text. Certificates must be for one of the name
    /// servers' hosts, or for the [`server_name`](TlsConfig::server_name) of the settings.
    ///
    /// ```
    /// use rmq_producer::{Producer, TlsConfig};
    ///
    /// let tls = TlsConfig::new().ca_file("/etc/rocketmq/ca.pem").server_name("rocketmq.example.com");
    /// let builder = Producer::builder("orders").name_servers("10.0.0.1:9876").tls(tls);
    /// ```
    #[cfg(feature = "tls")]
    #[doc(alias("setUseTLS", "useTLS", "tls.enable", "WithTls"))]
    pub fn tls(mut self, config: TlsConfig) -> Self {
        self.config.tls = Some(config);
        self
    }

    /// Sets the transport's limits, connection times, clock and seed.
    #[doc(alias = "NettyClientConfig")]
    pub fn remoting(mut self, config: RemotingConfig) -> Self {
        self.config.remoting = config;
        self
    }

    /// Sets where sockets come from: a proxy, memory, a simulator. Default: TCP. TLS, if there is any, is spoken over these.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Returns the options set so far.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }
}

/// Settings that were read from elsewhere make a producer too.
impl From<ProducerConfig> for ProducerBuilder {
    fn from(config: ProducerConfig) -> Self {
        Self::new(config)
    }
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
