//! Ctrl-C, SIGTERM, and a reader that goes away.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rmq_testkit::{Fault, RequestCode};

use crate::program::{PATIENCE, command, finish};
use crate::serve::Serving;
use crate::servers::servers;

pub(crate) fn send(signal: &str, to: &Child) {
    let status = Command::new("kill").args([format!("-{signal}"), to.id().to_string()]).status();
    assert!(status.expect("every Unix has kill").success());
}

#[test]
fn a_served_cluster_ends_in_peace() {
    for signal in ["INT", "TERM"] {
        assert_eq!(Serving::start(&[]).end_with(signal), Some(0), "{signal}");
    }
}

#[test]
fn an_interrupted_send_finishes_what_is_under_way_and_says_how_far_it_came() {
    let servers = servers();
    servers.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(Duration::from_millis(20)));
    let address = servers.name_servers();
    let mut send_many = command([
        "send",
        "--namesrv",
        &address,
        "--topic",
        "orders",
        "--body",
        "x",
        "--count",
        "1000000",
        "--concurrency",
        "4",
        "--json",
    ]);
    let mut child = send_many.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rmq was built");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for _ in 0..20 {
        stdout.read_line(&mut String::new()).expect("a result line");
    }
    send("INT", &child);
    let rest = stdout.lines().map_while(Result::ok).count();
    assert_eq!(child.wait().expect("it was started").code(), Some(130));
    let stored = servers.messages("orders").len();
    assert_eq!(20 + rest, stored, "each message that was started has its line");
    assert!(stored < 100_000);
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let servers = servers();
    servers.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    let address = servers.name_servers();
    let mut hanging = command(["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--timeout", "10m"]);
    let mut child = hanging.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rmq was built");
    while servers.request_count(RequestCode::SEND_MESSAGE_V2) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    send("INT", &child);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(child.try_wait().expect("it was started"), None, "it waits for the send that is under way");
    // A signal that comes before the last one was looked at is one with it, and a busy machine looks late: so there may be more of them.
    let begun = Instant::now();
    while child.try_wait().expect("it was started").is_none() && begun.elapsed() < PATIENCE {
        send("INT", &child);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(finish(child).code, Some(130));
}

#[test]
fn a_reader_that_goes_away_ends_the_program_in_silence() {
    let servers = servers();
    let address = servers.name_servers();
    let mut send_many =
        command(["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--count", "1000000", "--json"]);
    let mut child = send_many.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rmq was built");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a result line");
    let output = child.wait_with_output().expect("it was started");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
    assert!(line.starts_with('{'));
    assert!(servers.messages("orders").len() < 1_000_000);
}
