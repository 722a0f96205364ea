//! The client id, by which brokers know a client: `ip@instance`, or `ip@instance@unit`.
//!
//! Without a name of its own an instance is called `pid#nanoseconds`, as in Java since 4.9, so that two clients of one process differ.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmq_remoting::{Deadline, Endpoint, WallClock};

/// Writes the id. A v6 address stands in brackets.
pub(super) fn compose(ip: IpAddr, instance_name: &str, unit_name: Option<&str>) -> String {
    let (before, unit) = (if unit_name.is_some() { "@" } else { "" }, unit_name.unwrap_or_default());
    match ip {
        IpAddr::V4(ip) => format!("{ip}@{instance_name}{before}{unit}"),
        IpAddr::V6(ip) => format!("[{ip}]@{instance_name}{before}{unit}"),
    }
}

/// The name that a user chose to share an instance by, if any. Java's default name is none.
pub(super) fn shared_name(instance_name: Option<&str>) -> Option<&str> {
    instance_name.filter(|name| *name != JAVA_DEFAULT)
}

/// Makes a name that no other instance of this process, nor an earlier one with the same process id, is likely to have.
pub(super) fn unique_instance_name(clock: &dyn WallClock) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    // Two that are made at once differ, whatever the clock says.
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let nanos = i128::from(clock.now_millis()) * 1_000_000 + i128::from(made % 1_000_000);
    format!("{}#{nanos}", std::process::id())
}

/// Finds the address under which this host reaches its name servers; the loopback address if it has no other.
pub(super) async fn local_ip(name_servers: &[Endpoint], resolve_hosts: bool) -> IpAddr {
    let deadline = Deadline::after(RESOLVE_WITHIN);
    for server in name_servers {
        let target = match server.host().parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, server.port())),
            Err(_) if resolve_hosts => resolve(server, deadline).await,
            Err(_) => None,
        };
        if let Some(ip) = target.and_then(ip_towards).filter(|ip| !ip.is_loopback()) {
            return ip;
        }
    }
    // The name servers are on this host, or behind something on it: the address of the default route tells this host from others.
    let elsewhere = [SocketAddr::from((DOCUMENTATION_V4, 9)), SocketAddr::from((DOCUMENTATION_V6, 9))];
    elsewhere.into_iter().find_map(ip_towards).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

async fn resolve(server: &Endpoint, deadline: Deadline) -> Option<SocketAddr> {
    let lookup = tokio::net::lookup_host((server.host(), server.port()));
    tokio::time::timeout_at(deadline.instant(), lookup).await.ok()?.ok()?.next()
}

/// Asks the system which of this host's addresses it would send from. A datagram socket that is connected sends nothing.
fn ip_towards(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// What Java calls an instance that has no name of its own, until it starts.
const JAVA_DEFAULT: &str = "DEFAULT";

/// How long all look-ups of host names may take: an id is not worth more.
const RESOLVE_WITHIN: Duration = Duration::from_secs(1);

/// Addresses that belong to nobody (RFC 5737, RFC 3849): the way to them is the default route.
const DOCUMENTATION_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DOCUMENTATION_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_address_and_name() {
        assert_eq!(compose([10, 0, 0, 9].into(), "123#456", None), "10.0.0.9@123#456");
        assert_eq!(compose(Ipv6Addr::LOCALHOST.into(), "DEFAULT", None), "[::1]@DEFAULT");
    }

    #[test]
    fn ids_are_written_as_java_does() {
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/golden/namespace.json")).unwrap();
        let mut seen = 0;
        for case in cases.iter().filter(|case| case["expected"]["client_id"].is_string()) {
            let inputs = &case["inputs"];
            let ip = inputs["ip"].as_str().unwrap().trim_matches(['[', ']']).parse().unwrap();
            let unit = inputs["unit_name"].as_str().filter(|unit| !unit.is_empty());
            let id = compose(ip, inputs["instance_name"].as_str().unwrap(), unit);
            // Clients of stream processing say so behind all else; there are none here.
            let stream = if inputs["stream"] == true { "@STREAM" } else { "" };
            assert_eq!(case["expected"]["client_id"], format!("{id}{stream}"), "{}", case["name"]);
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn two_instances_have_two_names() {
        struct Stopped;
        impl WallClock for Stopped {
            fn now_millis(&self) -> i64 {
                1_700_000_000_000
            }
        }
        let (one, two) = (unique_instance_name(&Stopped), unique_instance_name(&Stopped));
        assert_ne!(one, two);
        assert!(one.starts_with(&format!("{}#", std::process::id())), "{one}");
    }

    #[test]
    fn java_s_default_name_is_no_name() {
        assert_eq!(shared_name(Some("DEFAULT")), None);
        assert_eq!(shared_name(Some("night-shift")), Some("night-shift"));
        assert_eq!(shared_name(None), None);
    }

    #[tokio::test]
    async fn a_host_without_a_way_out_is_the_loopback_address_and_nothing_panics() {
        let name_servers = ["127.0.0.1:9876", "name.invalid:1"].map(|server| Endpoint::parse(server).unwrap());
        let ip = local_ip(&name_servers, false).await;
        assert!(!ip.is_unspecified());
    }
}
