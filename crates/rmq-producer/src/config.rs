//! ProducerConfig: what a producer can be told; plain data with defaults.
//!
//! Checked once, when the producer starts.

#[cfg(feature = "acl")]
mod credentials;
mod environment;
mod limits;
mod nearest;
mod options;
mod remoting;
mod section;
#[cfg(feature = "tls")]
mod tls;
mod values;

use std::net::IpAddr;
use std::time::Duration;

use rmq_message::validate::{DEFAULT_PRODUCER_GROUP, MAX_GROUP_LENGTH, MAX_OLD_GROUP_LENGTH, validate_group_up_to};
use rmq_message::{MessageLimits, NameError, validate_topic};
#[cfg(feature = "acl")]
use rmq_remoting::CredentialsSource;
#[cfg(feature = "tls")]
use rmq_remoting::TlsConfig;
use rmq_remoting::{HeaderEncoding, RemotingConfig};

use crate::compression::Compression;
use crate::discovery::Finder;
use crate::error::StartError;
use crate::in_flight_limits::InFlightLimits;
use crate::instance::NameServerList;
use crate::latency_fault::LatencyFault;
use crate::namespace::Namespace;
use crate::queue_choice::QueueChoice;
use crate::retry_policy::RetryPolicy;

pub use environment::EnvironmentError;
pub(crate) use options::word_of;
pub(crate) use section::{Section, Shown, Value};
pub(crate) use values::Times;

/// Settings of a [`Producer`](crate::Producer); see [`ProducerBuilder`](crate::ProducerBuilder) for the way to set them. Java: the
/// setters of `DefaultMQProducer` and `ClientConfig`.
///
/// # Files
/// It reads itself from TOML, JSON, YAML, or whatever else has a deserializer of serde. Options have the names of the fields here; a time is a text
/// such as `"3s"`, `"500ms"` or `"1m"`, or a whole number of milliseconds; a number of bytes may be a text such as `"64MiB"`. A name that is no
/// option is an error, which suggests the nearest one. `Display` shows every setting in the form of a TOML file, with secrets hidden.
///
/// ```
/// use rmq_producer::ProducerConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config: ProducerConfig = toml::from_str(
///     r#"
///     producer_group = "orders"
///     name_servers = ["10.0.0.1:9876", "10.0.0.2:9876"]
///     send_timeout = "5s"
///     retries = { times = 3, strict = true }
///     compression.over_bytes = "16KiB"
///     "#,
/// )?;
/// assert!(config.to_string().contains("send_timeout = \"5s\""));
/// let mistaken = toml::from_str::<ProducerConfig>("send_timout = 1").unwrap_err();
/// assert!(mistaken.to_string().contains("did you mean send_timeout?"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProducerConfig {
    /// The producer group, by which brokers know producers that do the same. Required.
    pub producer_group: String,
    /// Addresses of the name servers, see [`NameServerList`]. Required, unless there is an `address_service` or a
    /// [`Discovery`](crate::Discovery).
    pub name_servers: String,
    /// Address of a web server that knows the name servers, where none are given: `http://host:port/path`, see
    /// [`AddressService`](crate::AddressService). Default: none.
    pub address_service: Option<String>,
    /// The name of this client beside others of the same address. Default: none, i.e. one that nobody else has (`pid#nanoseconds`), which
    /// `DEFAULT` stands for too. Producers of one name share their connections, see
    /// [`ProducerBuilder::instance_name`](crate::ProducerBuilder::instance_name).
    pub instance_name: Option<String>,
    /// This host's address as ids show it. Default: none, i.e. the one that the system would reach the name servers from.
    pub client_ip: Option<IpAddr>,
    /// How long one send may take in all. Default: 3 s.
    pub send_timeout: Duration,
    /// How long one request that is no send may take: route look-up, heartbeat, leave-taking; and the check at start. Default: 3 s.
    pub api_timeout: Duration,
    /// The topic whose settings brokers copy when they create a topic at its first message. Default: `TBW102`.
    pub create_topic_key: String,
    /// How many queues such a topic gets on each broker, at most. Default: 4.
    pub default_topic_queue_nums: i32,
    /// How the headers of all requests are written. Default: JSON.
    pub header_encoding: HeaderEncoding,
    /// Which form of the send request is used. Default: V2.
    pub send_header: SendHeaderVersion,
    /// How large a message may be. Default: 4 MiB of body, 32,705 bytes of properties.
    pub limits: MessageLimits,
    /// The longest producer group that is accepted. Default: 120 characters, as brokers of 5.5.0 demand; those up to 5.3.3 take 255.
    pub max_group_length: usize,
    /// Whether the start fails when no name server answers. Default: true.
    pub check_name_servers: bool,
    /// Topics whose routes and brokers are made ready by the start. Default: none.
    pub warm_up: Vec<String>,
    /// Whether a fingerprint stands for what a broker has heard before. Default: no.
    pub heartbeat_v2: bool,
    /// How often every known master is told that this client lives. Default: 30 s; at most 100 s, since brokers forget a client after 120 s.
    pub heartbeat_interval: Duration,
    /// How often the routes of the topics in use are asked for again. Default: 30 s.
    pub route_refresh_interval: Duration,
    /// For how long a topic that was not found, or had no queue to write to, is not asked for again: sends to it fail at once. Default: 1 s;
    /// zero asks each time.
    pub missing_topic_memory: Duration,
    /// For how long the route of a topic is kept fresh although nobody sends to it; then it is forgotten, and asked for when it is needed
    /// again. Default: 10 minutes.
    pub unused_topic_timeout: Duration,
    /// When a failed attempt is followed by another. Default: two more tries, as in Java.
    pub retries: RetryPolicy,
    /// How many sends, and bytes of them, are held at once. Default: 8,192 sends, 64 MiB.
    pub back_pressure: InFlightLimits,
    /// How a queue is chosen where the caller leaves it open. Default: in turn.
    pub queue_choice: QueueChoice,
    /// Whether brokers that answer slowly are avoided for a while. Default: no.
    pub latency_fault: Option<LatencyFault>,
    /// Which bodies are compressed, and how. Default: zlib of level 5 from 4,096 bytes.
    pub compression: Compression,
    /// The namespace that stands in front of topics and groups. Default: none, i.e. the one that the name servers' address says, if it is an
    /// end point `MQ_INST_…`; an empty text is no namespace in any case.
    pub namespace: Option<String>,
    /// The namespace that every request names in its header, for servers since 5.2.0. Default: none.
    pub namespace_v2: Option<String>,
    /// Whether messages are for the brokers of one unit of a deployment. Default: no.
    pub unit_mode: bool,
    /// The unit, which becomes part of the client id. Default: none.
    pub unit_name: Option<String>,
    /// The zone that requests name, for name servers that give each zone its own brokers. Default: none.
    pub zone: Option<String>,
    /// Whether name servers shall show only brokers of the zone. Default: not said, i.e. no.
    pub zone_mode: Option<bool>,
    /// Whether messages go to the second port of each broker, two below the first. Default: no.
    pub vip_channel: bool,
    /// As whom requests are signed. Default: none, i.e. they are not.
    #[cfg(feature = "acl")]
    pub credentials: Option<CredentialsSource>,
    /// How TLS is spoken, with name servers and brokers alike. Default: not at all.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsConfig>,
    /// Settings of the transport: limits, connections, clock, seed.
    pub remoting: RemotingConfig,
}

/// The two forms of the send request; they say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendHeaderVersion {
    /// SEND_MESSAGE (10), field names written out. Every broker since 3.x reads it.
    V1,
    /// SEND_MESSAGE_V2 (310), one letter per field: shorter, and cheaper for the broker to read.
    #[default]
    #[doc(alias = "sendSmartMsg")]
    V2,
}

impl ProducerConfig {
    /// Settings with every default. A group is no default, and neither are name servers.
    pub fn new(producer_group: impl Into<String>) -> Self {
        Self {
            producer_group: producer_group.into(),
            name_servers: String::new(),
            address_service: None,
            instance_name: None,
            client_ip: None,
            send_timeout: Duration::from_secs(3),
            api_timeout: Duration::from_secs(3),
            create_topic_key: "TBW102".to_owned(),
            default_topic_queue_nums: 4,
            header_encoding: HeaderEncoding::default(),
            send_header: SendHeaderVersion::default(),
            limits: MessageLimits::default(),
            max_group_length: MAX_GROUP_LENGTH,
            check_name_servers: true,
            warm_up: Vec::new(),
            heartbeat_v2: false,
            heartbeat_interval: Duration::from_secs(30),
            route_refresh_interval: Duration::from_secs(30),
            missing_topic_memory: Duration::from_secs(1),
            unused_topic_timeout: Duration::from_secs(600),
            retries: RetryPolicy::default(),
            back_pressure: InFlightLimits::default(),
            queue_choice: QueueChoice::default(),
            latency_fault: None,
            compression: Compression::default(),
            namespace: None,
            namespace_v2: None,
            unit_mode: false,
            unit_name: None,
            zone: None,
            zone_mode: None,
            vip_channel: false,
            #[cfg(feature = "acl")]
            credentials: None,
            #[cfg(feature = "tls")]
            tls: None,
            remoting: RemotingConfig::default(),
        }
    }

    /// Checks every setting and reads the list of name servers.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn validate(&self) -> Result<NameServerList, StartError> {
        self.check_group().map_err(StartError::Group)?;
        let name_servers = NameServerList::parse(&self.name_servers)?;
        self.check()?;
        Ok(name_servers)
    }

    /// Checks every setting but the name servers.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        self.check_group().map_err(StartError::Group)?;
        self.check_options()?;
        self.remoting.validate()?;
        Ok(())
    }

    /// Who says where the name servers are: the list, which is returned besides, else the service.
    pub(crate) fn finder(&self) -> Result<(Finder, Option<NameServerList>), StartError> {
        match &self.address_service {
            Some(url) if self.name_servers.trim().is_empty() => {
                Ok((Finder::service(url, self.unit_name.as_deref()), None))
            }
            _ => {
                let list = NameServerList::parse(&self.name_servers)?;
                Ok((Finder::new(list.clone()), Some(list)))
            }
        }
    }

    fn check_group(&self) -> Result<(), NameError> {
        validate_group_up_to(&self.name_prefix().wrap(&self.producer_group), self.max_group_length)?;
        if self.producer_group == DEFAULT_PRODUCER_GROUP { Err(NameError::DefaultGroup) } else { Ok(()) }
    }

    fn check_options(&self) -> Result<(), InvalidOption> {
        let durations = [
            ("send_timeout", self.send_timeout, DAY),
            ("api_timeout", self.api_timeout, DAY),
            ("heartbeat_interval", self.heartbeat_interval, Duration::from_secs(100)),
            ("route_refresh_interval", self.route_refresh_interval, DAY),
            ("unused_topic_timeout", self.unused_topic_timeout, 366 * DAY),
        ];
        for (option, value, longest) in durations {
            if value.is_zero() || value > longest {
                return Err(InvalidOption::new(option, format!("{value:?} is not above 0 and up to {longest:?}")));
            }
        }
        if self.missing_topic_memory > DAY {
            let problem = format!("{:?} is above {DAY:?}", self.missing_topic_memory);
            return Err(InvalidOption::new("missing_topic_memory", problem));
        }
        if !(1..=MAX_OLD_GROUP_LENGTH).contains(&self.max_group_length) {
            let problem = format!("{} is not from 1 to {MAX_OLD_GROUP_LENGTH}", self.max_group_length);
            return Err(InvalidOption::new("max_group_length", problem));
        }
        if self.default_topic_queue_nums < 1 {
            let problem = format!("{} is below 1", self.default_topic_queue_nums);
            return Err(InvalidOption::new("default_topic_queue_nums", problem));
        }
        if let Some(problem) = self.back_pressure.problem() {
            return Err(InvalidOption::new("back_pressure", problem));
        }
        if let Err(error) = validate_topic(&self.create_topic_key) {
            return Err(InvalidOption::new("create_topic_key", error.to_string()));
        }
        let names = [("instance_name", &self.instance_name), ("unit_name", &self.unit_name), ("zone", &self.zone)];
        for (option, name) in names.into_iter().filter_map(|(option, name)| Some((option, name.as_ref()?))) {
            if name.trim().is_empty() {
                return Err(InvalidOption::new(option, "it is blank".to_owned()));
            }
            if name.chars().any(char::is_control) {
                return Err(InvalidOption::new(option, "it holds a control character".to_owned()));
            }
        }
        for topic in &self.warm_up {
            if let Err(error) = validate_topic(topic) {
                return Err(InvalidOption::new("warm_up", format!("{topic:?}: {error}")));
            }
        }
        for (option, namespace) in [("namespace", &self.namespace), ("namespace_v2", &self.namespace_v2)] {
            if let Some(Err(error)) = namespace.as_deref().filter(|text| !text.is_empty()).map(validate_topic) {
                return Err(InvalidOption::new(option, error.to_string()));
            }
        }
        Ok(())
    }

    /// As whom requests are signed, where it is always the same.
    #[cfg(feature = "acl")]
    pub(crate) fn access_key(&self) -> Option<String> {
        let key = |credentials: &rmq_remoting::Credentials| credentials.access_key().to_owned();
        match self.credentials.as_ref()? {
            CredentialsSource::Fixed(credentials) => Some(key(credentials)),
            _ => None,
        }
    }

    /// The namespace that stands in names: the one set, else the one of the name servers' end point.
    pub(crate) fn name_prefix(&self) -> Namespace {
        match &self.namespace {
            Some(set) => Namespace::v1(set.as_str()),
            None => Namespace::of_end_point(&self.name_servers),
        }
    }
}

/// An option that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct InvalidOption {
    option: &'static str,
    problem: String,
}

impl InvalidOption {
    pub(crate) fn new(option: &'static str, problem: String) -> Self {
        Self { option, problem }
    }

    /// Names the option.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ProducerConfig {
        ProducerConfig { name_servers: "a;b:1".to_owned(), ..ProducerConfig::new("pg") }
    }

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(config().validate().unwrap().to_string(), "a:9876;b:1");
    }

    #[test]
    fn an_option_out_of_range_is_named() {
        type Spoil = fn(&mut ProducerConfig);
        let cases: [(&str, Spoil); 23] = [
            ("warm_up", |config| config.warm_up = vec!["orders".to_owned(), "a b".to_owned()]),
            ("back_pressure", |config| config.back_pressure = InFlightLimits::new(0, 1)),
            ("back_pressure", |config| config.back_pressure = InFlightLimits::new(1, usize::MAX)),
            ("send_timeout", |config| config.send_timeout = Duration::ZERO),
            ("send_timeout", |config| config.send_timeout = Duration::MAX),
            ("api_timeout", |config| config.api_timeout = Duration::ZERO),
            ("heartbeat_interval", |config| config.heartbeat_interval = Duration::from_secs(101)),
            ("route_refresh_interval", |config| config.route_refresh_interval = Duration::ZERO),
            ("missing_topic_memory", |config| config.missing_topic_memory = Duration::MAX),
            ("unused_topic_timeout", |config| config.unused_topic_timeout = Duration::ZERO),
            ("max_group_length", |config| config.max_group_length = 256),
            ("default_topic_queue_nums", |config| config.default_topic_queue_nums = 0),
            ("create_topic_key", |config| config.create_topic_key = String::new()),
            ("create_topic_key", |config| config.create_topic_key = "a b".to_owned()),
            ("instance_name", |config| config.instance_name = Some(" ".to_owned())),
            ("instance_name", |config| config.instance_name = Some("a\nb".to_owned())),
            ("default_topic_queue_nums", |config| config.default_topic_queue_nums = i32::MIN),
            ("unit_name", |config| config.unit_name = Some(String::new())),
            ("unit_name", |config| config.unit_name = Some("a\u{1}".to_owned())),
            ("zone", |config| config.zone = Some(" ".to_owned())),
            ("namespace_v2", |config| config.namespace_v2 = Some("a b".to_owned())),
            ("namespace_v2", |config| config.namespace_v2 = Some(" ".to_owned())),
            ("namespace_v2", |config| config.namespace_v2 = Some("n".repeat(128))),
        ];
        for (option, spoil) in cases {
            let mut config = config();
            spoil(&mut config);
            match config.validate() {
                Err(StartError::Option(error)) => assert_eq!(error.option(), option),
                other => panic!("{option}: {other:?}"),
            }
        }
        let mut config = config();
        config.remoting.max_in_flight = 0;
        assert!(matches!(config.validate(), Err(StartError::Remoting(_))));
    }

    #[test]
    fn groups_are_accepted_as_java_does() {
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../tests/golden/producer_group.json")).unwrap();
        for case in &cases {
            let name = case["name"].as_str().unwrap();
            let mut config = config();
            config.producer_group = case["inputs"]["group"].as_str().unwrap_or_default().to_owned();
            if name.ends_with("(4.9.7)") {
                config.max_group_length = 255;
            }
            let accepted = config.validate().is_ok();
            assert_eq!(Some(accepted), case["expected"]["accepted"].as_bool(), "{name}");
        }
        assert_eq!(cases.len(), 10);
    }

    #[test]
    fn name_servers_are_required() {
        let missing = ProducerConfig::new("pg").validate();
        assert!(matches!(missing, Err(StartError::NameServerList(_))), "{missing:?}");
    }
}
