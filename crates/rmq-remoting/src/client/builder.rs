//! RemotingClientBuilder: options → client.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::party::PartyNumbers;
use super::{Inner, RemotingClient};
use crate::clock::Random;
use crate::code::RequestCode;
use crate::config::{ConfigError, RemotingConfig};
use crate::connection::Settings;
use crate::connector::Connector;
use crate::pool::Pool;
use crate::processor::Processor;
use crate::room::Room;
use crate::rpc_hook::RpcHook;
use crate::tcp_connector::TcpConnector;

/// Options of a [`RemotingClient`].
#[must_use]
#[derive(Default)]
pub struct RemotingClientBuilder {
    config: RemotingConfig,
    connector: Option<Arc<dyn Connector>>,
    processors: HashMap<RequestCode, Arc<dyn Processor>>,
    fallback: Option<Arc<dyn Processor>>,
    hooks: Vec<Arc<dyn RpcHook>>,
    fields: Vec<(Cow<'static, str>, String)>,
}

impl RemotingClientBuilder {
    /// Sets limits, time-outs, clock and seed.
    pub fn config(mut self, config: RemotingConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets where sockets come from. Default: [`TcpConnector`].
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Sets who answers requests of the peer with this code. Others are answered with `REQUEST_CODE_NOT_SUPPORTED`.
    #[doc(alias = "registerProcessor")]
    pub fn processor(mut self, code: RequestCode, processor: impl Processor) -> Self {
        self.processors.insert(code, Arc::new(processor));
        self
    }

    /// Sets who answers requests of all other codes.
    pub fn default_processor(mut self, processor: impl Processor) -> Self {
        self.fallback = Some(Arc::new(processor));
        self
    }

    /// Adds a field to the header of every request, in place of one of that name, and before any hook runs. Templates have it if they are
    /// made by [`RemotingClient::template`].
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Adds a hook; hooks run in the order they were added.
    #[doc(alias = "registerRPCHook")]
    pub fn hook(mut self, hook: impl RpcHook) -> Self {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Checks the options. Opens nothing yet.
    pub fn build(self) -> Result<RemotingClient, ConfigError> {
        self.config.validate()?;
        let config = self.config;
        let oneway_room = Room::new(config.max_oneway, config.max_oneway_bytes);
        let random = Arc::new(Random::new(config.seed));
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let settings = Settings::new(config, self.processors, self.fallback);
        let connector = self.connector.unwrap_or_else(|| Arc::new(TcpConnector));
        let pool = Pool::new(Arc::clone(&settings), connector, Arc::clone(&random), events.clone());
        let (hooks, fields) = (self.hooks.into(), self.fields.into());
        let parties = PartyNumbers::default();
        let inner = Inner { settings, pool, hooks, fields, oneway_room, events, random, parties };
        Ok(RemotingClient { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for RemotingClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

const EVENTS_KEPT: usize = 256;
