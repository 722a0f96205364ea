//! Bad input: refused with a typed error before any byte is sent.
//!
//! A tap on the wire proves it everywhere, and the scripted servers' own counters prove that the tap tells the truth.

use rmq_producer::{InvalidNameServers, Message, SendErrorKind, StartError};
use rmq_remoting::RequestCode;
use rmq_testkit::TestCluster;

use crate::place::{Place, everywhere, in_scripted_places};
use crate::wire_tap::{Passed, WireTap};

#[test]
fn a_bad_message_is_refused_before_any_byte_is_sent() {
    everywhere(async |place| {
        let topic = place.topic("bad-messages", 1).await;
        let tap = WireTap::on(place.connector());
        let producer = place.builder().connector(tap.clone()).start().await.expect("the name server answers");
        let before = tap.passed();
        assert!(before.dials > 0 && before.bytes > 0, "the start asked the name server: {before:?}");
        for (what, message, code) in bad_messages(&topic) {
            for oneway in [false, true] {
                let error = if oneway {
                    producer.send_oneway(message.clone()).await.expect_err(what)
                } else {
                    producer.send(message.clone()).await.expect_err(what)
                };
                assert_eq!((error.kind(), error.code()), (SendErrorKind::InvalidMessage, code), "{what}: {error}");
                assert!(!error.possibly_stored() && !error.is_retryable() && error.attempts().is_empty(), "{what}");
                assert!(error.message_id().is_none(), "{what}");
                assert_eq!(error.into_message(), message, "{what}: the message comes back");
            }
        }
        assert_eq!(tap.passed(), before, "no dial, no byte");

        producer.send(Message::new(&*topic, "a good one")).await.expect("it is stored");
        assert!(tap.passed().bytes > before.bytes, "the tap is on the line");
        assert_eq!(place.read(&topic, 1).await.len(), 1);
    });
}

#[test]
fn no_server_hears_of_a_bad_message() {
    in_scripted_places(async |place, cluster| {
        let topic = place.topic("bad-messages", 1).await;
        let producer = place.producer().await;
        let before = requests(cluster);
        for (what, message, _) in bad_messages(&topic) {
            producer.send(message.clone()).await.expect_err(what);
            producer.send_oneway(message).await.expect_err(what);
        }
        producer.publish_queues("a b").await.expect_err("an illegal topic");
        assert_eq!(requests(cluster), before);
    });
}

#[test]
fn bad_options_are_refused_before_any_dial() {
    everywhere(async |place| {
        let tap = WireTap::on(place.connector());
        for group in ["", " ", "DEFAULT_PRODUCER", "a b", "grüppe", "a.b", &"g".repeat(121)] {
            let builder = rmq_producer::Producer::builder(group).name_servers(place.name_servers());
            let error = builder.connector(tap.clone()).start().await.expect_err(group);
            assert!(matches!(error, StartError::Group(_)), "{group:?}: {error:?}");
        }
        for (addresses, is_empty) in [
            ("", true),
            (" ; ", true),
            ("127.0.0.1:0", false),
            ("127.0.0.1:65536", false),
            ("127.0.0.1:port", false),
            ("127.0.0.1:", false),
            (":9876", false),
            ("[::1:9876", false),
            ("ho st:9876;ho/st:9876", false),
            ("good:9876;bad:0", false),
        ] {
            let error = start_at(place, &tap, addresses).await;
            let StartError::NameServerList(list) = &error else { panic!("{addresses:?}: {error:?}") };
            assert_eq!(matches!(list, InvalidNameServers::Empty), is_empty, "{addresses:?}: {list}");
        }
        assert_eq!(tap.passed(), Passed { dials: 0, bytes: 0 });
    });
}

async fn start_at(place: &Place, tap: &WireTap, addresses: &str) -> StartError {
    place.builder().name_servers(addresses).connector(tap.clone()).start().await.expect_err(addresses)
}

/// What is wrong, the message, and Java's code for it.
fn bad_messages(topic: &str) -> Vec<(&'static str, Message, Option<i32>)> {
    let message = || Message::new(topic, "x");
    let mut bad = vec![
        ("an empty topic", Message::new("", "x"), None),
        ("a blank topic", Message::new(" ", "x"), None),
        ("a space in the topic", Message::new("a b", "x"), None),
        ("a dot in the topic", Message::new("a.b", "x"), None),
        ("a slash in the topic", Message::new("../../etc", "x"), None),
        ("an umlaut in the topic", Message::new("aufträge", "x"), None),
        ("a long topic", Message::new("t".repeat(128), "x"), None),
        ("an empty body", Message::new(topic, ""), Some(13)),
        ("a body over the limit", Message::new(topic, vec![0; 4_194_305]), Some(13)),
        ("a blank tag", message().tag(" "), None),
        ("a separator in the tag", message().tag("a\u{1}b"), None),
        ("a blank key", message().key(""), None),
        ("a space in a key", message().key("a b"), None),
        ("a separator in a key", message().key("a\u{2}"), None),
        ("an empty property name", message().property("", "x"), None),
        ("an empty property value", message().property("name", ""), None),
        ("a separator in a property name", message().property("a\u{1}b", "x"), None),
        ("a separator in a property value", message().property("name", "a\u{2}b"), None),
        ("properties over the limit", message().property("big", "x".repeat(32_705)), Some(13)),
    ];
    for reserved in ["KEYS", "TAGS", "WAIT", "DELAY", "UNIQ_KEY", "TRAN_MSG", "CLUSTER", "MSG_REGION", "TRACE_ON"] {
        bad.push(("a reserved property name", message().property(reserved, "x"), None));
    }
    // TopicValidator#NOT_ALLOWED_SEND_TOPIC_SET
    for forbidden in [
        "SCHEDULE_TOPIC_XXXX",
        "RMQ_SYS_TRANS_HALF_TOPIC",
        "RMQ_SYS_TRANS_OP_HALF_TOPIC",
        "TRANS_CHECK_MAX_TIME_TOPIC",
        "SELF_TEST_TOPIC",
        "OFFSET_MOVED_EVENT",
    ] {
        bad.push(("a topic of RocketMQ's own", Message::new(forbidden, "x"), None));
    }
    bad
}

/// How many requests of the kinds that a producer makes have arrived at any server.
fn requests(cluster: &TestCluster) -> Vec<u64> {
    let kinds = [
        RequestCode::GET_ROUTEINFO_BY_TOPIC,
        RequestCode::SEND_MESSAGE,
        RequestCode::SEND_MESSAGE_V2,
        RequestCode::SEND_BATCH_MESSAGE,
        RequestCode::HEART_BEAT,
    ];
    kinds.map(|kind| cluster.request_count(kind)).to_vec()
}
