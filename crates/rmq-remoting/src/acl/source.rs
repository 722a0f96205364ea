//! Where credentials come from, each time a request is signed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::credentials::{Credentials, CredentialsError};
use super::key_file::KeyFile;

/// Says which credentials to sign with. Asked for every request, so that keys can be changed while a client runs.
///
/// It runs on the task of whoever sends and must not block: a provider that has to ask somebody does so elsewhere and answers with what it has.
/// A closure will do.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// Returns the credentials of this moment. An error stops the request: nothing is sent.
    fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError>;
}

impl<F> CredentialsProvider for F
where
    F: Fn() -> Result<Arc<Credentials>, CredentialsError> + Send + Sync + 'static,
{
    fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self()
    }
}

/// Credentials as a client is told them: by value, as a file, or through a provider. Cheap to clone.
#[derive(Clone)]
#[non_exhaustive]
pub enum CredentialsSource {
    /// Always the same.
    Fixed(Arc<Credentials>),
    /// In a [`KeyFile`], which may change.
    KeyFile(PathBuf),
    /// Asked for every request.
    Provider(Arc<dyn CredentialsProvider>),
}

impl CredentialsSource {
    /// In a file that is read again when it changes.
    pub fn key_file(path: impl Into<PathBuf>) -> Self {
        Self::KeyFile(path.into())
    }

    /// From a provider of one's own.
    pub fn provider(provider: impl CredentialsProvider) -> Self {
        Self::Provider(Arc::new(provider))
    }

    /// Returns who answers for this source, after a first look at it.
    ///
    /// # Errors
    /// There are no usable credentials now.
    pub fn open(&self) -> Result<Arc<dyn CredentialsProvider>, CredentialsError> {
        let provider: Arc<dyn CredentialsProvider> = match self {
            Self::Fixed(credentials) => {
                let credentials = Arc::clone(credentials);
                Arc::new(move || Ok(Arc::clone(&credentials)))
            }
            Self::KeyFile(path) => Arc::new(KeyFile::open(path)?),
            Self::Provider(provider) => Arc::clone(provider),
        };
        provider.credentials()?.validate()?;
        Ok(provider)
    }

    /// Returns the key file, if that is what it is.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::KeyFile(path) => Some(path),
            Self::Fixed(_) | Self::Provider(_) => None,
        }
    }
}

impl From<Credentials> for CredentialsSource {
    fn from(credentials: Credentials) -> Self {
        Self::Fixed(Arc::new(credentials))
    }
}

/// Equal when they are bound to give the same: equal values, the same path, the very same provider.
impl PartialEq for CredentialsSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(one), Self::Fixed(two)) => one == two,
            (Self::KeyFile(one), Self::KeyFile(two)) => one == two,
            (Self::Provider(one), Self::Provider(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }
}

impl Eq for CredentialsSource {}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(credentials) => credentials.fmt(f),
            Self::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
            Self::Provider(_) => f.write_str("Provider"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_equal_when_they_must_give_the_same() {
        let fixed = |secret: &str| CredentialsSource::from(Credentials::new("AK", secret));
        assert_eq!(fixed("SK"), fixed("SK"));
        assert_ne!(fixed("SK"), fixed("other"));
        assert_eq!(CredentialsSource::key_file("a"), CredentialsSource::key_file("a"));
        assert_ne!(CredentialsSource::key_file("a"), fixed("SK"));
        let provider = CredentialsSource::provider(|| Ok(Arc::new(Credentials::new("AK", "SK"))));
        assert_eq!(provider, provider.clone());
        assert_ne!(provider, CredentialsSource::provider(|| Ok(Arc::new(Credentials::new("AK", "SK")))));
    }

    #[test]
    fn a_source_without_usable_credentials_does_not_open() {
        assert!(CredentialsSource::from(Credentials::new("AK", "")).open().is_err());
        assert!(CredentialsSource::key_file("no/such/file").open().is_err());
        let failing = CredentialsSource::provider(|| Err(CredentialsError::provider("vault is sealed")));
        assert!(failing.open().is_err());
    }
}
