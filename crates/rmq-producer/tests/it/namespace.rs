//! Namespaces, from what the user writes to what arrives, and back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rmq_producer::{
    CheckForbiddenContext, CheckForbiddenHook, HookError, Message, MessageQueue, RouteError, SendContext,
    SendErrorKind, SendHook, StartError,
};
use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::redirect::Redirect;
use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;
const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

#[tokio::test(start_paused = true)]
async fn topic_and_group_are_in_the_namespace_on_the_wire_and_nowhere_else() {
    let cluster = start(one_broker().topic("MQ_INST_1%orders", 3)).await;
    let producer = builder(&cluster).namespace("MQ_INST_1").start().await.unwrap();
    let sent = producer.send(hello()).await.unwrap();

    assert_eq!(&**sent.queue().topic(), "orders");
    assert_eq!(&**sent.attempts()[0].queue().topic(), "orders");
    assert_eq!(producer.group(), "pg");
    let request = &cluster.requests(SEND)[0];
    assert_eq!(request.field("a"), Some("MQ_INST_1%pg"));
    assert_eq!(request.field("b"), Some("MQ_INST_1%orders"));
    assert_eq!(request.field("c"), Some("TBW102"), "what is RocketMQ's own is in no namespace");
    let [stored] = cluster.messages("MQ_INST_1%orders").try_into().expect("one message");
    assert_eq!(stored.property("INSTANCE_ID"), Some("MQ_INST_1"));
    assert_eq!(stored.unique_id(), Some(sent.message_id()));
    assert_eq!(cluster.message_count("orders"), 0);
    let looked_up: Vec<_> =
        cluster.requests(ROUTE).iter().map(|request| request.field("topic").map(str::to_owned)).collect();
    assert_eq!(looked_up.last().unwrap().as_deref(), Some("MQ_INST_1%orders"));

    tokio::time::sleep(seconds(1)).await;
    assert_eq!(cluster.clients()[0].producer_groups, ["MQ_INST_1%pg"]);
    producer.shutdown(seconds(1)).await;
    let farewell = &cluster.requests(RequestCode::UNREGISTER_CLIENT)[0];
    assert_eq!(farewell.field("producerGroup"), Some("MQ_INST_1%pg"));
}

#[tokio::test(start_paused = true)]
async fn queues_are_without_it_and_can_be_sent_to() {
    let cluster = start(one_broker().topic("ns%orders", 4)).await;
    let producer = builder(&cluster).namespace("ns").start().await.unwrap();
    let queues = producer.publish_queues("orders").await.unwrap();
    assert_eq!(queues.len(), 4);
    assert!(queues.iter().all(|queue| &**queue.topic() == "orders"));
    assert_eq!(producer.publish_queues("ns%orders").await.unwrap(), queues, "whichever way it is asked for");

    let wrapped = MessageQueue::new("ns%orders", "broker-a", 2);
    for queue in [&queues[2], &wrapped] {
        let sent = producer.send(hello()).to(queue.clone()).await.unwrap();
        assert_eq!(sent.queue(), &queues[2]);
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    let choose = move |queues: &[MessageQueue], message: &Message| {
        see.lock().unwrap().push((queues.to_vec(), message.topic().to_owned()));
        3
    };
    let sent = producer.send(hello()).select(choose).await.unwrap();
    assert_eq!(sent.queue(), &queues[3]);
    assert_eq!(*seen.lock().unwrap(), [(queues, "orders".to_owned())]);

    let elsewhere = producer.send(hello()).to(MessageQueue::new("other%orders", "broker-a", 0)).await;
    assert_eq!(kind(elsewhere), SendErrorKind::InvalidQueue);
}

#[tokio::test(start_paused = true)]
async fn errors_are_without_it() {
    let cluster = start(one_broker().topic("ns%orders", 4).auto_create_topics(false)).await;
    let producer = builder(&cluster).namespace("ns").missing_topic_memory(seconds(0)).start().await.unwrap();
    let missing = producer.send(Message::new("nowhere", "x")).await.unwrap_err();
    let read_only = {
        cluster.set_perm("ns%orders", 4);
        producer.send(hello()).await.unwrap_err()
    };
    cluster.set_perm("ns%orders", 6);
    cluster.on(SEND, &Fault::reply(ResponseCode::NO_PERMISSION).times(1));
    let refused = producer.send(hello()).await.unwrap_err();
    for (error, topic) in [(&missing, "nowhere"), (&read_only, "orders"), (&refused, "orders")] {
        let text = chain(error);
        assert!(text.contains(topic) && !text.contains("ns%"), "{text}");
        assert_eq!(&**error.topic(), topic);
        assert!(error.attempts().iter().all(|attempt| &**attempt.queue().topic() == topic));
    }
    assert_eq!(refused.attempts().len(), 1);
    match producer.publish_queues("nowhere").await {
        Err(RouteError::NoRoute { topic, default_topic }) => {
            assert_eq!((&*topic, &*default_topic), ("nowhere", "TBW102"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_wrapped_once_however_often_it_is_sent_and_stays_as_it_was() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).namespace("ns").start().await.unwrap();
    let message = hello();
    let wrapped = Message::new("ns%orders", "hello");
    for message in [&message, &message, &wrapped] {
        let sent = producer.send(message.clone()).await.unwrap();
        assert_eq!(&**sent.queue().topic(), "orders");
    }
    assert_eq!(cluster.message_count("ns%orders"), 3);
    assert_eq!((message.topic(), message.properties().get("INSTANCE_ID")), ("orders", None));

    cluster.on(SEND, &Fault::reply(ResponseCode::NO_PERMISSION).times(1));
    let back = producer.send(message.clone()).await.unwrap_err().into_message();
    assert_eq!(back, message);
}

#[tokio::test(start_paused = true)]
async fn a_message_from_another_namespace_gets_this_one_and_says_so_once() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).namespace("ns").start().await.unwrap();
    let mut message = hello();
    message.properties_mut().set("INSTANCE_ID", "other");
    producer.send(message).await.unwrap();
    let stored = &cluster.messages("ns%orders")[0];
    assert_eq!(stored.property("INSTANCE_ID"), Some("ns"));
    assert_eq!(stored.properties_text.matches("INSTANCE_ID").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn special_topics_are_wrapped_as_java_does() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).namespace("MQ_INST_1").start().await.unwrap();
    for (topic, expected) in [
        ("%RETRY%g", "%RETRY%MQ_INST_1%g"),
        ("%DLQ%g", "%DLQ%MQ_INST_1%g"),
        ("%LMQ%a", "MQ_INST_1%%LMQ%a"),
        ("BenchmarkTest", "BenchmarkTest"),
    ] {
        let sent = producer.send(Message::new(topic, "x")).await.unwrap();
        assert_eq!(&**sent.queue().topic(), topic);
        let requests = cluster.requests(SEND);
        assert_eq!(requests.last().unwrap().field("b"), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_point_of_an_instance_names_the_namespace_unless_one_is_set() {
    let cluster = start(one_broker()).await;
    let end_point = "MQ_INST_1_2.example:9876".to_owned();
    let network = Redirect::new(&cluster, [(end_point.clone(), cluster.name_servers())]);
    let at_end_point = |text: String| builder(&cluster).name_servers(text).connector(network.clone());
    for (builder, topic) in [
        (at_end_point(end_point.clone()), "MQ_INST_1_2%orders"),
        (at_end_point(format!("http://{end_point}")), "MQ_INST_1_2%orders"),
        (at_end_point(end_point.clone()).namespace("mine"), "mine%orders"),
        (at_end_point(end_point.clone()).namespace(""), "orders"),
    ] {
        let sent = builder.start().await.unwrap().send(hello()).await.unwrap();
        assert_eq!(&**sent.queue().topic(), "orders");
        assert_eq!(cluster.requests(SEND).last().unwrap().field("b"), Some(topic));
    }
    assert!(network.asked_for().contains(&end_point));
}

#[tokio::test(start_paused = true)]
async fn the_second_kind_is_in_every_request_and_changes_no_name() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).namespace_v2("ns").start().await.unwrap();
    for _ in 0..8 {
        let sent = producer.send(hello()).await.unwrap();
        assert_eq!(&**sent.queue().topic(), "orders");
    }
    producer.send_oneway(hello()).await.unwrap();
    tokio::time::sleep(seconds(31)).await;
    producer.shutdown(seconds(1)).await;

    let of_brokers = cluster.brokers().into_iter().flat_map(|broker| broker.all_requests());
    let requests: Vec<_> = of_brokers.chain(cluster.name_server().all_requests()).collect();
    for code in [SEND, ROUTE, RequestCode::HEART_BEAT, RequestCode::UNREGISTER_CLIENT] {
        assert!(requests.iter().any(|request| request.code() == code), "{code}");
    }
    for request in &requests {
        let namespace = (request.field("nsd"), request.field("ns"));
        assert_eq!(namespace, (Some("true"), Some("ns")), "{}", request.code());
    }
    assert_eq!(requests.iter().find_map(|request| request.field("b")), Some("orders"));
    let stored = &cluster.messages("orders")[0];
    assert_eq!(stored.property("INSTANCE_ID"), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_namespace_no_request_speaks_of_one() {
    let cluster = start(one_broker()).await;
    for builder in [builder(&cluster), builder(&cluster).namespace_v2("").namespace("")] {
        builder.start().await.unwrap().send(hello()).await.unwrap();
    }
    for request in cluster.name_server().all_requests().iter().chain(&cluster.broker("broker-a").all_requests()) {
        assert_eq!((request.field("nsd"), request.field("ns")), (None, None), "{}", request.code());
    }
    assert!(cluster.messages("orders").iter().all(|stored| stored.property("INSTANCE_ID").is_none()));
}

#[tokio::test(start_paused = true)]
async fn lengths_count_with_the_namespace() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).namespace("ns").start().await.unwrap();
    producer.send(Message::new("t".repeat(124), "x")).await.expect("127 characters on the wire");
    let error = producer.send(Message::new("t".repeat(125), "x")).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::InvalidMessage);
    assert!(chain(&error).contains("128 characters"), "{}", chain(&error));
    assert_eq!(error.into_message().topic().len(), 125, "it comes back");

    // WAIT, UNIQ_KEY and INSTANCE_ID are in it, each with two separators.
    let room = 32_705 - "WAITtrue".len() - 2 - "UNIQ_KEY".len() - 32 - 2 - "INSTANCE_IDns".len() - 2 - "b".len() - 2;
    producer.send(hello().property("b", "x".repeat(room))).await.expect("exactly the limit passes");
    let requests = cluster.requests(SEND);
    assert_eq!(requests.last().unwrap().field("i").map(str::len), Some(32_705));
    let error = producer.send(hello().property("b", "x".repeat(room + 1))).await;
    assert_eq!(kind(error), SendErrorKind::InvalidMessage);

    let long = builder(&cluster).namespace("n".repeat(118)).start().await;
    assert!(matches!(&long, Err(StartError::Group(error)) if error.to_string().contains("121")), "{long:?}");
}

/// Notes what hooks are told.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<BTreeSet<String>>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().expect("nobody panics with it").insert(note);
    }
}

impl SendHook for Notes {
    fn before_send(&self, context: &mut SendContext<'_>) {
        let topic = context.message().topic();
        self.add(format!("send {} {} {:?}", context.group(), topic, context.namespace()));
    }
}

impl CheckForbiddenHook for Notes {
    fn check_forbidden(&self, context: &CheckForbiddenContext<'_>) -> Result<(), HookError> {
        let (topic, queue) = (context.message.topic(), context.queue.topic());
        self.add(format!("check {} {topic} {queue} {}", context.group, context.unit_mode));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_see_names_without_it_and_are_told_which_it_is() {
    let cluster = start(one_broker()).await;
    let notes = Notes::default();
    let producer = builder(&cluster)
        .namespace("ns")
        .unit_mode(true)
        .send_hook(notes.clone())
        .check_forbidden_hook(notes.clone())
        .start()
        .await
        .unwrap();
    producer.send(hello()).await.unwrap();
    let notes = notes.0.lock().unwrap().clone();
    let expected = [r#"send pg orders Some("ns")"#, "check pg orders orders true"];
    assert_eq!(notes, expected.map(str::to_owned).into());
    assert_eq!(cluster.message_count("ns%orders"), 1);
}
