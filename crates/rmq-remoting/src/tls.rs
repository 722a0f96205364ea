//! TLS, for clients and for servers: a [`TlsConnector`] around any connector, a [`TlsAcceptor`] around any acceptor.
//!
//! A client that speaks TLS has verified its peer or has no connection; which names a peer may have comes from the configuration, never from a
//! route. The one way out is called dangerous.

mod acceptor;
mod config;
mod connector;
mod error;
mod material;
mod pem;
mod server_config;
mod server_stream;
mod stream;
mod verifier;

pub use acceptor::TlsAcceptor;
pub use config::{TlsConfig, TlsRoots};
pub use connector::TlsConnector;
pub use error::{TlsConfigError, TlsError, TlsProblem};
pub use server_config::{TlsServerConfig, TlsServerMode};
