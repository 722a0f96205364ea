//! Settings from environment variables, read only when asked for.
//!
//! A variable whose feature is not compiled in is an error: what was meant to be signed or encrypted does not go out otherwise.

use std::ffi::OsString;

use super::ProducerConfig;
use crate::discovery::NameServerEnvironment;

impl ProducerConfig {
    /// Settings from the environment, everything else by default; the producer group is still to be set. See
    /// [`overlay_env`](Self::overlay_env).
    ///
    /// ```
    /// use rmq_producer::{ProducerBuilder, ProducerConfig};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut config = ProducerConfig::from_env()?;
    /// config.producer_group = "orders".to_owned();
    /// let builder = ProducerBuilder::from(config);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`overlay_env`](Self::overlay_env).
    pub fn from_env() -> Result<Self, EnvironmentError> {
        let mut config = Self::new("");
        config.overlay_env()?;
        Ok(config)
    }

    /// Sets what these variables say; one that is not set, or empty, changes nothing.
    ///
    /// | variable | sets |
    /// |---|---|
    /// | `NAMESRV_ADDR` | `name_servers` |
    /// | `ROCKETMQ_NAMESRV_DOMAIN`, `ROCKETMQ_NAMESRV_SUBGROUP` | `address_service`, asked where there are no `name_servers` |
    /// | `ROCKETMQ_ZONE`, `ROCKETMQ_ZONE_MODE` | `zone`, `zone_mode` |
    /// | `ROCKETMQ_NAMESPACE` | `namespace` |
    /// | `ROCKETMQ_ACCESS_KEY`, `ROCKETMQ_SECRET_KEY`, `ROCKETMQ_SECURITY_TOKEN` | `credentials` |
    /// | `ROCKETMQ_TLS` | `tls`: `on`, `off`, or `insecure`, which accepts any certificate |
    ///
    /// # Errors
    /// A variable makes no sense, or needs a feature that is not compiled in.
    pub fn overlay_env(&mut self) -> Result<(), EnvironmentError> {
        self.overlay_variables(std::env::var_os)
    }

    /// As [`overlay_env`](Self::overlay_env), with variables found elsewhere.
    ///
    /// # Errors
    /// As [`overlay_env`](Self::overlay_env).
    pub fn overlay_variables(
        &mut self,
        look_up: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<(), EnvironmentError> {
        let read = |variable: &'static str| match look_up(variable).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => {
                value.into_string().map(Some).map_err(|_| EnvironmentError::new(variable, "holds no Unicode text"))
            }
        };
        let found = NameServerEnvironment::try_read_from(read)?;
        if let Some(name_servers) = found.name_servers {
            self.name_servers = name_servers;
        }
        self.address_service = found.address_service.or_else(|| self.address_service.take());
        self.zone = found.zone.or_else(|| self.zone.take());
        self.zone_mode = found.zone_mode.or(self.zone_mode);
        if let Some(namespace) = read("ROCKETMQ_NAMESPACE")? {
            self.namespace = Some(namespace);
        }
        if let Some(mode) = read(TLS)? {
            self.set_tls(&mode)?;
        }
        self.set_credentials(&look_up)
    }

    #[cfg(feature = "tls")]
    fn set_tls(&mut self, mode: &str) -> Result<(), EnvironmentError> {
        let current = self.tls.take();
        self.tls = match mode.to_ascii_lowercase().as_str() {
            "off" => None,
            "on" => Some(current.unwrap_or_default()),
            "insecure" => Some(current.unwrap_or_default().dangerous_accept_any_certificate(true)),
            _ => return Err(EnvironmentError::new(TLS, "is neither `on` nor `off` nor `insecure`")),
        };
        Ok(())
    }

    #[cfg(not(feature = "tls"))]
    fn set_tls(&mut self, mode: &str) -> Result<(), EnvironmentError> {
        if mode.eq_ignore_ascii_case("off") { Ok(()) } else { Err(EnvironmentError::needs(TLS, "tls")) }
    }

    #[cfg(feature = "acl")]
    fn set_credentials(&mut self, look_up: &dyn Fn(&'static str) -> Option<OsString>) -> Result<(), EnvironmentError> {
        use rmq_remoting::{Credentials, CredentialsError};

        let found = Credentials::from_variables(look_up).map_err(|error| match error {
            CredentialsError::VariableMissing { variable } => {
                EnvironmentError::new(variable, "is not set, although other credentials are")
            }
            CredentialsError::NotText { variable } => EnvironmentError::new(variable, "holds no Unicode text"),
            other => EnvironmentError::new(Credentials::ACCESS_KEY_VARIABLE, &format!("is of no use: {other}")),
        })?;
        if let Some(credentials) = found {
            self.credentials = Some(credentials.into());
        }
        Ok(())
    }

    #[cfg(not(feature = "acl"))]
    fn set_credentials(&mut self, look_up: &dyn Fn(&'static str) -> Option<OsString>) -> Result<(), EnvironmentError> {
        let variables = ["ROCKETMQ_ACCESS_KEY", "ROCKETMQ_SECRET_KEY", "ROCKETMQ_SECURITY_TOKEN"];
        match variables.into_iter().find(|variable| look_up(variable).is_some_and(|value| !value.is_empty())) {
            Some(variable) => Err(EnvironmentError::needs(variable, "acl")),
            None => Ok(()),
        }
    }
}

/// An environment variable that makes no sense. Its value is not shown: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} {problem}")]
pub struct EnvironmentError {
    variable: &'static str,
    problem: String,
}

impl EnvironmentError {
    fn new(variable: &'static str, problem: &str) -> Self {
        Self { variable, problem: problem.to_owned() }
    }

    #[cfg(any(not(feature = "acl"), not(feature = "tls")))]
    fn needs(variable: &'static str, feature: &str) -> Self {
        Self::new(variable, &format!("needs the feature `{feature}` of rmq-producer, which is not compiled in"))
    }

    /// Names the variable.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

const TLS: &str = "ROCKETMQ_TLS";

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<ProducerConfig, EnvironmentError> {
        let mut config = ProducerConfig::new("pg");
        config.overlay_variables(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))?;
        Ok(config)
    }

    #[test]
    fn variables_set_what_they_name_and_nothing_else() {
        let set = config(&[("NAMESRV_ADDR", "a:1;b:2"), ("ROCKETMQ_NAMESPACE", "tenant")]).unwrap();
        let mut expected = ProducerConfig::new("pg");
        expected.name_servers = "a:1;b:2".to_owned();
        expected.namespace = Some("tenant".to_owned());
        assert_eq!(set.to_string(), expected.to_string());
        let found = config(&[
            ("ROCKETMQ_NAMESRV_DOMAIN", "ns.example"),
            ("ROCKETMQ_ZONE", "z1"),
            ("ROCKETMQ_ZONE_MODE", "true"),
        ])
        .unwrap();
        assert_eq!(found.address_service.as_deref(), Some("http://ns.example:8080/rocketmq/nsaddr"));
        assert_eq!((found.zone.as_deref(), found.zone_mode), (Some("z1"), Some(true)));
        let nothing = config(&[("NAMESRV_ADDR", ""), ("ROCKETMQ_TLS", ""), ("ROCKETMQ_SECRET_KEY", "")]).unwrap();
        assert_eq!(nothing.to_string(), ProducerConfig::new("pg").to_string());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_is_on_off_or_insecure() {
        let tls =
            |mode| config(&[("ROCKETMQ_TLS", mode)]).map(|config| config.tls.map(|tls| tls.accepts_any_certificate()));
        assert_eq!((tls("on"), tls("OFF"), tls("insecure")), (Ok(Some(false)), Ok(None), Ok(Some(true))));
        assert!(tls("yes").unwrap_err().to_string().contains("ROCKETMQ_TLS"));
    }

    #[cfg(feature = "acl")]
    #[test]
    fn half_of_the_credentials_are_an_error_without_the_secret_in_it() {
        let whole = config(&[("ROCKETMQ_ACCESS_KEY", "AK"), ("ROCKETMQ_SECRET_KEY", "SK")]).unwrap();
        assert_eq!(whole.credentials, Some(rmq_remoting::Credentials::new("AK", "SK").into()));
        let error = config(&[("ROCKETMQ_SECRET_KEY", "canary")]).unwrap_err();
        assert!(error.to_string().contains("ROCKETMQ_ACCESS_KEY") && !format!("{error:?} {error}").contains("canary"));
    }

    #[cfg(not(feature = "acl"))]
    #[test]
    fn a_key_that_cannot_be_used_is_an_error_that_names_the_feature() {
        let error = config(&[("ROCKETMQ_SECRET_KEY", "canary")]).unwrap_err().to_string();
        assert!(
            error.contains("ROCKETMQ_SECRET_KEY") && error.contains("`acl`") && !error.contains("canary"),
            "{error}"
        );
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn tls_that_cannot_be_spoken_is_an_error_that_names_the_feature() {
        assert!(config(&[("ROCKETMQ_TLS", "on")]).unwrap_err().to_string().contains("`tls`"));
        assert!(config(&[("ROCKETMQ_TLS", "off")]).is_ok());
    }
}
