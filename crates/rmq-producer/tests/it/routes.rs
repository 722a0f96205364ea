//! Where messages go: look-ups, topics that are not there yet, routes that change.

use rmq_producer::{Message, RouteError, SendErrorKind};
use rmq_testkit::{Fault, RequestCode, ResponseCode, Route};
use tokio::task::JoinSet;

use crate::world::*;

const LOOK_UP: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

#[tokio::test(start_paused = true)]
async fn a_thousand_first_sends_make_one_look_up() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    cluster.name_server().on(LOOK_UP, Fault::delay(seconds(1)));
    let mut sends = JoinSet::new();
    for _ in 0..1000 {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(hello()).await });
    }
    assert!(sends.join_all().await.iter().all(Result::is_ok));
    assert_eq!(cluster.name_server().request_count(LOOK_UP), 1);
    assert_eq!(cluster.messages("orders").len(), 1000);
    let request = &cluster.name_server().requests(LOOK_UP)[0];
    assert_eq!((request.field("topic"), request.field("acceptStandardJsonOnly")), (Some("orders"), Some("true")));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_does_not_spoil_it_for_the_others() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    cluster.name_server().on(LOOK_UP, Fault::delay(seconds(2)));
    let (impatient, patient) =
        tokio::join!(producer.send(hello()).timeout(seconds(1)).into_future(), producer.send(hello()).into_future());
    let error = impatient.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::DeadlineExpired, false));
    assert_eq!(error.elapsed(), seconds(1));
    patient.unwrap();
    assert_eq!(cluster.name_server().request_count(LOOK_UP), 1);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_there_gets_the_queues_with_which_brokers_will_create_it() {
    let cluster = start(two_brokers().default_topic_queues(8)).await;
    for (wanted, got) in [(4, 4), (16, 8)] {
        let topic = format!("new-{wanted}");
        let producer = builder(&cluster).default_topic_queue_nums(wanted).start().await.unwrap();
        let queues = producer.publish_queues(&*topic).await.unwrap();
        assert_eq!(queues.len(), 2 * got, "{queues:?}");
        assert!(queues.iter().all(|queue| **queue.topic() == *topic && (0..8).contains(&queue.queue_id())));
        producer.send(Message::new(&*topic, "x")).await.unwrap();
        assert_eq!(cluster.messages(&topic).len(), 1);
        let asked: Vec<_> = cluster.name_server().requests(LOOK_UP);
        let last_two: Vec<_> = asked.iter().rev().take(2).filter_map(|request| request.field("topic")).collect();
        assert_eq!(last_two, ["TBW102", &*topic]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_guess_is_replaced_by_the_topic_s_own_route() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    assert_eq!(producer.publish_queues("new").await.unwrap().len(), 8);
    cluster.broker("broker-a").create_topic("new", 2);
    tokio::time::sleep(seconds(34)).await;
    assert_eq!(producer.publish_queues("new").await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_default_topic_can_be_named() {
    let cluster = start(one_broker().topic("MODEL", 3)).await;
    let producer = builder(&cluster).create_topic_key("MODEL").start().await.unwrap();
    assert_eq!(producer.publish_queues("new").await.unwrap().len(), 3);
    let sent = producer.send(Message::new("new", "x")).await;
    assert_eq!(cluster.requests(RequestCode::SEND_MESSAGE_V2)[0].field("c"), Some("MODEL"), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_default_topic_there_is_no_route() {
    let cluster = start(one_broker().auto_create_topics(false)).await;
    let producer = producer(&cluster).await;
    let error = producer.send(Message::new("nowhere", "x")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::NoRoute, Some(10_005)));
    assert!(!error.possibly_stored() && !error.is_retryable() && error.attempts().is_empty());
    assert!(matches!(producer.publish_queues("nowhere").await, Err(RouteError::NoRoute { .. })));
    producer.send(hello()).await.expect("other topics are not concerned");
    cluster.create_topic("nowhere", 1);
    tokio::time::sleep(seconds(1)).await;
    producer.send(Message::new("nowhere", "x")).await.expect("found a moment after it is there");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_cannot_be_written_to_has_its_own_error_and_no_default() {
    let cluster = start(two_brokers()).await;
    cluster.set_perm("orders", 4);
    let producer = producer(&cluster).await;
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::NoWritableQueue, Some(10_005)));
    assert!(!error.possibly_stored());
    let topics: Vec<_> = cluster.name_server().requests(LOOK_UP);
    assert_eq!(topics.last().and_then(|request| request.field("topic")), Some("orders"), "TBW102 is not asked for");
    cluster.set_perm("orders", 6);
    tokio::time::sleep(seconds(1)).await;
    producer.send(hello()).await.expect("asked for again at the next send");
}

#[tokio::test(start_paused = true)]
async fn brokers_without_a_master_are_left_out() {
    let cluster = start(two_brokers()).await;
    let route = Route::new()
        .broker("broker-a", [(0, "10.0.0.1:10911")])
        .broker("broker-b", [(1, "10.0.0.2:10911")])
        .queues("broker-a", 2, 2, 6)
        .queues("broker-b", 2, 2, 6);
    cluster.set_route("orders", route);
    let queues = producer(&cluster).await.publish_queues("orders").await.unwrap();
    assert_eq!(queues.len(), 2);
    assert!(queues.iter().all(|queue| &**queue.broker_name() == "broker-a"));
}

#[tokio::test(start_paused = true)]
async fn a_broker_whose_address_nobody_knows_is_asked_for_once_and_is_an_error_of_its_own() {
    let cluster = start(one_broker()).await;
    cluster.set_route_order_conf("orders", Some("broker-x:1"));
    let producer = producer(&cluster).await;
    producer.publish_queues("orders").await.unwrap();
    let before = cluster.name_server().request_count(LOOK_UP);
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::NoBroker, Some(10_003)));
    assert_eq!(cluster.name_server().request_count(LOOK_UP) - before, 1);
    let [attempt] = error.attempts() else { panic!("{:?}", error.attempts()) };
    assert_eq!((&**attempt.broker_name(), attempt.address()), ("broker-x", None));
    assert!(!error.possibly_stored() && error.to_string().contains("broker-x"));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_nobody_can_dial_is_named() {
    let cluster = start(one_broker()).await;
    cluster.set_route("orders", Route::new().broker("broker-a", [(0, "10.0.0.1:0")]).queues("broker-a", 1, 1, 6));
    let error = producer(&cluster).await.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::NoBroker, false));
    let cause = std::error::Error::source(&error).and_then(|cause| cause.source()).expect("what is wrong with it");
    assert!(cause.to_string().contains("10.0.0.1:0"), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn routes_of_topics_in_use_are_asked_for_every_30_seconds() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    tokio::time::sleep(seconds(100)).await;
    assert_eq!(cluster.name_server().request_count(LOOK_UP), 0, "no topic is in use");
    producer.send(hello()).await.unwrap();
    let used = cluster.name_server().request_count(LOOK_UP);
    tokio::time::sleep(seconds(300)).await;
    assert_eq!(cluster.name_server().request_count(LOOK_UP) - used, 10);
    cluster.set_queues("orders", 1, 1);
    tokio::time::sleep(seconds(34)).await;
    assert_eq!(producer.publish_queues("orders").await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_topic_keeps_its_last_route_when_name_servers_forget_it_or_fall_silent() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.hide_route("orders");
    tokio::time::sleep(seconds(100)).await;
    producer.send(hello()).await.expect("the brokers still answer");
    cluster.name_server().kill().await;
    tokio::time::sleep(seconds(100)).await;
    producer.send(hello()).await.expect("no name server is needed");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_none_is_an_error_of_the_name_server() {
    for text in ["", "null", "{\"queueDatas\":[", "{\"brokerDatas\":[{\"$ref\":\"$\"}]}", "[]"] {
        let cluster = start(one_broker()).await;
        cluster.set_route_text("orders", text);
        let error = producer(&cluster).await.send(hello()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (SendErrorKind::NameServers, Some(10_004)), "{text}");
        assert!(!error.possibly_stored() && error.is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_is_not_ready_is_no_word_about_the_topic() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let fault = Fault::reply(ResponseCode::SYSTEM_ERROR).remark("name server not ready").times(1);
    cluster.name_server().on(LOOK_UP, fault);
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NameServers);
    producer.send(hello()).await.expect("asked again");
}

#[tokio::test(start_paused = true)]
async fn loose_json_of_old_name_servers_is_read() {
    let cluster = start(one_broker()).await;
    let route = r#"{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"c"}],
        "filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}"#;
    cluster.set_route_text("orders", route);
    producer(&cluster).await.send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_no_name_is_not_asked_for() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let before = cluster.name_server().request_count(LOOK_UP);
    assert!(matches!(producer.publish_queues("a b").await, Err(RouteError::Topic(_))));
    assert_eq!(cluster.name_server().request_count(LOOK_UP), before);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_sends_to_a_missing_topic_is_no_storm_of_look_ups() {
    for (memory, most) in [(seconds(1), 22), (milliseconds(100), 220)] {
        let cluster = start(one_broker().auto_create_topics(false)).await;
        let producer = builder(&cluster).check_name_servers(false).missing_topic_memory(memory).start().await.unwrap();
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < seconds(10) {
            assert_eq!(kind(producer.send(Message::new("nowhere", "x")).await), SendErrorKind::NoRoute);
            tokio::time::sleep(milliseconds(1)).await;
        }
        let asked = cluster.name_server().request_count(LOOK_UP);
        assert!(asked > most / 2 && asked <= most, "two for each time, the default topic is asked for too: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_asked_for_by_each_send_where_nothing_shall_be_remembered() {
    let cluster = start(one_broker().auto_create_topics(false)).await;
    let producer = builder(&cluster).missing_topic_memory(seconds(0)).start().await.unwrap();
    producer.send(Message::new("nowhere", "x")).await.unwrap_err();
    cluster.create_topic("nowhere", 1);
    producer.send(Message::new("nowhere", "x")).await.expect("found as soon as it is there");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_nobody_uses_any_more_is_forgotten_and_its_brokers_are_let_go() {
    let cluster = start(two_brokers()).await;
    cluster.broker("broker-b").create_topic("other", 1);
    cluster.set_route("orders", Route::new().broker("broker-a", [(0, "10.0.0.1:10911")]).queues("broker-a", 4, 4, 6));
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    producer.send(Message::new("other", "x")).await.unwrap();
    for _ in 0..40 {
        producer.send(hello()).await.unwrap();
        tokio::time::sleep(seconds(15)).await;
    }
    let asked_for = |topic: &str| {
        cluster.name_server().requests(LOOK_UP).iter().filter(|request| request.field("topic") == Some(topic)).count()
    };
    assert!((18..=20).contains(&asked_for("other")), "for ten minutes: {}", asked_for("other"));
    assert!(!cluster.broker("broker-b").lines().is_empty(), "heartbeats go there as long");
    for _ in 0..10 {
        producer.send(hello()).await.unwrap();
        tokio::time::sleep(seconds(15)).await;
    }
    let before = asked_for("other");
    assert!(cluster.broker("broker-b").lines().is_empty());
    tokio::time::sleep(seconds(300)).await;
    assert_eq!(asked_for("other"), before);
    producer.send(Message::new("other", "x")).await.expect("asked for when it is needed");
    assert_eq!(asked_for("other"), before + 1);
    assert!(asked_for("orders") > before, "what is in use stays");
}

#[tokio::test(start_paused = true)]
async fn an_unused_topic_is_kept_while_no_name_server_answers() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.name_server().kill().await;
    tokio::time::sleep(seconds(3600)).await;
    producer.send(hello()).await.expect("its route is all that there is");
}

#[tokio::test(start_paused = true)]
async fn brokers_that_left_the_route_and_addresses_that_moved_are_disconnected_and_calls_there_finish() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    let leaving = cluster.broker("broker-b");
    assert_eq!(leaving.lines().len(), 1);
    leaving.on(RequestCode::SEND_MESSAGE_V2, Fault::slow(seconds(50)));
    let queue = rmq_producer::MessageQueue::new("orders", "broker-b", 0);
    let slow = spawn({
        let producer = producer.clone();
        async move { producer.send(hello()).to(queue).timeout(seconds(60)).await }
    });
    settle().await;
    leaving.list_in_routes(false);
    tokio::time::sleep(seconds(34)).await;
    for _ in 0..8 {
        assert_eq!(&**producer.send(hello()).await.unwrap().queue().broker_name(), "broker-a");
    }
    assert_eq!(leaving.lines().len(), 1, "one call is still there");
    slow.await.unwrap().expect("it finishes");
    settle().await;
    assert!(leaving.lines().is_empty());

    leaving.clear_faults();
    leaving.list_in_routes(true);
    tokio::time::sleep(seconds(34)).await;
    let mut brokers = std::collections::BTreeSet::new();
    for _ in 0..8 {
        brokers.insert(producer.send(hello()).await.unwrap().queue().broker_name().to_string());
    }
    assert_eq!(brokers.len(), 2, "and back");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_for_a_moment_is_soon_in_its_routes_again() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    cluster.broker("broker-b").kill().await;
    for _ in 0..40 {
        producer.send(hello()).await.expect("the other one takes it");
        tokio::time::sleep(milliseconds(100)).await;
    }
    assert_eq!(producer.publish_queues("orders").await.unwrap().len(), 4, "asked for at once, not after 30 s");
    cluster.broker("broker-b").restart().await.unwrap();
    tokio::time::sleep(milliseconds(2500)).await;
    assert_eq!(producer.publish_queues("orders").await.unwrap().len(), 8);
}
