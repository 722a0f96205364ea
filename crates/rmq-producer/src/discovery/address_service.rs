//! AddressService: a web server whose answer is the list of name servers, as Java's `DefaultTopAddressing` asks it.
//!
//! One line of text, `host:port;host:port`; whatever follows its end is not read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{BoxFuture, Connector, Endpoint, InvalidEndpoint, TcpConnector};

use super::http_get::{self, HttpError};
use super::{Discovery, DiscoveryError};
use crate::instance::NameServerList;

/// A web server that knows the name servers, asked every 2 minutes over plain HTTP.
///
/// # Examples
/// ```
/// use rmq_producer::{AddressService, Producer};
///
/// let service = AddressService::new("http://jmenv.tbsite.net:8080/rocketmq/nsaddr");
/// let builder = Producer::builder("orders").discovery(service.unit_name("unit-1"));
/// ```
#[derive(Clone)]
#[doc(alias("DefaultTopAddressing", "fetchNSAddr", "rocketmq.namesrv.domain"))]
pub struct AddressService {
    url: String,
    unit_name: Option<String>,
    interval: Duration,
    connector: Arc<dyn Connector>,
}

impl AddressService {
    /// The service at this address: `http://host:port/path`, port 80 where none is written. A producer checks it when it starts.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let interval = Duration::from_secs(120);
        Self { url: url.into(), unit_name: None, interval, connector: Arc::new(TcpConnector) }
    }

    /// The service that Java's clients ask for these two of their system properties:
    /// `http://<domain>:8080/rocketmq/<subgroup>`, where a domain with a port keeps that.
    #[must_use]
    #[doc(alias("rocketmq.namesrv.domain", "rocketmq.namesrv.domain.subgroup", "getWSAddr"))]
    pub fn of_domain(domain: &str, subgroup: &str) -> Self {
        Self::new(url_of_domain(domain, subgroup))
    }

    /// Asks for the list of one unit of a deployment: the path gets `-<unit>?nofix=1` at its end.
    #[must_use]
    #[doc(alias = "setUnitName")]
    pub fn unit_name(mut self, name: impl Into<String>) -> Self {
        self.unit_name = Some(name.into());
        self
    }

    /// Sets how often it is asked. Default: every 2 minutes.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets where the socket comes from. Default: plain TCP, also where brokers are reached over TLS.
    #[must_use]
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.connector = Arc::new(connector);
        self
    }

    /// Who is asked, and for what.
    fn target(&self) -> Result<Target, InvalidAddressService> {
        let refuse = |problem| InvalidAddressService { url: self.url.chars().take(200).collect(), problem };
        let rest = match self.url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => return Err(refuse(Problem::Https)),
            _ => return Err(refuse(Problem::Scheme)),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let endpoint = Endpoint::parse_or_port(authority, 80).map_err(|error| refuse(Problem::Host(error)))?;
        let legal = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let unit = self.unit_name.as_deref().map(str::trim).filter(|unit| !unit.is_empty()).unwrap_or_default();
        if !legal(path) || path.contains('#') || !legal(unit) || unit.contains(['#', '?', '/']) {
            return Err(refuse(Problem::Path));
        }
        let path = if unit.is_empty() { path.to_owned() } else { format!("{path}-{unit}?nofix=1") };
        Ok(Target { endpoint, authority: authority.to_owned(), path })
    }
}

struct Target {
    endpoint: Endpoint,
    authority: String,
    path: String,
}

impl Discovery for AddressService {
    fn name(&self) -> String {
        match self.target() {
            Ok(target) => format!("http://{}{}", target.authority, target.path),
            Err(_) => self.url.clone(),
        }
    }

    fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>> {
        Box::pin(async move {
            let target = self.target()?;
            let stream = self.connector.connect(&target.endpoint).await;
            let stream = stream.map_err(|source| HttpError::Connect { addr: target.endpoint.clone(), source })?;
            let body = http_get::get(stream.into_transport(), &target.authority, &target.path).await?;
            Ok(NameServerList::parse(first_line(&String::from_utf8_lossy(&body)))?)
        })
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn check(&self) -> Result<(), DiscoveryError> {
        self.target().map(drop).map_err(DiscoveryError::Address)
    }
}

impl fmt::Debug for AddressService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressService").field("url", &self.name()).finish_non_exhaustive()
    }
}

/// An address of a service that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{url:?} is no address of a service: write http://host:port/path, for example http://jmenv.tbsite.net:8080/rocketmq/nsaddr"
)]
pub struct InvalidAddressService {
    url: String,
    #[source]
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it does not begin with http://")]
    Scheme,
    #[error("https is not spoken here: implement Discovery with an HTTP client of your own")]
    Https,
    #[error("the host cannot be dialled")]
    Host(#[source] InvalidEndpoint),
    #[error("path or unit name hold what a request line cannot")]
    Path,
}

/// The address that Java's clients make of their two system properties (`MixAll#getWSAddr`).
pub(super) fn url_of_domain(domain: &str, subgroup: &str) -> String {
    let port = if domain.find(':').is_some_and(|at| at > 0) { "" } else { ":8080" };
    format!("http://{domain}{port}/rocketmq/{subgroup}")
}

/// The part of the path that is used where none is given.
pub(super) const SUBGROUP: &str = "nsaddr";

/// Java cuts the answer at its first line end, once blanks around it are gone (`DefaultTopAddressing#clearNewLine`).
fn first_line(text: &str) -> &str {
    text.trim().split(['\r', '\n']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(service: &AddressService) -> Result<(String, String), String> {
        match service.target() {
            Ok(target) => Ok((target.endpoint.to_string(), target.path)),
            Err(error) => Err(format!("{error}: {}", std::error::Error::source(&error).expect("what is wrong"))),
        }
    }

    #[test]
    fn host_port_and_path_are_read_and_a_unit_is_added() {
        let service = AddressService::new("http://jmenv.tbsite.net:8080/rocketmq/nsaddr");
        let (host, path) = ("jmenv.tbsite.net:8080".to_owned(), "/rocketmq/nsaddr".to_owned());
        assert_eq!(target(&service), Ok((host.clone(), path)));
        assert_eq!(target(&service.clone().unit_name("u1")), Ok((host, "/rocketmq/nsaddr-u1?nofix=1".to_owned())));
        assert_eq!(service.clone().unit_name(" ").name(), service.name(), "a blank unit is none");
        assert_eq!(target(&AddressService::new("HTTP://h")), Ok(("h:80".to_owned(), "/".to_owned())));
        assert_eq!(target(&AddressService::new("http://[::1]:81/x")), Ok(("[::1]:81".to_owned(), "/x".to_owned())));
    }

    #[test]
    fn the_address_is_made_of_domain_and_subgroup_as_in_java() {
        let name = |domain| AddressService::of_domain(domain, SUBGROUP).name();
        assert_eq!(name("jmenv.tbsite.net"), "http://jmenv.tbsite.net:8080/rocketmq/nsaddr");
        assert_eq!(name("h:81"), "http://h:81/rocketmq/nsaddr");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_its_reason() {
        for (url, unit, reason) in [
            ("", "", "http://"),
            ("ftp://h/x", "", "http://"),
            ("https://h/x", "", "https is not spoken"),
            ("http://", "", "host"),
            ("http://a b/x", "", "host"),
            ("http://u:p@h/x", "", "host"),
            ("http://h/a b", "", "path"),
            ("http://h/a\r\nHost: other", "", "path"),
            ("http://h/a#b", "", "path"),
            ("http://h/ä", "", "path"),
            ("http://h/a", "x y", "path"),
            ("http://h/a", "../x", "path"),
            ("http://h/a", "x\r\n", "path"),
        ] {
            let service = AddressService::new(url).unit_name(unit);
            if (url, unit) == ("http://h/a", "x\r\n") {
                assert!(target(&service).is_ok(), "blanks around a unit are cut");
                continue;
            }
            let text = target(&service).expect_err(url);
            assert!(text.contains(reason), "{url:?}: {text}");
            assert!(matches!(service.check(), Err(DiscoveryError::Address(_))));
        }
    }

    #[test]
    fn only_the_first_line_counts() {
        for text in ["a:1;b:2", " a:1;b:2 \r\n", "a:1;b:2\nc:3", "a:1;b:2\rc:3", "\n\na:1;b:2"] {
            assert_eq!(first_line(text), "a:1;b:2", "{text:?}");
        }
        assert_eq!(first_line(" \r\n"), "");
    }
}
