//! Material: settings and files made into what rustls dials with, anew when a file has changed.
//!
//! There is always something to dial with: a file that became unreadable leaves the last good material in force.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;
use zeroize::Zeroizing;

use super::config::{TlsConfig, TlsRoots};
use super::error::TlsConfigError;
use super::pem;
use super::verifier::{AnyCertificate, NamedVerifier};

pub(super) struct Material {
    config: TlsConfig,
    names: Arc<[ServerName<'static>]>,
    loaded: Mutex<Loaded>,
    hasher: RandomState,
}

struct Loaded {
    /// Of the files' bytes.
    fingerprint: u64,
    client: Arc<ClientConfig>,
}

/// The bytes of the files that the settings name.
struct Files {
    roots: Option<Bytes>,
    /// Chain and key.
    identity: Option<(Bytes, Bytes)>,
}

type Bytes = Zeroizing<Vec<u8>>;

impl Material {
    pub(super) fn load(config: &TlsConfig, names: Arc<[ServerName<'static>]>) -> Result<Self, TlsConfigError> {
        let hasher = RandomState::new();
        let files = Files::read(config)?;
        let loaded = Loaded { fingerprint: files.fingerprint(&hasher), client: client(config, &names, &files)? };
        Ok(Self { config: config.clone(), names, loaded: Mutex::new(loaded), hasher })
    }

    pub(super) fn names(&self) -> &[ServerName<'static>] {
        &self.names
    }

    /// What to dial with now. Reads the files on a thread for blocking work.
    pub(super) async fn current(self: &Arc<Self>) -> Arc<ClientConfig> {
        if self.config.own().is_none() && self.has_files() {
            let material = Arc::clone(self);
            // A runtime that ends takes the dial along anyway.
            drop(tokio::task::spawn_blocking(move || material.look_again()).await);
        }
        Arc::clone(&self.loaded.lock().client)
    }

    fn has_files(&self) -> bool {
        self.config.identity().is_some()
            || (matches!(self.config.trusted(), TlsRoots::PemFile(_)) && !self.config.accepts_any_certificate())
    }

    fn look_again(&self) {
        if let Err(error) = self.try_again() {
            let cause = std::error::Error::source(&error).map(tracing::field::display);
            warn!(%error, cause, "a TLS file is of no use, the former one stays in force");
        }
    }

    fn try_again(&self) -> Result<(), TlsConfigError> {
        let files = Files::read(&self.config)?;
        let fingerprint = files.fingerprint(&self.hasher);
        if self.loaded.lock().fingerprint == fingerprint {
            return Ok(());
        }
        let client = client(&self.config, &self.names, &files)?;
        *self.loaded.lock() = Loaded { fingerprint, client };
        Ok(())
    }
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, TlsConfigError> {
        if config.own().is_some() {
            return Ok(Self { roots: None, identity: None });
        }
        let roots = match config.trusted() {
            TlsRoots::PemFile(path) if !config.accepts_any_certificate() => Some(pem::read(path, CA_FILE)?),
            _ => None,
        };
        let identity = match config.identity() {
            Some((chain, key)) => Some((pem::read(chain, CHAIN_FILE)?, pem::read(key, "the key file")?)),
            None => None,
        };
        Ok(Self { roots, identity })
    }

    fn fingerprint(&self, hasher: &RandomState) -> u64 {
        let mut state = hasher.build_hasher();
        let identity = self.identity.iter().flat_map(|(chain, key)| [chain, key]);
        for bytes in self.roots.iter().chain(identity) {
            state.write_usize(bytes.len());
            state.write(bytes);
        }
        state.finish()
    }
}

fn client(
    config: &TlsConfig,
    names: &Arc<[ServerName<'static>]>,
    files: &Files,
) -> Result<Arc<ClientConfig>, TlsConfigError> {
    if let Some(own) = config.own() {
        return Ok(Arc::clone(own));
    }
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = if config.accepts_any_certificate() {
        Arc::new(AnyCertificate(Arc::clone(&provider)))
    } else {
        let inner = verifier(config.trusted(), files.roots.as_ref().map(|pem| pem.as_slice()), &provider)?;
        Arc::new(NamedVerifier { inner, names: Arc::clone(names) })
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(TlsConfigError::Rustls)?.dangerous().with_custom_certificate_verifier(verifier);
    let client = match (&files.identity, config.identity()) {
        (Some((chain, key)), Some((chain_path, key_path))) => {
            let (chain, key) = (pem::certificates(chain, chain_path, CHAIN_FILE)?, pem::key(key, key_path)?);
            builder.with_client_auth_cert(chain, key).map_err(TlsConfigError::Identity)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(client))
}

fn verifier(
    roots: &TlsRoots,
    pem: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsConfigError> {
    let store = match roots {
        TlsRoots::Platform => {
            let platform = rustls_platform_verifier::Verifier::new(Arc::clone(provider));
            return Ok(Arc::new(platform.map_err(TlsConfigError::Platform)?));
        }
        TlsRoots::WebPki => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        TlsRoots::PemFile(path) => roots_of(pem.unwrap_or_default(), path)?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
    let problem =
        |error: rustls::client::VerifierBuilderError| TlsConfigError::Rustls(rustls::Error::General(error.to_string()));
    Ok(verifier.map_err(problem)?)
}

/// Authorities of a PEM text.
pub(super) fn roots_of(pem: &[u8], path: &Path) -> Result<RootCertStore, TlsConfigError> {
    let mut store = RootCertStore::empty();
    for certificate in pem::certificates(pem, path, CA_FILE)? {
        let added = store.add(certificate);
        added.map_err(|source| TlsConfigError::BadRoot { path: path.to_owned(), source })?;
    }
    Ok(store)
}

/// Always the same one, whatever else is compiled in or installed.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

const CA_FILE: &str = "the file of trusted certificates";
const CHAIN_FILE: &str = "the certificate file";
