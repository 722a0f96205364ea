#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempts;
mod builder;
mod config;
mod error;
mod instance;
mod producer;
mod protocol;
mod send;
mod send_request;
mod send_result;

pub use attempts::{Attempt, AttemptPhase};
pub use builder::ProducerBuilder;
pub use config::{InvalidOption, ProducerConfig, SendHeaderVersion};
pub use error::{AttemptError, Outcome, SendError, SendErrorKind, StartError};
pub use instance::{
    IntoNameServers, InvalidNameServers, NameServerFailure, NameServerList, NameServersError, RouteError,
    ShutdownReport,
};
pub use producer::Producer;
pub use send_request::{OnewayFuture, OnewayRequest, SendFuture, SendRequest};
pub use send_result::{SendResult, SendStatus};

pub use rmq_message::{Message, MessageLimits, MessageQueue};
pub use rmq_remoting::{Connector, HeaderEncoding, RemotingConfig};
