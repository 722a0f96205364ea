//! Real Apache RocketMQ servers for tests: fetched, started, told to fail, stopped.
//!
#![doc = include_str!("../README.md")]

mod availability;
mod cache;
mod cluster;
mod detached;
mod home;
mod jdk;
mod launch;
mod log_tail;
mod maven;
mod oracle;
mod ports;
mod read_message;
mod run_folder;
mod shared;
mod signal;
mod spec;
mod supervisor;
mod version;
mod wire;

pub use availability::{Missing, availability, availability_of, available_or_skipped};
pub use cache::CACHE_VARIABLE;
pub use cluster::{Cluster, KEEP_VARIABLE, Server};
pub use detached::{Detached, DetachedServer};
pub use home::Home;
pub use oracle::Oracle;
pub use read_message::{KnownProducer, ReadMessage, SentMessage};
pub use shared::Shared;
pub use spec::{BrokerSpec, ClusterSpec};
pub use version::{InvalidVersion, Version};
