//! One message, from the call to the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use rmq_producer::{HeaderEncoding, Message, MessageLimits, SendErrorKind, SendHeaderVersion, SendStatus};
use rmq_testkit::{Dialect, Fault, RequestCode};
use tokio::task::JoinSet;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_message_arrives_as_it_was_made_and_the_result_says_where() {
    let cluster = start(two_brokers().epoch_millis(1_700_000_000_000)).await;
    let producer = producer(&cluster).await;
    let message = Message::new("orders", "hello")
        .tag("paid")
        .keys(["42", "43"])
        .property("colour", "red")
        .flag(7)
        .wait_store_ok(false);
    let sent = producer.send(message).await.unwrap();

    let [stored] = cluster.messages("orders").try_into().expect("one message");
    assert_eq!(sent.status(), SendStatus::SendOk);
    assert_eq!(Some(sent.message_id()), stored.unique_id());
    assert_eq!(sent.offset_message_id(), stored.offset_message_id());
    assert_eq!(&**sent.queue().topic(), "orders");
    assert_eq!(&**sent.queue().broker_name(), &*stored.broker);
    assert_eq!((sent.queue().queue_id(), sent.queue_offset()), (stored.queue_id, stored.queue_offset));
    assert_eq!((sent.region_id(), sent.trace_on()), ("DefaultRegion", true));
    assert_eq!(sent.transaction_id(), Some(sent.message_id()), "5.x brokers give one to every message");
    let [attempt] = sent.attempts() else { panic!("{:?}", sent.attempts()) };
    assert!(attempt.error().is_none() && !attempt.possibly_stored());
    assert_eq!(attempt.address().map(|address| address.host().to_owned()), Some(stored.store_host.ip().to_string()));

    assert_eq!((&stored.body[..], stored.flag, stored.sys_flag), (&b"hello"[..], 7, 0));
    assert_eq!((stored.tags(), stored.keys()), (Some("paid"), vec!["42", "43"]));
    assert_eq!((stored.property("colour"), stored.reconsume_times), (Some("red"), 0));
    let request = &cluster.requests(RequestCode::SEND_MESSAGE_V2)[0];
    assert_eq!(request.field("a"), Some("pg"));
    assert_eq!((request.field("c"), request.field("d")), (Some("TBW102"), Some("4")));
    assert_eq!((request.field("k"), request.field("m")), (Some("false"), Some("false")));
    assert_eq!(request.field("n"), Some(&*stored.broker));
    let properties = request.field("i").expect("properties");
    assert!(properties.contains("WAIT\u{1}false\u{2}") && properties.ends_with('\u{2}'), "{properties:?}");
    cluster.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_4_9_broker_gives_no_transaction_id() {
    let cluster = start(one_broker().dialect(Dialect::V4_9)).await;
    let sent = producer(&cluster).await.send(hello()).await.unwrap();
    assert_eq!(sent.transaction_id(), None);
    assert_eq!(cluster.messages("orders").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_long_header_and_the_binary_one_are_read_as_well() {
    for (version, code) in
        [(SendHeaderVersion::V1, RequestCode::SEND_MESSAGE), (SendHeaderVersion::V2, RequestCode::SEND_MESSAGE_V2)]
    {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            for dialect in [Dialect::V4_9, Dialect::V5] {
                let cluster = start(one_broker().dialect(dialect)).await;
                let producer =
                    builder(&cluster).send_header(version).header_encoding(encoding).start().await.expect("it starts");
                let sent = producer.send(hello().key("k")).await.expect("it is stored");
                let stored = cluster.messages("orders");
                assert_eq!((stored.len(), stored[0].keys()), (1, vec!["k"]));
                assert_eq!(Some(sent.message_id()), stored[0].unique_id());
                let request = &cluster.requests(code)[0];
                assert_eq!(request.command.encoding(), encoding);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn queues_have_their_turn_over_all_brokers() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    for _ in 0..24 {
        producer.send(hello()).await.unwrap();
    }
    let mut per_queue: BTreeMap<_, usize> = BTreeMap::new();
    for stored in cluster.messages("orders") {
        *per_queue.entry((stored.broker.to_string(), stored.queue_id)).or_default() += 1;
    }
    assert_eq!(per_queue.len(), 8);
    assert!(per_queue.values().all(|count| *count == 3), "{per_queue:?}");
}

#[tokio::test(start_paused = true)]
async fn every_message_has_an_id_of_its_own_and_one_that_has_keeps_it() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let message = hello();
    let (one, two) = (producer.send(message.clone()).await.unwrap(), producer.send(message.clone()).await.unwrap());
    assert_ne!(one.message_id(), two.message_id());
    assert!(one.message_id().starts_with("0A090909"), "the client's address: {}", one.message_id());
    assert_eq!(message.unique_id(), None, "the caller's message is not touched");

    let mut given = hello();
    given.properties_mut().set("UNIQ_KEY", "mine");
    assert_eq!(producer.send(given).await.unwrap().message_id(), "mine");
    let stored = cluster.messages("orders");
    assert_eq!(stored[2].unique_id(), Some("mine"));
    assert_eq!(stored[2].properties_text.matches("UNIQ_KEY").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_before_any_byte() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let asked = cluster.name_server().request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    let max = MessageLimits::DEFAULT_MAX_BODY_BYTES;
    let cases = [
        (Message::new("", "x"), None),
        (Message::new("a b", "x"), None),
        (Message::new("t".repeat(128), "x"), None),
        (Message::new("SCHEDULE_TOPIC_XXXX", "x"), None),
        (Message::new("orders", ""), Some(13)),
        (Message::new("orders", vec![0; max + 1]), Some(13)),
        (hello().property("KEYS", "x"), None),
        (hello().property("a\u{1}", "x"), None),
        (hello().property("a", "x\u{2}"), None),
        (hello().property("big", "x".repeat(32_705)), Some(13)),
    ];
    for (message, code) in cases {
        let error = producer.send(message.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (SendErrorKind::InvalidMessage, code), "{error}");
        assert!(!error.possibly_stored() && !error.is_retryable() && error.attempts().is_empty());
        assert_eq!(producer.send_oneway(message.clone()).await.unwrap_err().kind(), SendErrorKind::InvalidMessage);
        assert_eq!(error.into_message(), message);
    }
    assert_eq!(cluster.name_server().request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC), asked);
    assert_eq!(cluster.request_count(RequestCode::SEND_MESSAGE_V2), 0);

    producer.send(Message::new("orders", vec![0; max])).await.expect("exactly the limit passes");
}

#[tokio::test(start_paused = true)]
async fn the_id_that_is_added_counts_among_the_properties() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    // WAIT ␁ true ␂, UNIQ_KEY ␁ 32 digits ␂, b ␁ … ␂
    let room = MessageLimits::DEFAULT_MAX_PROPERTIES_BYTES - (4 + 1 + 4 + 1) - (8 + 1 + 32 + 1) - (1 + 1 + 1);
    producer.send(hello().property("b", "x".repeat(room))).await.expect("exactly the limit passes");
    let error = producer.send(hello().property("b", "x".repeat(room + 1))).await.unwrap_err();
    assert_eq!(error.code(), Some(13));
    let sent = cluster.requests(RequestCode::SEND_MESSAGE_V2);
    assert_eq!(sent[0].field("i").map(str::len), Some(MessageLimits::DEFAULT_MAX_PROPERTIES_BYTES));
}

#[tokio::test(start_paused = true)]
async fn the_broker_has_the_last_word_on_queue_region_and_trace() {
    let edit = Fault::edit(|answer| {
        let fields = answer.ext_fields_mut();
        fields.set("queueId", "3");
        fields.set("MSG_REGION", "eu");
        fields.set("TRACE_ON", "false");
        fields.set("recallHandle", "handle");
    });
    let sent = send_into(edit).await.unwrap();
    assert_eq!(sent.queue().queue_id(), 3);
    assert_eq!((sent.region_id(), sent.trace_on(), sent.recall_handle()), ("eu", false, Some("handle")));
}

#[tokio::test(start_paused = true)]
async fn the_fields_of_an_answer_may_lie_elsewhere_than_those_of_the_one_before() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let turn = AtomicUsize::new(0);
    cluster.on(
        RequestCode::SEND_MESSAGE_V2,
        &Fault::edit(move |answer| {
            let fields: Vec<(String, String)> =
                answer.ext_fields_mut().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            // Often enough alike for each kind to be known.
            let turn = turn.fetch_add(1, Ordering::Relaxed) / 3 % fields.len();
            for (name, _) in &fields {
                answer.ext_fields_mut().remove(name);
            }
            for (name, value) in fields[turn..].iter().chain(&fields[..turn]) {
                answer.ext_fields_mut().set(name.clone(), value);
            }
        }),
    );
    let mut places: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    for n in 0..200 {
        let sent = producer.send(Message::new("orders", n.to_string())).await.unwrap();
        assert_eq!(sent.offset_message_id().len(), 32);
        let queue = (sent.queue().broker_name().to_string(), sent.queue().queue_id());
        places.entry(queue).or_default().push(sent.queue_offset());
    }
    for (queue, offsets) in places {
        assert!(offsets.iter().copied().eq(0..i64::try_from(offsets.len()).unwrap()), "{queue:?}: {offsets:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_sends_are_stored_once_each() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let mut sends = JoinSet::new();
    for n in 0..1000 {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(Message::new("orders", n.to_string())).await });
    }
    let results = sends.join_all().await;
    let ids: BTreeSet<_> = results.into_iter().map(|sent| sent.unwrap().message_id().to_owned()).collect();
    let stored: BTreeSet<_> =
        cluster.messages("orders").iter().map(|stored| stored.unique_id().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 1000);
    assert_eq!(ids, stored);
    assert_eq!(cluster.messages("orders").len(), 1000);
    assert_eq!(producer.in_flight(), 0);
}
