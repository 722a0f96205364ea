//! What a client or server of this crate can be told: plain data with defaults.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{SystemClock, WallClock};
use crate::codec::FrameLimits;

/// Settings of a [`crate::RemotingClient`] or [`crate::RemotingServer`]. Java: `NettyClientConfig`.
#[doc(alias = "NettyClientConfig")]
#[derive(Clone)]
#[non_exhaustive]
pub struct RemotingConfig {
    /// How long one dial may take, name resolution and handshakes included. Default: 3 s, as in Java. A caller's deadline may be shorter;
    /// the dial then goes on for the next caller.
    pub connect_timeout: Duration,
    /// A connection without any traffic is closed after this time. Default: 100 s, before the 120 s after which servers close it
    /// themselves; zero switches it off. Java: `clientChannelMaxIdleTimeSeconds`.
    pub idle_timeout: Duration,
    /// What a peer may send. Default: 16 MiB frames, 1 MiB headers.
    pub frame_limits: FrameLimits,
    /// How many awaited requests the client holds at once, over all connections. Default: 8,192 (Java: 65,535); from 1 to 65,536.
    pub max_in_flight: usize,
    /// How many bytes of awaited requests the client holds at once. Default: 64 MiB (Java: unbounded).
    pub max_in_flight_bytes: usize,
    /// How many oneway requests may be waiting to be written at once. Default: 8,192 (Java: 65,535); from 1 to 65,536.
    pub max_oneway: usize,
    /// How many bytes of oneway requests may be waiting to be written at once. Default: 64 MiB (Java: unbounded).
    pub max_oneway_bytes: usize,
    /// How many awaited requests one connection carries at once. Default: 4,096; from 1 to 65,536.
    pub max_in_flight_per_connection: usize,
    /// A connection with more requests that were given up but never answered is replaced. Default: 1,024; at most 65,536.
    pub max_orphans: usize,
    /// Above this many bytes that wait to be written on a connection, further requests wait before they are encoded, so that they
    /// are known not to have been sent when their deadline comes. Default: 1 MiB.
    pub write_high_water_bytes: usize,
    /// How many requests from one peer are worked on at once; more are refused as busy and counted. Default: 1,024; 10,000 in a server.
    pub max_serving: usize,
    /// The longest pause before the second dial of a failing address; it doubles with each failure. Default: 100 ms. The real pause is
    /// random between zero and this (full jitter).
    pub reconnect_backoff_first: Duration,
    /// The longest pause between two dials of a failing address. Default: 10 s.
    pub reconnect_backoff_max: Duration,
    /// Where time stamps come from. Default: the system clock.
    pub clock: Arc<dyn WallClock>,
    /// Seed of jitter and ids. Default: none, i.e. from the operating system.
    pub seed: Option<u64>,
}

impl Default for RemotingConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(100),
            frame_limits: FrameLimits::default(),
            max_in_flight: 8_192,
            max_in_flight_bytes: 64 << 20,
            max_oneway: 8_192,
            max_oneway_bytes: 64 << 20,
            max_in_flight_per_connection: 4_096,
            max_orphans: 1_024,
            write_high_water_bytes: 1 << 20,
            max_serving: 1_024,
            reconnect_backoff_first: Duration::from_millis(100),
            reconnect_backoff_max: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            seed: None,
        }
    }
}

impl RemotingConfig {
    /// Checks every setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let counts = [
            ("max_in_flight", self.max_in_flight),
            ("max_oneway", self.max_oneway),
            ("max_in_flight_per_connection", self.max_in_flight_per_connection),
            ("max_orphans", self.max_orphans),
        ];
        for (option, value) in counts {
            if value == 0 || value > MAX_SLOTS {
                return Err(ConfigError { option, problem: format!("{value} is not from 1 to {MAX_SLOTS}") });
            }
        }
        let above_zero = [
            ("max_in_flight_bytes", self.max_in_flight_bytes),
            ("max_oneway_bytes", self.max_oneway_bytes),
            ("write_high_water_bytes", self.write_high_water_bytes),
            ("max_serving", self.max_serving),
            ("frame_limits.max_frame_bytes", self.frame_limits.max_frame_bytes),
        ];
        for (option, value) in above_zero {
            if value == 0 {
                return Err(ConfigError { option, problem: "must not be 0".into() });
            }
        }
        if self.connect_timeout.is_zero() {
            return Err(ConfigError { option: "connect_timeout", problem: "must not be 0".into() });
        }
        if self.reconnect_backoff_first > self.reconnect_backoff_max {
            let problem = format!("is longer than reconnect_backoff_max ({:?})", self.reconnect_backoff_max);
            return Err(ConfigError { option: "reconnect_backoff_first", problem });
        }
        Ok(())
    }
}

impl std::fmt::Debug for RemotingConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Taken apart, so that a new setting cannot be forgotten.
        let Self {
            connect_timeout,
            idle_timeout,
            frame_limits,
            max_in_flight,
            max_in_flight_bytes,
            max_oneway,
            max_oneway_bytes,
            max_in_flight_per_connection,
            max_orphans,
            write_high_water_bytes,
            max_serving,
            reconnect_backoff_first,
            reconnect_backoff_max,
            clock: _,
            seed,
        } = self;
        f.debug_struct("RemotingConfig")
            .field("connect_timeout", connect_timeout)
            .field("idle_timeout", idle_timeout)
            .field("frame_limits", frame_limits)
            .field("max_in_flight", max_in_flight)
            .field("max_in_flight_bytes", max_in_flight_bytes)
            .field("max_oneway", max_oneway)
            .field("max_oneway_bytes", max_oneway_bytes)
            .field("max_in_flight_per_connection", max_in_flight_per_connection)
            .field("max_orphans", max_orphans)
            .field("write_high_water_bytes", write_high_water_bytes)
            .field("max_serving", max_serving)
            .field("reconnect_backoff_first", reconnect_backoff_first)
            .field("reconnect_backoff_max", reconnect_backoff_max)
            .field("seed", seed)
            .finish_non_exhaustive()
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct ConfigError {
    option: &'static str,
    problem: String,
}

impl ConfigError {
    /// Names the setting.
    pub fn option(&self) -> &'static str {
        self.option
    }
}

/// Requests that one connection can hold, beside as many that were given up.
pub(crate) const MAX_SLOTS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(RemotingConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        type Spoil = fn(&mut RemotingConfig);
        let cases: [(&str, Spoil); 6] = [
            ("max_in_flight", |config| config.max_in_flight = 0),
            ("max_in_flight_per_connection", |config| config.max_in_flight_per_connection = 65_537),
            ("max_in_flight_bytes", |config| config.max_in_flight_bytes = 0),
            ("connect_timeout", |config| config.connect_timeout = Duration::ZERO),
            ("reconnect_backoff_first", |config| config.reconnect_backoff_first = Duration::from_secs(11)),
            ("max_serving", |config| config.max_serving = 0),
        ];
        for (option, spoil) in cases {
            let mut config = RemotingConfig::default();
            spoil(&mut config);
            assert_eq!(config.validate().unwrap_err().option(), option);
        }
    }
}
