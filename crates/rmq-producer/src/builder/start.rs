//! Start: checked options → transport, place in an instance, producer.
//!
//! Nothing is sent before all options are checked, and nothing is left behind by a start that fails.

use std::sync::Arc;

use rmq_remoting::RemotingClient;
#[cfg(feature = "tls")]
use rmq_remoting::{Connector, TlsConfig};

use super::ProducerBuilder;
use crate::error::StartError;
use crate::hook::CaughtRpcHook;
#[cfg(feature = "tls")]
use crate::instance::NameServerList;
use crate::instance::{InstanceConfig, Member, MemberConfig, Terms, WithoutListeners};
use crate::namespace::Namespace;
use crate::producer::Producer;
use crate::send::Sender;
use crate::zone;

impl ProducerBuilder {
    /// Checks the options and the name servers, makes the topics of [`warm_up`](Self::warm_up) ready, and starts the producer. Must be
    /// awaited inside a tokio runtime.
    ///
    /// A producer with an [`instance_name`](Self::instance_name) may find one of the same client id, or group, that is about to end, and
    /// waits for that up to [`api_timeout`](Self::api_timeout).
    ///
    /// # Errors
    /// An option makes no sense, or not beside those of a producer of the same client id; no name server answered within
    /// [`api_timeout`](Self::api_timeout); a topic cannot be made ready. Nothing is left behind then.
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
        let terms = self.terms();
        let config = self.config;
        config.check()?;
        let (name_servers, listed) = match self.discovery {
            // What is discovered is no configuration: a name that certificates may be for has to be said.
            Some(discovery) => (discovery, None),
            None => config.finder()?,
        };
        name_servers.check()?;
        self.callbacks.validate()?;
        let resolve_hosts = self.connector.is_none();
        let mut transport = RemotingClient::builder().config(config.remoting.clone());
        let connector = self.connector;
        #[cfg(feature = "tls")]
        let connector = match &config.tls {
            Some(tls) => Some(secured(tls, listed.as_ref(), connector)?),
            None => connector,
        };
        #[cfg(not(feature = "tls"))]
        drop(listed);
        if let Some(connector) = connector {
            transport = transport.connector(connector);
        }
        let namespace_v2 = config.namespace_v2.as_deref().map(Namespace::v2).unwrap_or_default();
        for (name, value) in namespace_v2.header_fields().into_iter().flatten() {
            transport = transport.field(name, value);
        }
        for (name, value) in zone::header_fields(&config) {
            transport = transport.field(name, value);
        }
        let hook_panics = Arc::default();
        for hook in self.rpc_hooks {
            transport = transport.hook(CaughtRpcHook { hook, panics: Arc::clone(&hook_panics) });
        }
        // The last one: what a later hook added would not be signed.
        #[cfg(feature = "acl")]
        if let Some(source) = &config.credentials {
            let hook = Arc::new(rmq_remoting::AclHook::new(source)?);
            transport = transport.hook(CaughtRpcHook { hook, panics: Arc::clone(&hook_panics) });
        }
        let names = config.name_prefix();
        let producer_group: Arc<str> = names.wrap(&config.producer_group).into();
        let place = MemberConfig {
            group: Arc::clone(&producer_group),
            producer: Arc::new(WithoutListeners::new(Arc::clone(&producer_group))),
            check_name_servers: config.check_name_servers,
            warm_up: config.warm_up.iter().map(|topic| names.wrap(topic).into()).collect(),
            vip_channel: config.vip_channel,
        };
        let instance = InstanceConfig {
            name_servers,
            client_ip: config.client_ip,
            resolve_hosts,
            instance_name: config.instance_name.clone(),
            unit_name: config.unit_name.clone(),
            create_topic_key: config.create_topic_key.as_str().into(),
            default_topic_queue_nums: config.default_topic_queue_nums,
            header_encoding: config.header_encoding,
            api_timeout: config.api_timeout,
            heartbeat_interval: config.heartbeat_interval,
            heartbeat_v2: config.heartbeat_v2,
            route_refresh_interval: config.route_refresh_interval,
            missing_topic_memory: config.missing_topic_memory,
            unused_topic_timeout: config.unused_topic_timeout,
            clock: Arc::clone(&config.remoting.clock),
            transport: terms,
            hook_panics,
            request_counters: Arc::default(),
        };
        let place = Member::join(instance, place, transport).await?;
        Ok(Producer::new(Sender::new(config, producer_group, place, self.callbacks, self.hooks)))
    }

    /// What producers have to agree on of the transport, if they are to share an instance.
    fn terms(&self) -> Terms {
        let config = &self.config;
        let terms = Terms::default()
            .text("remoting", &config.remoting)
            .text("namespace_v2", &config.namespace_v2)
            .text("zone", &config.zone)
            .text("zone_mode", &config.zone_mode)
            .identity("connector", self.connector.iter().map(|connector| connector.identity()))
            .identity("rpc_hook", self.rpc_hooks.iter().map(|hook| Arc::as_ptr(hook).addr()));
        #[cfg(feature = "acl")]
        let terms = terms.equal("credentials", config.credentials.clone());
        #[cfg(feature = "tls")]
        let terms = terms.equal("tls", config.tls.clone());
        terms
    }
}

/// Puts TLS around what dials. Names come from the configured list, never from a route.
#[cfg(feature = "tls")]
fn secured(
    tls: &TlsConfig,
    listed: Option<&NameServerList>,
    connector: Option<Arc<dyn Connector>>,
) -> Result<Arc<dyn Connector>, rmq_remoting::TlsConfigError> {
    let hosts = listed.map_or(&[][..], NameServerList::endpoints).iter().map(rmq_remoting::Endpoint::host);
    let plain = connector.unwrap_or_else(|| Arc::new(rmq_remoting::TcpConnector));
    Ok(Arc::new(rmq_remoting::TlsConnector::new(tls, hosts, plain)?))
}
