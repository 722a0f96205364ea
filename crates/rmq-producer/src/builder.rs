//! ProducerBuilder: options → started producer.
//!
//! Setters never fail; everything is checked by `start`, before the first byte is sent.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::MessageLimits;
use rmq_remoting::{Connector, HeaderEncoding, RemotingClient, RemotingConfig, RpcHook};

use crate::callback::CallbackExecutor;
use crate::compression::Compression;
use crate::config::{ProducerConfig, SendHeaderVersion};
use crate::error::StartError;
use crate::hook::{CaughtRpcHook, CheckForbiddenHook, Hooks, SendHook};
use crate::in_flight_limits::InFlightLimits;
use crate::instance::{ClientInstance, InstanceConfig, IntoNameServers, StartFailure};
use crate::latency_fault::LatencyFault;
use crate::metrics::Metrics;
use crate::namespace::Namespace;
use crate::producer::Producer;
use crate::retry_policy::RetryPolicy;
use crate::send::Sender;

/// A producer that is not started yet.
#[must_use = "a producer exists once `start` has been awaited"]
#[derive(Clone)]
pub struct ProducerBuilder {
    config: ProducerConfig,
    connector: Option<Arc<dyn Connector>>,
    callbacks: CallbackExecutor,
    hooks: Hooks,
    rpc_hooks: Vec<Arc<dyn RpcHook>>,
}

impl ProducerBuilder {
    pub(crate) fn new(config: ProducerConfig) -> Self {
        let (callbacks, hooks) = (CallbackExecutor::default(), Hooks::default());
        Self { config, connector: None, callbacks, hooks, rpc_hooks: Vec::new() }
    }

    /// Names the name servers: one text with addresses separated by `;`, `,` or white space, or a list of texts. A missing port is 9876.
    /// Required.
    #[doc(alias = "setNamesrvAddr")]
    #[doc(alias = "namesrvAddr")]
    #[doc(alias = "WithNameServer")]
    pub fn name_servers(mut self, addresses: impl IntoNameServers) -> Self {
        self.config.name_servers = addresses.into_name_servers();
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

    /// Names this client among others on the same host. Default: a name that nobody else has.
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

    /// Sets which bodies are compressed, and how. Default: zlib of level 5 from 4,096 bytes.
    ///
    /// Done once per send. A body of 256 KiB and more is compressed on a thread of the runtime's pool for blocking work, unless the runtime
    /// has but one thread: there it is done in place. A body whose compressor fails or panics is sent as it is, and counted
    /// ([`Producer::compression_failures`]).
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

    /// Sets the transport's limits, connection times, clock and seed.
    #[doc(alias = "NettyClientConfig")]
    pub fn remoting(mut self, config: RemotingConfig) -> Self {
        self.config.remoting = config;
        self
    }

    /// Sets where sockets come from: a proxy, memory, a simulator. Default: plain TCP.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Returns the options set so far.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// Checks the options and the name servers, and starts the producer. Must be awaited inside a tokio runtime.
    ///
    /// # Errors
    /// An option makes no sense, or no name server answered within [`api_timeout`](Self::api_timeout). Nothing is left behind then.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use rmq_producer::Producer;
    ///
    /// let producer = Producer::builder("orders").name_servers(["10.0.0.1:9876", "10.0.0.2:9876"]).start().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "DefaultMQProducer")]
    pub async fn start(self) -> Result<Producer, StartError> {
        let config = self.config;
        let name_servers = config.validate()?;
        self.callbacks.validate()?;
        let resolve_hosts = self.connector.is_none();
        let mut remoting = RemotingClient::builder().config(config.remoting.clone());
        if let Some(connector) = self.connector {
            remoting = remoting.connector(connector);
        }
        let namespace_v2 = config.namespace_v2.as_deref().map(Namespace::v2).unwrap_or_default();
        for (name, value) in namespace_v2.header_fields().into_iter().flatten() {
            remoting = remoting.field(name, value);
        }
        let metrics = Arc::new(Metrics::default());
        for hook in self.rpc_hooks {
            remoting = remoting.hook(CaughtRpcHook { hook, panics: Arc::clone(metrics.hook_panics()) });
        }
        let remoting = remoting.build()?;
        let producer_group: Arc<str> = config.name_prefix().wrap(&config.producer_group).into();
        let instance = InstanceConfig {
            producer_group: Arc::clone(&producer_group),
            name_servers,
            client_ip: config.client_ip,
            resolve_hosts,
            instance_name: config.instance_name.clone(),
            unit_name: config.unit_name.clone(),
            vip_channel: config.vip_channel,
            create_topic_key: config.create_topic_key.as_str().into(),
            default_topic_queue_nums: config.default_topic_queue_nums,
            header_encoding: config.header_encoding,
            api_timeout: config.api_timeout,
            check_name_servers: config.check_name_servers,
            heartbeat_interval: config.heartbeat_interval,
            route_refresh_interval: config.route_refresh_interval,
        };
        let instance = ClientInstance::start(instance, remoting).await?;
        Ok(Producer::new(Sender::new(config, producer_group, instance, self.callbacks, self.hooks, metrics)))
    }
}

/// Settings that were read from elsewhere make a producer too.
impl From<ProducerConfig> for ProducerBuilder {
    fn from(config: ProducerConfig) -> Self {
        Self::new(config)
    }
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::NameServers(error) => Self::NameServers(error),
            StartFailure::NoRuntime => Self::NoRuntime,
        }
    }
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
