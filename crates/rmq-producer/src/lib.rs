//! A producer for Apache RocketMQ over the remoting protocol.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod attempts;
mod builder;
mod callback;
pub mod compression;
mod config;
mod discovery;
mod enqueue_request;
mod error;
mod fault_probe;
mod hook;
mod in_flight_limits;
mod instance;
mod latency_fault;
mod metrics;
pub mod namespace;
mod producer;
mod protocol;
mod queue_choice;
mod retry_policy;
pub mod selector;
mod send;
mod send_handle;
mod send_request;
mod send_result;
mod send_way;
mod vip;
mod zone;

pub use attempts::{Attempt, AttemptPhase};
pub use builder::ProducerBuilder;
pub use callback::CallbackExecutor;
pub use compression::Compression;
pub use config::{EnvironmentError, InvalidOption, ProducerConfig, SendHeaderVersion};
pub use discovery::{
    AddressService, Discovery, DiscoveryError, HttpError, InvalidAddressService, NameServerEnvironment,
};
pub use enqueue_request::{EnqueueFuture, EnqueueRequest};
pub use error::{AttemptError, NoRoom, Outcome, SelectError, SendError, SendErrorKind, StartError};
pub use hook::{
    CheckForbiddenContext, CheckForbiddenHook, HookError, MessageType, RpcHook, SendContext, SendEnd, SendHook,
    SendReport,
};
pub use in_flight_limits::InFlightLimits;
pub use instance::{
    IntoNameServers, InvalidNameServers, NameServerFailure, NameServerList, NameServersError, RouteError,
    ServerRequestMetrics, ShutdownReport,
};
pub use latency_fault::LatencyFault;
pub use metrics::{BrokerMetrics, LatencyBuckets, MetricsSnapshot};
pub use producer::Producer;
pub use queue_choice::QueueChoice;
pub use retry_policy::RetryPolicy;
pub use send_handle::SendHandle;
pub use send_request::{OnewayFuture, OnewayRequest, SendFuture, SendRequest};
pub use send_result::{SendResult, SendStatus};
pub use send_way::SendWay;

pub use rmq_fault::{PenaltyTable, UpdateRule};
pub use rmq_message::{Message, MessageLimits, MessageQueue};
pub use rmq_remoting::ResponseCode;
pub use rmq_remoting::{
    BoxFuture, ConnectionEnd, ConnectionEvent, Connector, HeaderEncoding, RemotingConfig, RemotingError,
};
#[cfg(feature = "acl")]
pub use rmq_remoting::{Credentials, CredentialsError, CredentialsProvider, CredentialsSource};
#[cfg(feature = "tls")]
pub use rmq_remoting::{TlsConfig, TlsConfigError, TlsError, TlsProblem, TlsRoots};
