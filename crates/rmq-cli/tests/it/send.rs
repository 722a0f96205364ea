//! `rmq send` to brokers that take what they get.

use std::collections::HashSet;

use rmq_testkit::{HeaderEncoding, RequestCode};
use serde_json::Value;

use crate::program::{Ran, command, rmq, run};
use crate::servers::{Servers, servers};

/// `rmq send` to topic `orders` of these servers.
fn send(servers: &Servers, arguments: &[&str]) -> Ran {
    let address = servers.name_servers();
    let start = ["send", "--namesrv", &address, "--topic", "orders"];
    rmq(start.iter().chain(arguments))
}

#[test]
fn a_message_arrives_with_all_that_was_given() {
    let servers = servers();
    let arguments = [
        "--body",
        "hällo",
        "--tag",
        "paid",
        "--key",
        "42",
        "--key",
        "43",
        "--property",
        "colour=red",
        "--property",
        "sum=1=2",
    ];
    let ran = send(&servers, &arguments).assert_success();
    let stored = servers.messages("orders");
    assert_eq!(stored.len(), 1);
    assert_eq!(&stored[0].body[..], "hällo".as_bytes());
    assert_eq!((stored[0].tags(), stored[0].keys()), (Some("paid"), vec!["42", "43"]));
    assert_eq!((stored[0].property("colour"), stored[0].property("sum")), (Some("red"), Some("1=2")));
    let id = stored[0].unique_id().expect("made by the client");
    assert!(ran.stdout.starts_with(&format!("SEND_OK  {id}  {} queue", stored[0].broker)), "{}", ran.stdout);
}

#[test]
fn a_json_line_says_where_the_message_is() {
    let servers = servers();
    let lines = send(&servers, &["--body", "x", "--json"]).assert_success().json_lines();
    let stored = &servers.messages("orders")[0];
    let line = lines[0].as_object().expect("an object");
    let mut fields: Vec<_> = line.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "attempts",
            "brokerName",
            "elapsedMs",
            "maybeStoredAttempts",
            "messageId",
            "offsetMessageId",
            "queueId",
            "queueOffset",
            "status",
            "topic"
        ]
    );
    assert_eq!((&line["status"], &line["topic"]), (&"SEND_OK".into(), &"orders".into()));
    assert_eq!(line["messageId"], stored.unique_id().expect("made by the client"));
    assert_eq!(line["offsetMessageId"], stored.offset_message_id());
    assert_eq!(line["brokerName"], &*stored.broker);
    assert_eq!((&line["queueId"], &line["queueOffset"]), (&stored.queue_id.into(), &stored.queue_offset.into()));
    assert_eq!((&line["attempts"], &line["maybeStoredAttempts"]), (&1.into(), &0.into()));
    assert!(line["elapsedMs"].as_f64().is_some_and(|millis| millis > 0.0));
}

#[test]
fn many_messages_at_once_are_each_stored_once() {
    let servers = servers();
    let lines =
        send(&servers, &["--body-size", "100", "--count", "5000", "--concurrency", "200", "--json"]).assert_success();
    let lines = lines.json_lines();
    let ids: HashSet<_> = lines.iter().map(|line| line["messageId"].as_str().expect("stored").to_owned()).collect();
    let stored = servers.messages("orders");
    assert_eq!((lines.len(), ids.len(), stored.len()), (5_000, 5_000, 5_000));
    assert!(stored.iter().all(|copy| copy.body.len() == 100 && ids.contains(copy.unique_id().unwrap_or_default())));
    let queues: HashSet<_> = stored.iter().map(|copy| (&copy.broker, copy.queue_id)).collect();
    assert_eq!(queues.len(), 8, "all queues of both brokers");
}

#[test]
fn many_messages_end_with_a_summary_for_people() {
    let servers = servers();
    let ran = send(&servers, &["--body", "x", "--count", "1200", "--concurrency", "50"]).assert_success();
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{ran:#?}");
    assert!(lines[0].starts_with("1,200 of 1,200 sent in ") && lines[0].ends_with(": 1,200 SEND_OK"), "{ran:#?}");
    assert!(lines[1].starts_with("time of one send: min ") && lines[1].contains("p99"), "{ran:#?}");
}

#[test]
fn a_few_messages_have_a_line_each() {
    let servers = servers();
    let ran = send(&servers, &["--body", "x", "--count", "3"]).assert_success();
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("SEND_OK  ")).count(), 3, "{ran:#?}");
}

#[test]
fn both_header_encodings_arrive_as_asked() {
    let servers = servers();
    for (name, encoding) in [("json", HeaderEncoding::Json), ("binary", HeaderEncoding::Rocketmq)] {
        send(&servers, &["--body", name, "--header-encoding", name]).assert_success();
        let requests = servers.requests(RequestCode::SEND_MESSAGE_V2);
        assert_eq!(requests.last().expect("it was sent").command.encoding(), encoding);
    }
    assert_eq!(servers.messages("orders").len(), 2);
}

#[test]
fn the_group_is_the_one_that_was_given() {
    let servers = servers();
    send(&servers, &["--body", "x", "--group", "billing"]).assert_success();
    assert_eq!(servers.requests(RequestCode::SEND_MESSAGE_V2)[0].field("a"), Some("billing"));
}

#[test]
fn the_body_may_come_from_a_file_or_from_standard_input() {
    let servers = servers();
    let content: Vec<u8> = (0..=255).collect();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("body.bin");
    std::fs::write(&file, &content).expect("cargo made the folder");
    send(&servers, &["--body-file", file.to_str().expect("UTF-8")]).assert_success();

    let address = servers.name_servers();
    let mut from_pipe = command(["send", "--namesrv", &address, "--topic", "orders", "--body-file", "-"]);
    run(&mut from_pipe, &content).assert_success();
    let stored = servers.messages("orders");
    assert!(stored.len() == 2 && stored.iter().all(|copy| copy.body == content));
}

#[test]
fn a_body_of_exactly_four_mebibytes_passes_and_one_byte_more_does_not() {
    let servers = servers();
    send(&servers, &["--body-size", "4194304"]).assert_success();
    assert_eq!(servers.messages("orders")[0].plain_body().expect("zlib").len(), 4_194_304);
    let over = send(&servers, &["--body-size", "4194305"]);
    assert_eq!(
        over.one_sentence(),
        "the message cannot be sent: the body of 4194305 bytes is over the limit of 4194304"
    );
    assert_eq!(servers.messages("orders").len(), 1);
}

#[test]
fn a_message_that_no_broker_takes_is_refused_before_anybody_is_asked() {
    let servers = servers();
    for (arguments, reason) in [
        (&["--body", ""][..], "the body is empty"),
        (&["--body-size", "0"], "the body is empty"),
        (&["--body", "x", "--property", "KEYS=1"], "\"KEYS\" is reserved"),
        (&["--body", "x", "--property", "a=\u{1}"], "U+0001"),
        (&["--body", "x", "--property", "=b"], "a blank name"),
        (&["--body", "x", "--tag", " "], "\"TAGS\" has a blank value"),
        (&["--body", "x", "--key", "a b"], "a key holds a space"),
    ] {
        let ran = send(&servers, &[arguments, &["--json", "--count", "1000000"]].concat());
        assert!(ran.one_sentence().contains(reason), "{arguments:?}: {ran:#?}");
        let lines = ran.json_lines();
        assert_eq!(lines.len(), 1, "once and not a million times");
        assert_eq!((&lines[0]["kind"], &lines[0]["possiblyStored"]), (&"invalid_message".into(), &false.into()));
        assert_eq!((&lines[0]["status"], &lines[0]["attempts"]), (&Value::Null, &0.into()));
    }
    let address = servers.name_servers();
    let reserved = rmq(["send", "--namesrv", &address, "--topic", "SCHEDULE_TOPIC_XXXX", "--body", "x"]);
    assert!(reserved.one_sentence().contains("reserved for RocketMQ"), "{reserved:#?}");
    assert_eq!(servers.request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC), 0);
}

#[test]
fn oneway_messages_arrive_although_nobody_answers() {
    let servers = servers();
    let ran = send(&servers, &["--body-size", "2000", "--count", "3000", "--concurrency", "64", "--oneway", "--json"]);
    let lines = ran.assert_success().json_lines();
    assert_eq!(lines.len(), 3_000);
    assert!(lines.iter().all(|line| line["status"] == "ONEWAY" && line["queueId"].is_null()));
    assert_eq!(servers.wait_for("orders", 3_000).len(), 3_000);
}

#[test]
fn a_topic_is_created_by_its_first_message() {
    let servers = servers();
    rmq(["send", "--namesrv", &servers.name_servers(), "--topic", "new-one", "--body", "x"]).assert_success();
    assert_eq!(servers.messages("new-one").len(), 1);
}
