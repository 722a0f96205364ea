//! NameServerEnvironment: what the environment says of name servers, and of the zone.
//!
//! Read only where it is asked for, from whatever the caller says the environment is.

use std::convert::Infallible;

use super::address_service;

/// Name servers as the environment tells them. Java and Go read `NAMESRV_ADDR` too; the address service is a system property in Java, here
/// it is the variable `ROCKETMQ_NAMESRV_DOMAIN` with `ROCKETMQ_NAMESRV_SUBGROUP` beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameServerEnvironment {
    /// `NAMESRV_ADDR`: a list of addresses, for [`ProducerConfig::name_servers`](crate::ProducerConfig::name_servers).
    pub name_servers: Option<String>,
    /// The address of the service that `ROCKETMQ_NAMESRV_DOMAIN` and `ROCKETMQ_NAMESRV_SUBGROUP` (default `nsaddr`) stand for, for
    /// [`ProducerConfig::address_service`](crate::ProducerConfig::address_service).
    pub address_service: Option<String>,
    /// `ROCKETMQ_ZONE`, for [`ProducerConfig::zone`](crate::ProducerConfig::zone).
    pub zone: Option<String>,
    /// `ROCKETMQ_ZONE_MODE`, for [`ProducerConfig::zone_mode`](crate::ProducerConfig::zone_mode).
    pub zone_mode: Option<bool>,
}

impl NameServerEnvironment {
    /// Reads the environment of the process.
    #[must_use]
    #[doc(alias = "NAMESRV_ADDR")]
    pub fn read() -> Self {
        Self::read_from(|name| std::env::var(name).ok())
    }

    /// Reads the variables that `variable` returns by name; blank ones count as missing.
    #[must_use]
    pub fn read_from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let Ok(read) = Self::try_read_from(|name| Ok::<_, Infallible>(variable(name)));
        read
    }

    /// As [`read_from`](Self::read_from), where a variable may hold what cannot be read.
    pub(crate) fn try_read_from<E>(variable: impl Fn(&'static str) -> Result<Option<String>, E>) -> Result<Self, E> {
        let set = |name| Ok(variable(name)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()));
        let (domain, subgroup) = (set("ROCKETMQ_NAMESRV_DOMAIN")?, set("ROCKETMQ_NAMESRV_SUBGROUP")?);
        let subgroup = subgroup.as_deref().unwrap_or(address_service::SUBGROUP);
        Ok(Self {
            name_servers: set("NAMESRV_ADDR")?,
            address_service: domain.map(|domain| address_service::url_of_domain(&domain, subgroup)),
            zone: set("ROCKETMQ_ZONE")?,
            zone_mode: set("ROCKETMQ_ZONE_MODE")?.map(|text| text.eq_ignore_ascii_case("true")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> NameServerEnvironment {
        NameServerEnvironment::read_from(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_says_nothing() {
        assert_eq!(read(&[]), NameServerEnvironment::default());
        assert_eq!(read(&[("NAMESRV_ADDR", " "), ("ROCKETMQ_NAMESRV_DOMAIN", "")]), NameServerEnvironment::default());
    }

    #[test]
    fn a_list_a_domain_and_a_zone_are_read() {
        let all = read(&[
            ("NAMESRV_ADDR", " a:1;b:2 "),
            ("ROCKETMQ_NAMESRV_DOMAIN", "ns.example"),
            ("ROCKETMQ_ZONE", "z1"),
            ("ROCKETMQ_ZONE_MODE", "True"),
        ]);
        assert_eq!(all.name_servers.as_deref(), Some("a:1;b:2"));
        assert_eq!(all.address_service.as_deref(), Some("http://ns.example:8080/rocketmq/nsaddr"));
        assert_eq!((all.zone.as_deref(), all.zone_mode), (Some("z1"), Some(true)));
        let other = read(&[("ROCKETMQ_NAMESRV_DOMAIN", "ns:81"), ("ROCKETMQ_NAMESRV_SUBGROUP", "own")]);
        assert_eq!(other.address_service.as_deref(), Some("http://ns:81/rocketmq/own"));
        assert_eq!(read(&[("ROCKETMQ_NAMESRV_SUBGROUP", "own")]).address_service, None, "a subgroup of nothing");
    }
}
