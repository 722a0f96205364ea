//! `rmq send` to brokers that refuse, stay silent or break off.

use std::process::Stdio;
use std::time::Duration;

use rmq_testkit::{Fault, RequestCode, ResponseCode, TestCluster};
use serde_json::Value;

use crate::program::{Ran, command, finish, rmq};
use crate::servers::{Servers, servers, start};

fn send(servers: &Servers, arguments: &[&str]) -> Ran {
    let address = servers.name_servers();
    let start = ["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--json", "--retries", "0"];
    rmq(start.iter().chain(arguments))
}

fn servers_that(fault: &Fault) -> Servers {
    let servers = servers();
    servers.on(RequestCode::SEND_MESSAGE_V2, fault);
    servers
}

/// Kind, possiblyStored, maybeStoredAttempts of the only line.
fn failure(ran: &Ran) -> (String, bool, u64) {
    let [line] = ran.json_lines().try_into().unwrap_or_else(|lines| panic!("one line, not {lines:?}"));
    assert!(line["status"].is_null() && line["offsetMessageId"].is_null() && line["queueOffset"].is_null(), "{line}");
    assert_eq!(line["error"], ran.one_sentence(), "the same sentence for people and for programs");
    let (kind, possibly) = (line["kind"].as_str(), line["possiblyStored"].as_bool());
    (kind.expect("named").to_owned(), possibly.expect("said"), line["maybeStoredAttempts"].as_u64().expect("counted"))
}

#[test]
fn a_failure_says_why_and_whether_the_message_may_be_stored() {
    for (fault, kind, stored) in [
        (Fault::reply(ResponseCode::SYSTEM_BUSY), "busy", false),
        (Fault::reply(ResponseCode::TOPIC_NOT_EXIST), "refused", false),
        (Fault::reply(ResponseCode::NO_PERMISSION), "refused", false),
        (Fault::reply(ResponseCode::SYSTEM_ERROR), "broker_failed", true),
        (Fault::silent(), "timeout", true),
        (Fault::store_then_silent(), "timeout", true),
        (Fault::cut(), "connection_lost", true),
        (Fault::store_then_cut(), "connection_lost", true),
        (Fault::half_frame(), "connection_lost", true),
        (Fault::garbage(&b"\x00\x00\x00\x01x"[..]), "connection_lost", true),
    ] {
        let servers = servers_that(&fault);
        let ran = send(&servers, if kind == "timeout" { &["--timeout", "5s"] } else { &[] });
        assert_eq!(failure(&ran), (kind.to_owned(), stored, u64::from(stored)), "{ran:#?}");
    }
}

#[test]
fn failed_messages_are_tried_again_unless_told_otherwise() {
    let servers = servers();
    servers.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, Fault::store_then_cut());
    let address = servers.name_servers();
    let ran = rmq(["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--json", "--count", "10"]);
    let lines = ran.assert_success().json_lines();
    assert_eq!(lines.len(), 10);
    // A cut takes along what else was under way on that connection and never read, so a message has at most as
    // many copies as its line tells of, and at least one.
    let mut tried_again = 0;
    for line in &lines {
        let told = 1 + line["maybeStoredAttempts"].as_u64().expect("counted");
        let copies =
            servers.messages("orders").iter().filter(|stored| line["messageId"].as_str() == stored.unique_id()).count();
        assert!((1..=told).contains(&(copies as u64)), "{copies} copies: {line}");
        tried_again += told - 1;
    }
    assert!(tried_again > 0, "{lines:#?}");
}

#[test]
fn a_failed_message_that_was_tried_has_an_id_and_a_queue() {
    let servers = servers_that(&Fault::store_then_silent());
    let lines = send(&servers, &["--timeout", "5s"]).json_lines();
    let stored = &servers.messages("orders")[0];
    assert_eq!(lines[0]["messageId"], stored.unique_id().expect("made by the client"));
    assert_eq!((&lines[0]["brokerName"], &lines[0]["queueId"]), (&(*stored.broker).into(), &stored.queue_id.into()));
    assert_eq!(lines[0]["attempts"], 1);
}

#[test]
fn the_lesser_statuses_are_results_and_are_explained() {
    for (code, status) in [
        (ResponseCode::FLUSH_DISK_TIMEOUT, "FLUSH_DISK_TIMEOUT"),
        (ResponseCode::FLUSH_SLAVE_TIMEOUT, "FLUSH_SLAVE_TIMEOUT"),
        (ResponseCode::SLAVE_NOT_AVAILABLE, "SLAVE_NOT_AVAILABLE"),
    ] {
        let servers = servers_that(&Fault::status(code));
        let ran = send(&servers, &[]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        assert_eq!(ran.json_lines()[0]["status"], status);
        assert!(ran.stderr.starts_with(&format!("note: {status}: stored, but less safely")), "{ran:#?}");
        assert_eq!(servers.messages("orders").len(), 1);
    }
}

#[test]
fn one_failure_among_many_makes_the_exit_code_and_spoils_no_other() {
    let servers = servers();
    let busy = Fault::reply(ResponseCode::SYSTEM_BUSY).nth(50).times(2);
    servers.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, busy);
    let ran = send(&servers, &["--count", "400", "--concurrency", "8"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let lines = ran.json_lines();
    let failed: Vec<&Value> = lines.iter().filter(|line| line["status"].is_null()).collect();
    assert_eq!((lines.len(), failed.len(), servers.messages("orders").len()), (400, 2, 398));
    assert!(failed.iter().all(|line| line["kind"] == "busy" && line["brokerName"] == "broker-a"));
    assert!(ran.stderr.ends_with(" [2 times]\n") && ran.stderr.lines().count() == 1, "{ran:#?}");
}

#[test]
fn people_get_a_summary_with_the_failures_in_it() {
    let servers = servers();
    servers.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, Fault::reply(ResponseCode::SYSTEM_BUSY).times(3));
    let address = servers.name_servers();
    let ran =
        rmq(["send", "--namesrv", &address, "--topic", "orders", "--body", "x", "--count", "100", "--retries", "0"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.starts_with("97 of 100 sent in ") && ran.stdout.contains(": 97 SEND_OK; 3 failed\n"),
        "{ran:#?}"
    );
}

#[test]
fn a_broker_that_cannot_be_reached_is_named_with_its_address() {
    let builder = TestCluster::builder().topic("orders", 4).keep_killed_brokers_in_route(Duration::from_secs(600));
    let servers = start(builder);
    let address = servers.broker("broker-a").address().to_string();
    servers.kill("broker-a");
    let ran = send(&servers, &[]);
    assert_eq!(failure(&ran), ("connect".to_owned(), false, 0), "{ran:#?}");
    assert!(ran.one_sentence().contains(&format!("broker broker-a at {address} cannot be reached")), "{ran:#?}");
    assert!(ran.one_sentence().contains("brokerIP1"), "{ran:#?}");
}

#[test]
fn a_topic_that_may_not_be_written_to_is_told_from_one_that_is_not_there() {
    let servers = servers();
    servers.set_perm("orders", 4);
    let ran = send(&servers, &[]);
    assert_eq!(failure(&ran), ("no_writable_queue".to_owned(), false, 0), "{ran:#?}");
    assert!(ran.one_sentence().contains("permission"), "{ran:#?}");
}

#[test]
fn oneway_messages_are_waited_for_until_a_slow_broker_has_read_them() {
    let servers = start(TestCluster::builder().topic("orders", 4));
    servers.broker("broker-a").freeze();
    let address = servers.name_servers();
    let line = ["send", "--namesrv", &address, "--topic", "orders", "--oneway", "--json"];
    // The system takes it all, but more than fits into the buffers of the broker's end.
    let mut child = command(line.iter().chain(&["--body-size", "4000", "--count", "700"]));
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("rmq was built");
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Longer than the end of a send that is answered may take.
            std::thread::sleep(Duration::from_secs(5));
            servers.broker("broker-a").resume();
        });
        finish(child).assert_success()
    });
    assert_eq!(ran.json_lines().len(), 700);
    assert_eq!(servers.wait_for("orders", 700).len(), 700);
}

#[test]
fn oneway_messages_that_a_broker_may_not_have_read_are_told() {
    let servers = start(TestCluster::builder().topic("orders", 4));
    servers.broker("broker-a").freeze();
    let ran = send(&servers, &["--oneway", "--count", "3", "--timeout", "5s"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.json_lines().iter().all(|line| line["status"] == "ONEWAY"), "{ran:#?}");
    assert!(ran.stderr.starts_with("note: 1 broker did not answer at the end within 5 s"), "{ran:#?}");
}

#[test]
fn oneway_messages_that_cannot_leave_are_failures() {
    let servers = servers();
    servers.hide_route("orders");
    servers.hide_route("TBW102");
    let ran = send(&servers, &["--oneway", "--count", "3"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json_lines().iter().filter(|line| line["kind"] == "no_route").count(), 3, "{ran:#?}");
}
