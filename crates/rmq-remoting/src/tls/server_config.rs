//! TlsServerConfig: as whom a server introduces itself, and which clients it takes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::error::TlsConfigError;
use super::material::{provider, roots_of};
use super::pem;

/// What a server does with clients that do not speak TLS. Java: `tls.server.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "tls.server.mode")]
pub enum TlsServerMode {
    /// Serves them too, on the same port: the first byte of a connection tells. Java's default.
    #[default]
    Permissive,
    /// Closes their connections.
    Enforcing,
}

/// Settings of a [`TlsAcceptor`](crate::TlsAcceptor).
#[derive(Clone)]
pub struct TlsServerConfig {
    pub(super) server: Arc<ServerConfig>,
    pub(super) mode: TlsServerMode,
}

impl TlsServerConfig {
    /// Shows this certificate chain, the own certificate first, with its key; both in PEM form. Permissive.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn new(chain_pem: impl AsRef<[u8]>, key_pem: impl AsRef<[u8]>) -> Result<Self, TlsConfigError> {
        Self::make(chain_pem.as_ref(), key_pem.as_ref(), None)
    }

    /// As [`new`](Self::new), and takes only clients whose certificate is signed by an authority in `authorities_pem`.
    ///
    /// # Errors
    /// One of the texts cannot be used.
    #[doc(alias = "tls.server.need.client.auth")]
    pub fn mutual(
        chain_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
        authorities_pem: impl AsRef<[u8]>,
    ) -> Result<Self, TlsConfigError> {
        Self::make(chain_pem.as_ref(), key_pem.as_ref(), Some(authorities_pem.as_ref()))
    }

    /// Uses a configuration of rustls as it is. Permissive.
    pub fn rustls(server: Arc<ServerConfig>) -> Self {
        Self { server, mode: TlsServerMode::default() }
    }

    /// Sets what becomes of clients that do not speak TLS. Default: they are served.
    #[must_use]
    pub fn mode(mut self, mode: TlsServerMode) -> Self {
        self.mode = mode;
        self
    }

    fn make(chain: &[u8], key: &[u8], authorities: Option<&[u8]>) -> Result<Self, TlsConfigError> {
        let given = Path::new("given");
        let (chain, key) = (pem::certificates(chain, given, "the certificate")?, pem::key(key, given)?);
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = builder.map_err(TlsConfigError::Rustls)?;
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots_of(pem, given)?), provider).build();
                let problem = |error: rustls::client::VerifierBuilderError| {
                    TlsConfigError::Rustls(rustls::Error::General(error.to_string()))
                };
                builder.with_client_cert_verifier(verifier.map_err(problem)?)
            }
        };
        let server = builder.with_single_cert(chain, key).map_err(TlsConfigError::Identity)?;
        Ok(Self::rustls(Arc::new(server)))
    }
}

impl fmt::Debug for TlsServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServerConfig").field("mode", &self.mode).finish_non_exhaustive()
    }
}
