//! `rmq serve` as the other commands find it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use crate::program::{command, rmq};

/// A server that ends with the test.
pub(crate) struct Serving {
    child: Child,
    pub(crate) name_server: String,
    pub(crate) welcome: String,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(["serve", "--port", "0"].iter().chain(arguments));
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("rmq was built");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut welcome = String::new();
        // Its last line; until then it is not certain that it listens.
        while !welcome.contains("From Go") {
            welcome += &(lines.next().expect("rmq serve says more").expect("text") + "\n");
        }
        let line = welcome.lines().find_map(|line| line.trim().strip_prefix("name server")).expect("its address");
        Self { child, name_server: line.trim().to_owned(), welcome }
    }

    #[cfg(unix)]
    pub(crate) fn end_with(&mut self, signal: &str) -> Option<i32> {
        crate::signals::send(signal, &self.child);
        self.child.wait().expect("it was started").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_served_cluster_takes_messages_and_shows_its_topics() {
    for dialect in ["4.9", "5.x"] {
        let serving = Serving::start(&["--brokers", "2", "--topic", "orders:3", "--dialect", dialect]);
        let namesrv = serving.name_server.as_str();
        rmq(["send", "--namesrv", namesrv, "--topic", "orders", "--body", "x", "--count", "100"]).assert_success();
        rmq(["send", "--namesrv", namesrv, "--topic", "another", "--body", "x"]).assert_success();
        let route = rmq(["route", "--namesrv", namesrv, "--topic", "orders"]).assert_success();
        assert!(route.stdout.starts_with("topic orders: 2 brokers, 6 queues to write"), "{}", route.stdout);
        rmq(["demo", "--namesrv", namesrv]).assert_success();
    }
}

#[test]
fn the_welcome_says_how_to_reach_it() {
    let serving = Serving::start(&["--topic", "orders:3", "--topic", "bills:1"]);
    let welcome = &serving.welcome;
    for part in [
        "behaves as Apache RocketMQ 5.5.0",
        "broker-a",
        "orders, 3 queues",
        "bills, 1 queues",
        "setNamesrvAddr",
        "WithNameServer",
    ] {
        assert!(welcome.contains(part), "{part}: {welcome}");
    }
    assert_eq!(welcome.matches(&serving.name_server).count(), 6, "{welcome}");
}

#[test]
fn the_shown_command_line_works() {
    let serving = Serving::start(&[]);
    let shown = serving.welcome.lines().find_map(|line| line.split_once("rmq send ")).expect("a command line").1;
    rmq(["send"].into_iter().chain(shown.split_whitespace())).assert_success();
}

#[test]
fn a_port_that_is_taken_is_said_in_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let ran = rmq(["serve", "--port", &port.to_string()]);
    let sentence = ran.one_sentence();
    assert!(sentence.contains(&format!("127.0.0.1:{port}")) && sentence.contains("--port"), "{sentence}");
    assert_eq!(ran.stdout, "");
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    // Reserved for documentation (RFC 5737), so nobody's own.
    let ran = rmq(["serve", "--port", "0", "--host", "192.0.2.1"]);
    assert!(ran.one_sentence().contains("--host"), "{ran:#?}");
}

/// Below the range from which systems give out ports, so that nobody gets it before the program does.
fn unused_port() -> u16 {
    let start = 10_000 + u16::try_from(std::process::id() % 9_000).expect("small");
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (start..20_000).find(is_free).expect("a free port")
}

#[test]
fn brokers_may_be_advertised_elsewhere_and_have_ports_of_their_own() {
    let free = unused_port().to_string();
    // Reserved for documentation (RFC 5737): nobody can be reached there, but a route may name it.
    let serving = Serving::start(&["--advertise", "192.0.2.7", "--broker-port", &free, "--topic", "orders:1"]);
    let port = serving.name_server.strip_prefix("192.0.2.7:").expect("advertised as well");
    let route = rmq(["route", "--namesrv", &format!("127.0.0.1:{port}"), "--topic", "orders"]).assert_success();
    assert!(route.stdout.contains(&format!("192.0.2.7:{free}")), "{}", route.stdout);
}
