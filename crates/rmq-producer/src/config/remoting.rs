//! `remoting`: the transport. Its clock is for tests and is not in files.

use rmq_remoting::{FrameLimits, RemotingConfig};
use serde::de::MapAccess;

use super::section::{Section, Shown, Value};

impl Section for RemotingConfig {
    const KEYS: &'static [&'static str] = &[
        "connect_timeout",
        "idle_timeout",
        "frame_limits",
        "max_in_flight",
        "max_in_flight_bytes",
        "max_oneway",
        "max_oneway_bytes",
        "max_in_flight_per_connection",
        "max_orphans",
        "write_high_water_bytes",
        "max_serving",
        "reconnect_backoff_first",
        "reconnect_backoff_max",
        "seed",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "connect_timeout" => self.connect_timeout = value.time()?,
            "idle_timeout" => self.idle_timeout = value.time()?,
            "frame_limits" => value.section(&mut self.frame_limits)?,
            "max_in_flight" => self.max_in_flight = value.plain()?,
            "max_in_flight_bytes" => self.max_in_flight_bytes = value.bytes()?,
            "max_oneway" => self.max_oneway = value.plain()?,
            "max_oneway_bytes" => self.max_oneway_bytes = value.bytes()?,
            "max_in_flight_per_connection" => self.max_in_flight_per_connection = value.plain()?,
            "max_orphans" => self.max_orphans = value.plain()?,
            "write_high_water_bytes" => self.write_high_water_bytes = value.bytes()?,
            "max_serving" => self.max_serving = value.plain()?,
            "reconnect_backoff_first" => self.reconnect_backoff_first = value.time()?,
            "reconnect_backoff_max" => self.reconnect_backoff_max = value.time()?,
            "seed" => self.seed = Some(value.plain()?),
            _ => return Err(value.refuse("is not read")),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        out.time("connect_timeout", self.connect_timeout);
        out.time("idle_timeout", self.idle_timeout);
        out.section("frame_limits", &self.frame_limits);
        out.line("max_in_flight", self.max_in_flight);
        out.bytes("max_in_flight_bytes", self.max_in_flight_bytes);
        out.line("max_oneway", self.max_oneway);
        out.bytes("max_oneway_bytes", self.max_oneway_bytes);
        out.line("max_in_flight_per_connection", self.max_in_flight_per_connection);
        out.line("max_orphans", self.max_orphans);
        out.bytes("write_high_water_bytes", self.write_high_water_bytes);
        out.line("max_serving", self.max_serving);
        out.time("reconnect_backoff_first", self.reconnect_backoff_first);
        out.time("reconnect_backoff_max", self.reconnect_backoff_max);
        match self.seed {
            Some(seed) => out.line("seed", seed),
            None => out.unset("seed"),
        }
    }
}

impl Section for FrameLimits {
    const KEYS: &'static [&'static str] = &["max_frame_bytes", "max_header_bytes", "max_ext_fields", "max_json_depth"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "max_frame_bytes" => self.max_frame_bytes = value.bytes()?,
            "max_header_bytes" => self.max_header_bytes = value.bytes()?,
            "max_ext_fields" => self.max_ext_fields = value.plain()?,
            "max_json_depth" => self.max_json_depth = value.plain()?,
            _ => return Err(value.refuse("is not read")),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        out.bytes("max_frame_bytes", self.max_frame_bytes);
        out.bytes("max_header_bytes", self.max_header_bytes);
        out.line("max_ext_fields", self.max_ext_fields);
        out.line("max_json_depth", self.max_json_depth);
    }
}
