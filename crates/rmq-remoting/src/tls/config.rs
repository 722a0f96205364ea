//! TlsConfig: whom a client trusts, and as whom it introduces itself; plain data.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

/// Which authorities a server's certificate may be signed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsRoots {
    /// Those that the operating system trusts.
    #[default]
    Platform,
    /// Those of Mozilla, compiled in: the same on every machine, also in an empty container.
    WebPki,
    /// Those in a PEM file, and no others: the usual choice for a cluster of one's own. Java: `tls.client.trustCertPath`.
    PemFile(PathBuf),
}

/// Settings of a [`TlsConnector`](crate::TlsConnector). Java: the properties `tls.client.…`, but that servers are verified here by default.
///
/// Files are read when the connector is made, and again for each dial: a changed one counts from the next dial on, and one that has become
/// unreadable leaves the last good one in force.
#[doc(alias("tls.enable", "useTLS"))]
#[derive(Clone, Default)]
pub struct TlsConfig {
    roots: TlsRoots,
    identity: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    accept_any: bool,
    own: Option<Arc<ClientConfig>>,
}

impl TlsConfig {
    /// Verifies servers against the platform's authorities, shows no certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whose signature a server's certificate must have. Default: [`TlsRoots::Platform`].
    #[must_use]
    pub fn roots(mut self, roots: TlsRoots) -> Self {
        self.roots = roots;
        self
    }

    /// Trusts the authorities in a PEM file, and no others.
    #[doc(alias = "tls.client.trustCertPath")]
    #[must_use]
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        self.roots(TlsRoots::PemFile(path.into()))
    }

    /// Shows a certificate to servers that ask for one: PEM files with the chain, the own certificate first, and with its key (PKCS#8, PKCS#1
    /// or SEC1, not encrypted).
    #[doc(alias("tls.client.certPath", "tls.client.keyPath"))]
    #[must_use]
    pub fn client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((chain.into(), key.into()));
        self
    }

    /// Sets the name, or IP address, that the certificates of all servers must be for, name servers and brokers alike. Default: none, i.e. any
    /// one of the hosts that the connector is told (a producer: the hosts of its name servers). Java verifies no name.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// **Verifies nothing**: whoever answers is taken for the server, and may read and change everything. For the stock test server, whose
    /// certificate is made anew at each start. Java's default (`tls.test.mode.enable`).
    #[doc(alias("tls.test.mode.enable", "tls.client.authServer"))]
    #[must_use]
    pub fn dangerous_accept_any_certificate(mut self, accept: bool) -> Self {
        self.accept_any = accept;
        self
    }

    /// Uses a configuration of rustls as it is: roots, client certificate and verification set here are left aside; the name still counts, the
    /// first one if there are several.
    #[must_use]
    pub fn rustls(mut self, config: Arc<ClientConfig>) -> Self {
        self.own = Some(config);
        self
    }

    /// Returns which authorities are trusted.
    pub fn trusted(&self) -> &TlsRoots {
        &self.roots
    }

    /// Returns the files of the client's certificate chain and of its key.
    pub fn identity(&self) -> Option<(&Path, &Path)> {
        self.identity.as_ref().map(|(chain, key)| (chain.as_path(), key.as_path()))
    }

    /// Returns the name that all servers must have.
    pub fn expected_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Tells whether servers go unverified.
    pub fn accepts_any_certificate(&self) -> bool {
        self.accept_any
    }

    /// Returns the configuration of rustls that takes the place of all this.
    pub fn own(&self) -> Option<&Arc<ClientConfig>> {
        self.own.as_ref()
    }
}

/// Equal when they say the same; two configurations of rustls are the same only if they are one.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        let own = match (&self.own, &other.own) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        own && self.roots == other.roots
            && self.identity == other.identity
            && self.server_name == other.server_name
            && self.accept_any == other.accept_any
    }
}

impl Eq for TlsConfig {}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("roots", &self.roots)
            .field("identity", &self.identity)
            .field("server_name", &self.server_name)
            .field("dangerous_accept_any_certificate", &self.accept_any)
            .field("rustls", &self.own.is_some())
            .finish()
    }
}
