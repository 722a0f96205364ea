//! Every option of a producer, by the name that it has in a file.
//!
//! `show` takes the settings apart field by field, so that a new one cannot be forgotten here.

use std::fmt;

use rmq_remoting::HeaderEncoding;
use serde::Deserialize;
use serde::de::{DeserializeSeed as _, Deserializer, MapAccess};

use super::limits::Limits;
use super::section::{Section, Shown, Table, Value};
use super::{ProducerConfig, SendHeaderVersion};
use crate::latency_fault::LatencyFaultForm;
use crate::queue_choice::QueueChoice;

impl ProducerConfig {
    /// Reads settings over these: what is named is set, everything else stays as it is. See [the formats](ProducerConfig#files).
    ///
    /// # Errors
    /// A name that is no option (the text suggests the nearest one), a value that cannot be read, or an option whose feature is not compiled in.
    pub fn overlay<'de, D: Deserializer<'de>>(&mut self, settings: D) -> Result<(), D::Error> {
        Table { target: self, path: "", switch: false }.deserialize(settings).map(|_| ())
    }
}

impl<'de> Deserialize<'de> for ProducerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut config = Self::new("");
        config.overlay(deserializer)?;
        Ok(config)
    }
}

/// Every setting, a line each, as a TOML file could say it. Secrets are hidden; what is not set, or only by the program, stands in comments.
impl fmt::Display for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Shown::default();
        self.show(&mut shown);
        f.write_str(&shown.into_text())
    }
}

impl Section for ProducerConfig {
    const KEYS: &'static [&'static str] = &[
        "producer_group",
        "name_servers",
        "address_service",
        "instance_name",
        "client_ip",
        "send_timeout",
        "api_timeout",
        "create_topic_key",
        "default_topic_queue_nums",
        "header_encoding",
        "send_header",
        "limits",
        "max_group_length",
        "check_name_servers",
        "warm_up",
        "heartbeat_interval",
        "heartbeat_v2",
        "route_refresh_interval",
        "missing_topic_memory",
        "unused_topic_timeout",
        "retries",
        "back_pressure",
        "queue_choice",
        "latency_fault",
        "compression",
        "namespace",
        "namespace_v2",
        "unit_mode",
        "unit_name",
        "zone",
        "zone_mode",
        "vip_channel",
        "credentials",
        "tls",
        "remoting",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "producer_group" => self.producer_group = value.plain()?,
            "name_servers" => self.name_servers = value.plain::<OneOrMany>()?.joined(),
            "address_service" => self.address_service = Some(value.plain()?),
            "instance_name" => self.instance_name = Some(value.plain()?),
            "client_ip" => self.client_ip = Some(value.plain()?),
            "send_timeout" => self.send_timeout = value.time()?,
            "api_timeout" => self.api_timeout = value.time()?,
            "create_topic_key" => self.create_topic_key = value.plain()?,
            "default_topic_queue_nums" => self.default_topic_queue_nums = value.plain()?,
            "header_encoding" => self.header_encoding = value.word(ENCODINGS)?,
            "send_header" => self.send_header = value.word(SEND_HEADERS)?,
            "limits" => {
                let mut limits = Limits(self.limits.clone());
                value.section(&mut limits)?;
                self.limits = limits.0;
            }
            "max_group_length" => self.max_group_length = value.plain()?,
            "check_name_servers" => self.check_name_servers = value.plain()?,
            "warm_up" => self.warm_up = value.plain()?,
            "heartbeat_interval" => self.heartbeat_interval = value.time()?,
            "heartbeat_v2" => self.heartbeat_v2 = value.plain()?,
            "route_refresh_interval" => self.route_refresh_interval = value.time()?,
            "missing_topic_memory" => self.missing_topic_memory = value.time()?,
            "unused_topic_timeout" => self.unused_topic_timeout = value.time()?,
            "retries" => value.section(&mut self.retries)?,
            "back_pressure" => value.section(&mut self.back_pressure)?,
            "queue_choice" => self.queue_choice = value.word(QUEUE_CHOICES)?,
            "latency_fault" => {
                let mut form = LatencyFaultForm::over(self.latency_fault.as_ref());
                self.latency_fault = if value.switch(&mut form)? { Some(form.finish()?) } else { None };
            }
            "compression" => value.section(&mut self.compression)?,
            "namespace" => self.namespace = Some(value.plain()?),
            "namespace_v2" => self.namespace_v2 = Some(value.plain()?),
            "unit_mode" => self.unit_mode = value.plain()?,
            "unit_name" => self.unit_name = Some(value.plain()?),
            "zone" => self.zone = Some(value.plain()?),
            "zone_mode" => self.zone_mode = Some(value.plain()?),
            "vip_channel" => self.vip_channel = value.plain()?,
            #[cfg(feature = "acl")]
            "credentials" => self.credentials = Some(super::credentials::read(value)?),
            #[cfg(feature = "tls")]
            "tls" => {
                let mut tls = self.tls.clone().unwrap_or_default();
                self.tls = value.switch(&mut tls)?.then_some(tls);
            }
            "remoting" => value.section(&mut self.remoting)?,
            #[cfg(not(feature = "acl"))]
            "credentials" => return Err(value.refuse(needs("acl"))),
            #[cfg(not(feature = "tls"))]
            "tls" => return Err(value.refuse(needs("tls"))),
            _ => return Err(value.refuse("is not read")),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let Self {
            producer_group,
            name_servers,
            address_service,
            instance_name,
            client_ip,
            send_timeout,
            api_timeout,
            create_topic_key,
            default_topic_queue_nums,
            header_encoding,
            send_header,
            limits,
            max_group_length,
            check_name_servers,
            warm_up,
            heartbeat_interval,
            heartbeat_v2,
            route_refresh_interval,
            missing_topic_memory,
            unused_topic_timeout,
            retries,
            back_pressure,
            queue_choice,
            latency_fault,
            compression,
            namespace,
            namespace_v2,
            unit_mode,
            unit_name,
            zone,
            zone_mode,
            vip_channel,
            #[cfg(feature = "acl")]
            credentials,
            #[cfg(feature = "tls")]
            tls,
            remoting,
        } = self;
        out.text("producer_group", producer_group);
        out.text("name_servers", name_servers);
        out.text_or_unset("address_service", address_service.as_deref());
        out.text_or_unset("instance_name", instance_name.as_deref());
        out.text_or_unset("client_ip", client_ip.map(|ip| ip.to_string()).as_deref());
        out.time("send_timeout", *send_timeout);
        out.time("api_timeout", *api_timeout);
        out.text("create_topic_key", create_topic_key);
        out.line("default_topic_queue_nums", default_topic_queue_nums);
        out.text("header_encoding", word_of(ENCODINGS, *header_encoding));
        out.text("send_header", word_of(SEND_HEADERS, *send_header));
        out.section("limits", &Limits(limits.clone()));
        out.line("max_group_length", max_group_length);
        out.line("check_name_servers", check_name_servers);
        out.texts("warm_up", warm_up);
        out.time("heartbeat_interval", *heartbeat_interval);
        out.line("heartbeat_v2", heartbeat_v2);
        out.time("route_refresh_interval", *route_refresh_interval);
        out.time("missing_topic_memory", *missing_topic_memory);
        out.time("unused_topic_timeout", *unused_topic_timeout);
        out.section("retries", retries);
        out.section("back_pressure", back_pressure);
        out.text("queue_choice", word_of(QUEUE_CHOICES, *queue_choice));
        match latency_fault {
            Some(fault) => out.section("latency_fault", &LatencyFaultForm::over(Some(fault))),
            None => out.line("latency_fault", false),
        }
        out.section("compression", compression);
        out.text_or_unset("namespace", namespace.as_deref());
        out.text_or_unset("namespace_v2", namespace_v2.as_deref());
        out.line("unit_mode", unit_mode);
        out.text_or_unset("unit_name", unit_name.as_deref());
        out.text_or_unset("zone", zone.as_deref());
        match zone_mode {
            Some(zone_mode) => out.line("zone_mode", zone_mode),
            None => out.unset("zone_mode"),
        }
        out.line("vip_channel", vip_channel);
        #[cfg(feature = "acl")]
        match credentials {
            Some(source) => super::credentials::show(source, out),
            None => out.unset("credentials"),
        }
        #[cfg(feature = "tls")]
        match tls {
            Some(tls) => out.section("tls", tls),
            None => out.line("tls", false),
        }
        out.section("remoting", remoting);
    }
}

/// The word for a value.
pub(crate) fn word_of<T: PartialEq + Copy>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// One text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn joined(self) -> String {
        match self {
            Self::One(text) => text,
            Self::Many(texts) => texts.join(";"),
        }
    }
}

#[cfg(any(not(feature = "acl"), not(feature = "tls")))]
fn needs(feature: &str) -> String {
    format!("needs the feature `{feature}` of rmq-producer, which is not compiled in")
}

const ENCODINGS: &[(&str, HeaderEncoding)] =
    &[("json", HeaderEncoding::Json), ("binary", HeaderEncoding::Rocketmq), ("rocketmq", HeaderEncoding::Rocketmq)];
const SEND_HEADERS: &[(&str, SendHeaderVersion)] = &[("v1", SendHeaderVersion::V1), ("v2", SendHeaderVersion::V2)];
const QUEUE_CHOICES: &[(&str, QueueChoice)] =
    &[("round_robin", QueueChoice::RoundRobin), ("two_random", QueueChoice::TwoRandom)];
