//! RocketMQ name servers and brokers inside a process, with faults by script.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "acl")]
mod access_control;
mod broker;
mod builder;
mod clock;
mod cluster;
mod dialect;
mod error;
mod fields;
mod java_json;
mod name_server;
mod names;
mod network;
mod property_text;
mod random;
mod recorder;
mod script;
mod server;
mod store;
mod voice;

#[cfg(feature = "acl")]
pub use access_control::Account;
pub use broker::{Broker, PushError, SeenClient};
pub use builder::TestClusterBuilder;
pub use cluster::TestCluster;
pub use dialect::Dialect;
pub use error::StartError;
pub use name_server::{NameServer, Route};
pub use network::{Line, LineFault};
pub use recorder::RecordedRequest;
pub use rmq_remoting::{Connector, HeaderEncoding, RemotingCommand, RequestCode, ResponseCode};
#[cfg(feature = "tls")]
pub use rmq_remoting::{TlsServerConfig, TlsServerMode};
pub use script::{Fault, FaultHandle};
pub use store::StoredCopy;
