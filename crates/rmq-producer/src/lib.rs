#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempts;
mod builder;
pub mod compression;
mod config;
mod error;
mod fault_probe;
mod instance;
mod latency_fault;
pub mod namespace;
mod producer;
mod protocol;
mod retry_policy;
pub mod selector;
mod send;
mod send_request;
mod send_result;
mod vip;

pub use attempts::{Attempt, AttemptPhase};
pub use builder::ProducerBuilder;
pub use compression::Compression;
pub use config::{InvalidOption, ProducerConfig, SendHeaderVersion};
pub use error::{AttemptError, Outcome, SelectError, SendError, SendErrorKind, StartError};
pub use instance::{
    IntoNameServers, InvalidNameServers, NameServerFailure, NameServerList, NameServersError, RouteError,
    ShutdownReport,
};
pub use latency_fault::LatencyFault;
pub use producer::Producer;
pub use retry_policy::RetryPolicy;
pub use send_request::{OnewayFuture, OnewayRequest, SendFuture, SendRequest};
pub use send_result::{SendResult, SendStatus};

pub use rmq_fault::{PenaltyTable, UpdateRule};
pub use rmq_message::{Message, MessageLimits, MessageQueue};
pub use rmq_remoting::ResponseCode;
pub use rmq_remoting::{Connector, HeaderEncoding, RemotingConfig};
