//! Zones: two fields of every request, by which name servers of 5.x choose the brokers that a route shows.
//!
//! Added before any hook of the user's runs, so that what signs a request signs them too: in Java they are added afterwards, and a broker
//! that verifies signatures refuses the request.

use crate::config::ProducerConfig;

/// The fields that every request carries, or none. Java: `DynamicalExtFieldRPCHook`.
pub(crate) fn header_fields(config: &ProducerConfig) -> impl Iterator<Item = (&'static str, String)> {
    let name = config.zone.clone().map(|name| (ZONE_NAME, name));
    let mode = config.zone_mode.map(|mode| (ZONE_MODE, mode.to_string()));
    name.into_iter().chain(mode)
}

const ZONE_NAME: &str = "__ZONE_NAME";
const ZONE_MODE: &str = "__ZONE_MODE";
