//! An address of a name server or broker, checked once.
//!
//! Host names are kept as text and resolved anew at each dial, because addresses move (apache/rocketmq#7255).

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

/// Host and port of a server. Cheap to clone; the text it was written with is its identity, as in Java, so
/// `a:10911` and `a:10909` are two connections.
#[derive(Clone)]
pub struct Endpoint {
    text: Arc<str>,
    host: Arc<str>,
    port: u16,
    /// Of the text, so that a look-up does not read it.
    hash: u64,
}

impl Endpoint {
    /// Reads `host:port`, `1.2.3.4:port` or `[v6]:port`. The port follows the last colon, as in Java.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::read(text.trim(), None)
    }

    /// Reads like [`Endpoint::parse`], but the port may be missing (name servers: 9876).
    pub fn parse_or_port(text: &str, default_port: u16) -> Result<Self, InvalidEndpoint> {
        Self::read(text.trim(), Some(default_port))
    }

    /// Makes an endpoint from its parts.
    pub fn new(host: &str, port: u16) -> Result<Self, InvalidEndpoint> {
        let text = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        Self::read(&text, None)
    }

    /// Returns the host: a name or an IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the whole address as text, port included.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the whole address as shared text.
    pub fn as_shared(&self) -> &Arc<str> {
        &self.text
    }

    fn read(text: &str, default_port: Option<u16>) -> Result<Self, InvalidEndpoint> {
        let refuse = |problem| InvalidEndpoint { text: shorten(text), problem };
        if text.is_empty() {
            return Err(refuse(Problem::Empty));
        }
        let (host, port) = split(text, default_port.is_some());
        let port = match (port, default_port) {
            (Some(port), _) => match port.parse::<u16>() {
                Ok(0) => return Err(refuse(Problem::PortZero)),
                // `u16::from_str` takes a leading `+`; an address does not.
                Ok(number) if !port.starts_with('+') => number,
                _ => return Err(refuse(Problem::Port)),
            },
            (None, Some(default)) if default != 0 => default,
            (None, _) => return Err(refuse(Problem::PortMissing)),
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let v6 = bare.contains(':');
        let legal = if v6 {
            bare.split('%').next().is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        } else {
            !host.starts_with('[')
                && !bare.is_empty()
                && bare.len() <= 253
                && bare
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || byte >= 0x80)
        };
        if !legal {
            return Err(refuse(Problem::Host));
        }
        let full = if v6 { format!("[{bare}]:{port}") } else { format!("{bare}:{port}") };
        Ok(Self { hash: seed().hash_one(&full), text: full.into(), host: bare.into(), port })
    }
}

/// Splits at the last colon; a bare v6 address without port is possible only where a default port is allowed.
fn split(text: &str, port_optional: bool) -> (&str, Option<&str>) {
    if port_optional && (text.ends_with(']') || text.parse::<std::net::Ipv6Addr>().is_ok()) {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// The same for all endpoints of a process, and unknown to whoever gives it addresses.
fn seed() -> &'static RandomState {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    SEED.get_or_init(RandomState::new)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The address alone: it stands in the `Debug` text of errors, which people read.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(text)
    }
}

/// A text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no server address: {problem}; write host:port, for example 127.0.0.1:9876")]
pub struct InvalidEndpoint {
    text: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("the port is missing")]
    PortMissing,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("port 0 cannot be dialled")]
    PortZero,
    #[error("the host is neither a name nor an IP address")]
    Host,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_v6_are_read() {
        for (text, host, port) in [
            ("127.0.0.1:9876", "127.0.0.1", 9876),
            (" broker-a.local:10911 ", "broker-a.local", 10911),
            ("[::1]:10911", "::1", 10911),
            ("2001:db8::1:10911", "2001:db8::1", 10911),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{text}");
            assert_eq!(Endpoint::parse(endpoint.as_str()).unwrap(), endpoint, "its text reads back");
        }
        assert_eq!(Endpoint::parse_or_port("ns", 9876).unwrap().as_str(), "ns:9876");
        assert_eq!(Endpoint::parse_or_port("[::1]", 9876).unwrap().as_str(), "[::1]:9876");
        assert_eq!(Endpoint::new("::1", 1).unwrap().as_str(), "[::1]:1");
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("host", "port is missing"),
            ("host:", "not a number"),
            ("host:0", "port 0"),
            ("host:65536", "not a number"),
            ("host:+80", "not a number"),
            (":80", "neither"),
            ("ho st:80", "neither"),
            ("http://host:80", "neither"),
            ("[1.2.3.4]:80", "neither"),
            ("a\u{1b}[0m:80", "neither"),
        ] {
            let error = Endpoint::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains('\u{1b}'), "control characters are escaped");
        }
    }
}
