//! Clusters that cannot be used: every command says in one sentence what to check, and exits with 1.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use rmq_testkit::TestCluster;
use tokio::net::TcpSocket;

use crate::program::rmq;
use crate::servers::{servers, start};

/// Runs every command that asks a name server.
fn all_commands(address: &str) -> Vec<(&'static str, crate::program::Ran)> {
    vec![
        ("demo", rmq(["demo", "--namesrv", address])),
        ("send", rmq(["send", "--namesrv", address, "--topic", "orders", "--body", "x"])),
        ("oneway", rmq(["send", "--namesrv", address, "--topic", "orders", "--body", "x", "--oneway"])),
        ("route", rmq(["route", "--namesrv", address, "--topic", "orders"])),
    ]
}

fn assert_all(address: &str, says: &str) {
    for (command, ran) in all_commands(address) {
        let sentence = ran.one_sentence();
        assert!(sentence.contains(says), "{command} with {address:?}: {sentence}");
        assert_eq!(ran.stdout, "", "{command} with {address:?}");
    }
}

/// A port at which nobody listens, held so that nobody else gets it meanwhile.
struct Nowhere(TcpSocket);

impl Nowhere {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        Self(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().expect("bound").to_string()
    }
}

#[test]
fn a_refused_connection() {
    let nowhere = Nowhere::new();
    let address = nowhere.address();
    assert_all(
        &address,
        &format!("nothing listens at {address} (connection refused): check that the name server runs"),
    );
}

#[test]
fn an_unknown_host() {
    // No label may have more than 63 characters, so that no resolver needs to ask anybody.
    let host = format!("{}.invalid", "x".repeat(70));
    assert_all(&format!("{host}:9876"), &format!("the host of name server {host}:9876 is unknown: check its spelling"));
}

#[test]
fn a_text_that_is_no_address() {
    assert_all("127.0.0.1:0", "--namesrv: `127.0.0.1:0` is no server address: port 0 cannot be dialled");
    assert_all("host:port", "--namesrv: `host:port` is no server address: the port is not a number");
    assert_all("http://host:80/", "is no server address");
    assert_all("", "--namesrv is empty");
    assert_all(" ; ", "--namesrv is empty");
}

#[test]
fn several_name_servers_of_which_none_can_be_used() {
    let (one, two) = (Nowhere::new(), Nowhere::new());
    assert_all(&format!("{};{}", one.address(), two.address()), "none of the name servers can be used (127.0.0.1:");
}

#[test]
fn a_server_that_speaks_another_protocol() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepted");
            // The client may be gone already.
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").ok();
        }
    });
    assert_all(&address, &format!("what listens at {address} is no name server"));
}

#[test]
fn a_broker_in_place_of_a_name_server() {
    let servers = servers();
    let address = servers.broker("broker-a").address();
    assert_all(
        &address,
        &format!("what listens at {address} is no name server (it answered REQUEST_CODE_NOT_SUPPORTED(3)"),
    );
}

#[test]
fn a_name_server_that_stays_silent() {
    // The system takes the connection; nobody ever reads it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let commands = [
        rmq(["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--timeout", "2s"]),
        rmq(["route", "--namesrv", &address, "--topic", "orders", "--timeout", "2s"]),
    ];
    for ran in commands {
        assert!(ran.one_sentence().contains(&format!("name server {address} does not answer: check")), "{ran:#?}");
    }
}

#[test]
fn one_name_server_that_answers_is_enough() {
    let servers = servers();
    let nowhere = Nowhere::new();
    let list = format!("{};{}", nowhere.address(), servers.name_servers());
    rmq(["send", "--namesrv", &list, "--topic", "orders", "--body", "x"]).assert_success();
    rmq(["route", "--namesrv", &list, "--topic", "orders"]).assert_success();
}

#[test]
fn a_topic_without_a_route() {
    let servers = start(TestCluster::builder().auto_create_topics(false));
    for (command, ran) in all_commands(&servers.name_servers()) {
        let sentence = ran.one_sentence();
        let topic = if command == "demo" { "rmq-demo" } else { "orders" };
        assert!(
            sentence.starts_with(&format!("topic \"{topic}\" has no route: check its name, create it")),
            "{command}: {sentence}"
        );
    }
}

#[test]
fn a_name_that_no_server_takes() {
    let address = "127.0.0.1:9876";
    for ran in [
        rmq(["demo", "--topic", "a b"]),
        rmq(["send", "--namesrv", address, "--topic", "a b", "--body", "x"]),
        rmq(["route", "--namesrv", address, "--topic", "a b"]),
    ] {
        assert!(ran.one_sentence().contains("the topic \"a b\" holds ' '"), "{ran:#?}");
    }
    let group = rmq(["send", "--namesrv", address, "--topic", "a", "--body", "x", "--group", "a b"]);
    assert!(group.one_sentence().contains("the group \"a b\" holds ' '"), "{group:#?}");
}

#[test]
fn a_start_that_fails_is_a_result_line_too() {
    let nowhere = Nowhere::new();
    let line = ["--topic", "orders", "--body", "x", "--json", "--count", "9"];
    let ran = rmq(["send", "--namesrv", &nowhere.address()].iter().chain(&line));
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["kind"], &lines[0]["possiblyStored"]), (&"not_started".into(), &false.into()));
    assert_eq!(lines[0]["error"], ran.one_sentence());
}
