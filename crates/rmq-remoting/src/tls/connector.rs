//! TlsConnector: any connector, and a handshake behind each dial.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tracing::warn;

use super::config::TlsConfig;
use super::error::{TlsConfigError, TlsError};
use super::material::Material;
use super::stream::{ClientStream, boxed};
use crate::connector::{BoxFuture, Connector, Stream};
use crate::endpoint::Endpoint;

/// Speaks TLS over the streams of another connector. The handshake is part of the dial, and of its time limit: whatever goes wrong in it, no byte
/// of a request was sent.
pub struct TlsConnector {
    inner: Arc<dyn Connector>,
    material: Arc<Material>,
    expected: Arc<str>,
}

impl TlsConnector {
    /// Reads the files of the settings. `known_hosts` are the hosts that the user has named, such as those of the name servers: a certificate must
    /// be for one of them, or for the settings' [`server_name`](TlsConfig::server_name) if there is one. Where a dial leads plays no part, because a
    /// route may have said it.
    ///
    /// # Errors
    /// A file or name is of no use, or no name is known.
    pub fn new<'a>(
        config: &TlsConfig,
        known_hosts: impl IntoIterator<Item = &'a str>,
        inner: impl Connector,
    ) -> Result<Self, TlsConfigError> {
        let hosts = match config.expected_name() {
            Some(name) => vec![name],
            None => known_hosts.into_iter().collect(),
        };
        let mut names: Vec<ServerName<'static>> = Vec::new();
        for host in hosts {
            let name = ServerName::try_from(host.to_owned());
            let name = name.map_err(|_| TlsConfigError::ServerName { name: host.chars().take(80).collect() })?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // Who accepts any certificate expects no name.
        if names.is_empty() && !config.accepts_any_certificate() {
            return Err(TlsConfigError::NoServerName);
        }
        if config.accepts_any_certificate() && config.own().is_none() {
            warn!("TLS without verification: whoever answers is taken for the server");
        }
        let expected = names.iter().map(ServerName::to_str).collect::<Vec<_>>().join(" or ").into();
        let material = Arc::new(Material::load(config, names.into())?);
        Ok(Self { inner: Arc::new(inner), material, expected })
    }
}

impl Connector for TlsConnector {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        let dial = self.inner.connect(to);
        let (material, expected) = (Arc::clone(&self.material), Arc::clone(&self.expected));
        let (addr, host) = (Arc::clone(to.as_shared()), ServerName::try_from(to.host().to_owned()).ok());
        Box::pin(async move {
            let names = material.names();
            // What the server is told that it is asked for: its own name, as far as the user has named it.
            let name = names.iter().find(|name| Some(*name) == host.as_ref()).or_else(|| names.first()).cloned();
            let name = name
                .or(host)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, TlsConfigError::NoServerName))?;
            let client = material.current().await;
            let plain = boxed(dial.await?);
            match tokio_rustls::TlsConnector::from(client).connect(name, plain).await {
                Ok(tls) => Ok(Stream::boxed(ClientStream { tls, addr, expected, heard: false, broken: None })),
                Err(error) => Err(TlsError::explain(error, &addr, &expected, true)),
            }
        })
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("expected", &self.expected).finish_non_exhaustive()
    }
}
