//! Credentials: who is asking, and the secret that proves it.
//!
//! The access key is a name and may be shown; the secret key and the token are not.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::secret::Secret;

/// An access key, its secret key, and perhaps a security token.
///
/// ```
/// use rmq_remoting::Credentials;
///
/// let credentials = Credentials::new("orders-service", "12345678");
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { access_key: "orders-service", .. }"#);
/// ```
#[doc(alias = "SessionCredentials")]
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key: String,
    secret_key: Secret,
    security_token: Option<Secret>,
}

impl Credentials {
    /// The variable that [`from_env`](Self::from_env) reads the access key from.
    pub const ACCESS_KEY_VARIABLE: &str = "ROCKETMQ_ACCESS_KEY";
    /// The variable that [`from_env`](Self::from_env) reads the secret key from.
    pub const SECRET_KEY_VARIABLE: &str = "ROCKETMQ_SECRET_KEY";
    /// The variable that [`from_env`](Self::from_env) reads the security token from.
    pub const SECURITY_TOKEN_VARIABLE: &str = "ROCKETMQ_SECURITY_TOKEN";

    /// An access key (in 5.x: a user name) and its secret key. Both are checked when something is to be signed: neither may be empty.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), secret_key: Secret::new(secret_key.into()), security_token: None }
    }

    /// Adds the token that goes along with a key for a limited time. An empty one is none.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(Secret::new(token.into())).filter(|token| !token.is_empty());
        self
    }

    /// Reads `ROCKETMQ_ACCESS_KEY`, `ROCKETMQ_SECRET_KEY` and `ROCKETMQ_SECURITY_TOKEN`. `None`: none of them is set; an empty variable
    /// counts as not set.
    ///
    /// # Errors
    /// One of the first two is set without the other, a token is set without a key, or a value is no Unicode text.
    pub fn from_env() -> Result<Option<Self>, CredentialsError> {
        Self::from_variables(std::env::var_os)
    }

    /// As [`from_env`](Self::from_env), from variables found elsewhere.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        look_up: impl Fn(&'static str) -> Option<std::ffi::OsString>,
    ) -> Result<Option<Self>, CredentialsError> {
        let read = |name: &'static str| match look_up(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => value.into_string().map(Some).map_err(|_| CredentialsError::NotText { variable: name }),
        };
        let (access, secret) = (read(Self::ACCESS_KEY_VARIABLE)?, read(Self::SECRET_KEY_VARIABLE)?);
        let token = read(Self::SECURITY_TOKEN_VARIABLE)?;
        match (access, secret) {
            (Some(access), Some(secret)) => {
                Ok(Some(Self::new(access, secret).with_security_token(token.unwrap_or_default())))
            }
            (None, None) if token.is_none() => Ok(None),
            (None, _) => Err(CredentialsError::VariableMissing { variable: Self::ACCESS_KEY_VARIABLE }),
            (Some(_), None) => Err(CredentialsError::VariableMissing { variable: Self::SECRET_KEY_VARIABLE }),
        }
    }

    /// Returns the access key: a name, no secret.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Tells whether there is a security token.
    pub fn has_security_token(&self) -> bool {
        self.security_token.is_some()
    }

    /// Checks that neither key is empty.
    ///
    /// # Errors
    /// Which one is.
    pub fn validate(&self) -> Result<(), CredentialsError> {
        if self.access_key.is_empty() {
            Err(CredentialsError::Empty { what: "access key" })
        } else if self.secret_key.is_empty() {
            Err(CredentialsError::Empty { what: "secret key" })
        } else {
            Ok(())
        }
    }

    pub(super) fn secret_key(&self) -> &str {
        self.secret_key.reveal()
    }

    pub(super) fn security_token(&self) -> Option<&str> {
        self.security_token.as_ref().map(Secret::reveal)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Credentials that cannot be had or used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A key is empty.
    #[error("the {what} is empty")]
    Empty {
        /// `access key` or `secret key`.
        what: &'static str,
    },
    /// A variable of the environment is missing that another one calls for.
    #[error("credentials are set in the environment, but {variable} is not")]
    VariableMissing {
        /// Its name.
        variable: &'static str,
    },
    /// A variable of the environment holds no text.
    #[error("the variable {variable} holds no Unicode text")]
    NotText {
        /// Its name.
        variable: &'static str,
    },
    /// The key file cannot be read.
    #[error("the key file {} cannot be read", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The key file has no such line.
    #[error("the key file {} has no line {name}=…", path.display())]
    LineMissing {
        /// The file.
        path: PathBuf,
        /// The property.
        name: &'static str,
    },
    /// The provider failed.
    #[error("the provider of credentials failed")]
    Provider(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl CredentialsError {
    /// Wraps what a provider of one's own has to say.
    pub fn provider(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Provider(cause.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&'static str, &str)]) -> Result<Option<Credentials>, CredentialsError> {
        let value = |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Credentials::from_variables(value)
    }

    #[test]
    fn the_environment_gives_all_or_nothing() {
        let (access, secret, token) = ("ROCKETMQ_ACCESS_KEY", "ROCKETMQ_SECRET_KEY", "ROCKETMQ_SECURITY_TOKEN");
        assert_eq!(from(&[]).unwrap(), None);
        assert_eq!(from(&[(access, ""), (secret, "")]).unwrap(), None, "empty is not set");
        assert_eq!(from(&[(access, "AK"), (secret, "SK")]).unwrap(), Some(Credentials::new("AK", "SK")));
        let with_token = from(&[(access, "AK"), (secret, "SK"), (token, "ST")]).unwrap().unwrap();
        assert_eq!(with_token, Credentials::new("AK", "SK").with_security_token("ST"));
        for (pairs, missing) in
            [(&[(access, "AK")][..], secret), (&[(secret, "SK")], access), (&[(token, "ST")], access)]
        {
            let error = from(pairs).unwrap_err().to_string();
            assert!(error.contains(missing) && !error.contains("SK"), "{error}");
        }
    }

    #[test]
    fn an_empty_key_is_named() {
        for (access, secret, named) in [("", "SK", "access key"), ("AK", "", "secret key")] {
            assert!(Credentials::new(access, secret).validate().unwrap_err().to_string().contains(named));
        }
        assert!(Credentials::new("AK", "SK").validate().is_ok());
    }

    #[test]
    fn nothing_shows_the_secrets() {
        let credentials = Credentials::new("AK", "canary-secret").with_security_token("canary-token");
        let text = format!("{credentials:?} {credentials:#?} {:?}", credentials.secret_key);
        assert!(text.contains("AK") && !text.contains("canary"), "{text}");
    }
}
