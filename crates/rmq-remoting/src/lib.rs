//! The remoting protocol of Apache RocketMQ: both halves of a connection, and nothing of what is said over it.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "acl")]
mod acl;
mod answer;
mod client;
mod clock;
mod code;
mod codec;
mod command;
mod config;
mod connection;
mod connector;
mod deadline;
mod endpoint;
mod error;
mod event;
mod ext_fields;
mod frame_error;
mod header;
mod language;
mod pending_answer;
mod pending_write;
mod pool;
mod processor;
mod request_frame;
mod room;
mod rpc_hook;
mod server;
mod stats;
mod tcp_connector;
#[cfg(feature = "tls")]
mod tls;
mod version;

#[cfg(feature = "acl")]
pub use acl::{AclHook, Credentials, CredentialsError, CredentialsProvider, CredentialsSource, KeyFile};
pub use answer::{Answer, AnswerFields, FieldText};
pub use client::{Line, Party, RemotingClient, RemotingClientBuilder, RemotingShutdownReport};
pub use clock::{Random, SystemClock, WallClock};
pub use code::{RequestCode, ResponseCode};
pub use codec::{
    FieldValue, FilledRequest, FrameCodec, FrameLimits, HeaderPiece, HeaderText, OpenField, RequestTemplate,
};
pub use command::{HeaderEncoding, RemotingCommand};
pub use config::{ConfigError, RemotingConfig};
pub use connection::Connection;
pub use connector::{Acceptor, BoxFuture, Connector, Stream, Transport};
pub use deadline::Deadline;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Certainty, ConnectionEnd, RemotingError, RoomLimit};
pub use event::ConnectionEvent;
pub use ext_fields::{ExtFields, Iter as ExtFieldsIter};
pub use frame_error::FrameError;
pub use header::{CommandHeader, HeaderError};
pub use language::LanguageCode;
pub use pending_answer::PendingAnswer;
pub use pending_write::PendingWrite;
pub use processor::{ConnectionContext, Processor};
pub use request_frame::RequestFrame;
pub use room::{Acquire, Permit, Room, Taken};
pub use rpc_hook::{HookError, RpcHook};
pub use server::{RemotingServer, RemotingServerBuilder};
pub use stats::RemotingStats;
pub use tcp_connector::TcpConnector;
#[cfg(feature = "tls")]
pub use tls::{
    TlsAcceptor, TlsConfig, TlsConfigError, TlsConnector, TlsError, TlsProblem, TlsRoots, TlsServerConfig,
    TlsServerMode,
};
pub use version::MqVersion;
