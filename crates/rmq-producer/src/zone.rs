//! Zones: two fields of every request, by which name servers of 5.x choose the brokers that a route shows.
//!
//! Added before any hook of the user's runs, so that what signs a request signs them too: in Java they are added afterwards, and a broker
//! that verifies signatures refuses the request.

use rmq_remoting::{Endpoint, HookError, RemotingCommand, RpcHook};

use crate::config::ProducerConfig;

/// Writes the zone into requests. Java: `DynamicalExtFieldRPCHook`.
pub(crate) struct ZoneHeader {
    name: Option<String>,
    mode: Option<bool>,
}

impl ZoneHeader {
    /// `None` where requests say nothing of zones.
    pub(crate) fn of(config: &ProducerConfig) -> Option<Self> {
        let (name, mode) = (config.zone.clone(), config.zone_mode);
        (name.is_some() || mode.is_some()).then_some(Self { name, mode })
    }
}

impl RpcHook for ZoneHeader {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        if let Some(name) = &self.name {
            request.ext_fields_mut().set(ZONE_NAME, name.as_str());
        }
        if let Some(mode) = self.mode {
            request.ext_fields_mut().set(ZONE_MODE, if mode { "true" } else { "false" });
        }
        Ok(())
    }
}

const ZONE_NAME: &str = "__ZONE_NAME";
const ZONE_MODE: &str = "__ZONE_MODE";
