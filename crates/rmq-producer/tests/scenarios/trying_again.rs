//! C40 to C50: tries, copies, turns and ids.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rmq_producer::{Message, Outcome, Producer, RemotingConfig, ResponseCode, RetryPolicy, SendErrorKind, selector};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::time::{Instant, sleep};

use crate::ledger::{How, Ledger, SEND};
use crate::world::*;

async fn ready(cluster: &TestCluster) -> (Producer, Ledger) {
    let mut remoting = RemotingConfig::default();
    remoting.seed = Some(1);
    (with_defaults(cluster).remoting(remoting).start().await.expect("the cluster answers"), Ledger::new())
}

#[tokio::test(start_paused = true)]
async fn c40_every_try_names_a_queue_of_its_own_broker() {
    let cluster = start(two_brokers()).await;
    cluster.broker("broker-a").create_topic("orders", 16);
    cluster.broker("broker-b").create_topic("orders", 1);
    let (producer, ledger) = ready(&cluster).await;
    cluster.broker("broker-a").on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY).probability(0.9));
    for _ in 0..100 {
        ledger.send(&producer).await.unwrap();
    }
    let mut moved = 0;
    for request in cluster.requests(SEND) {
        let queue: i32 = request.field("e").expect("a queue").parse().expect("a number");
        let queues = if &*request.server == "broker-a" { 16 } else { 1 };
        assert!((0..queues).contains(&queue), "{}:{queue}", request.server);
        assert_eq!(request.field("n"), Some(&*request.server), "the broker named is the one that it went to");
        moved += usize::from(&*request.server == "broker-b");
    }
    assert!(moved > 50, "{moved} tries moved from 16 queues to 1");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c41_a_refused_dial_is_followed_by_another_broker_for_whatever_policy() {
    for strict in [false, true] {
        let cluster = start(two_brokers().keep_killed_brokers_in_route(seconds(120))).await;
        let (producer, ledger) = ready(&cluster).await;
        cluster.broker("broker-a").kill().await;
        let mut again = 0;
        for _ in 0..50 {
            let sent = ledger.send_as(&producer, How { strict, ..How::default() }).await.unwrap();
            again += usize::from(sent.attempts().len() > 1);
            assert!(sent.attempts().iter().all(|attempt| !attempt.possibly_stored()));
        }
        assert!(again > 0, "the dead one was tried");
        ledger.check(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn c42_no_time_is_too_short_or_too_long_for_tries() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    ledger.send(&producer).await.unwrap();
    let codes = [ResponseCode::SYSTEM_BUSY, ResponseCode::SYSTEM_ERROR];
    for fault in [Fault::silent(), Fault::delay(milliseconds(199)), Fault::reply(codes[0]), Fault::reply(codes[1])] {
        cluster.on(SEND, &fault.probability(0.7));
        for timeout in [0, 1, 1_000, 1_000_000, 150_000_000, 199_000_000, 200_000_001, 400_000_000, 599_999_999] {
            for times in [0, 1, 7, u32::MAX] {
                let how = How { times, ..How::within(Duration::from_nanos(timeout)) };
                drop(ledger.send_as(&producer, how).await);
            }
        }
        cluster.clear_faults();
    }
    let slow = How { times: u32::MAX, ..How::within(Duration::MAX) };
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(5));
    ledger.send_as(&producer, slow).await.expect("there is time");
    sleep(seconds(3)).await;
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c43_one_silent_broker_of_three_fails_no_send_and_hides_no_copy() {
    let cluster = start(TestCluster::builder().memory().brokers(3).topic("orders", 4)).await;
    let (producer, ledger) = ready(&cluster).await;
    for _ in 0..12 {
        ledger.send(&producer).await.unwrap();
    }
    cluster.broker("broker-b").freeze();
    let (mut slow, mut maybe) = (0, 0);
    for _ in 0..1_000 {
        let sent = ledger.send(&producer).await.expect("two others are well");
        slow += usize::from(sent.elapsed() > milliseconds(100));
        maybe += sent.attempts().iter().filter(|attempt| attempt.possibly_stored()).count();
    }
    assert_eq!((slow, maybe), (1, 1), "one finds out, and says that there may be a copy more");
    cluster.broker("broker-b").resume();
    sleep(seconds(5)).await;
    assert_eq!(cluster.message_count("orders"), 1_013, "and there is");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c44_busy_brokers_are_tried_again_with_pauses_that_grow() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    ledger.send(&producer).await.unwrap();
    for code in [ResponseCode::SYSTEM_BUSY, ResponseCode::SERVICE_NOT_AVAILABLE, ResponseCode::GO_AWAY] {
        cluster.on(SEND, &Fault::reply(code).times(4));
        let sent = ledger.send_as(&producer, How { times: 12, ..How::default() }).await.unwrap();
        let brokers: Vec<_> = sent.attempts().iter().map(|attempt| attempt.broker_name()).collect();
        // A server that goes away may be asked once more over a new connection, within the same attempt.
        let least = if code == ResponseCode::GO_AWAY { 5 } else { 9 };
        assert!((least..=9).contains(&brokers.len()), "eight busy answers, then one that is none: {brokers:?}");
        assert!(brokers.windows(2).all(|pair| pair[0] != pair[1]), "elsewhere each time: {brokers:?}");
        assert!(sent.elapsed() > milliseconds(100) && sent.elapsed() < seconds(3), "{:?}", sent.elapsed());
    }
    // Java asks three times within a millisecond.
    cluster.on(SEND, &Fault::overload());
    let began = Instant::now();
    let error = ledger.send(&producer).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts().len()), (SendErrorKind::Busy, Outcome::Busy, 3));
    assert!(began.elapsed() >= milliseconds(1));
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c45_a_refusal_for_good_is_asked_for_once() {
    let refusals = [
        Fault::reply(ResponseCode::NO_PERMISSION).remark("check signature failed"),
        Fault::reply(ResponseCode::NO_PERMISSION).remark("User:mallory is not found"),
        Fault::reply(ResponseCode::SYSTEM_ERROR).remark("org.apache.rocketmq.acl.common.AclException: no"),
        Fault::reply(ResponseCode::MESSAGE_ILLEGAL),
        Fault::reply(ResponseCode::USER_NOT_EXIST),
    ];
    for (number, fault) in refusals.iter().enumerate() {
        let cluster = start(two_brokers()).await;
        let (producer, ledger) = ready(&cluster).await;
        cluster.on(SEND, fault);
        let error = ledger.send_as(&producer, How { times: 5, ..How::default() }).await.unwrap_err();
        let seen = (error.kind(), error.outcome(), error.attempts().len(), cluster.request_count(SEND));
        assert_eq!(seen, (SendErrorKind::Refused, Outcome::Rejected, 1, 1), "refusal {number}");
        ledger.check(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn c47_a_key_has_one_queue_whatever_order_the_route_lists_queues_in() {
    let cluster = start(two_brokers()).await;
    let broker = |name: &str, number: u8| {
        format!(r#"{{"brokerAddrs":{{"0":"10.0.0.{number}:10911"}},"brokerName":"{name}","cluster":"DefaultCluster"}}"#)
    };
    let queues = |name: &str| {
        format!(r#"{{"brokerName":"{name}","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}}"#)
    };
    let (a, b) = ((broker("broker-a", 1), queues("broker-a")), (broker("broker-b", 2), queues("broker-b")));
    let mut by_order = Vec::new();
    for (first, second) in [(&a, &b), (&b, &a)] {
        let route = format!(
            r#"{{"brokerDatas":[{},{}],"filterServerTable":{{}},"queueDatas":[{},{}]}}"#,
            first.0, second.0, first.1, second.1
        );
        cluster.set_route_text("orders", route);
        let (producer, _) = ready(&cluster).await;
        let mut queues = Vec::new();
        for key in 0..40 {
            let sent = producer.send(hello()).select(selector::by_hash(format!("key {key}").as_str())).await.unwrap();
            queues.push(sent.queue().clone());
        }
        by_order.push(queues);
    }
    assert_eq!(by_order[0], by_order[1]);
    assert!(by_order[0].iter().collect::<BTreeSet<_>>().len() > 4, "keys spread");
}

#[tokio::test(start_paused = true)]
async fn c48_a_copy_that_may_be_there_is_never_forgotten_by_what_comes_later() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    for later in [ResponseCode::MESSAGE_ILLEGAL, ResponseCode::SYSTEM_BUSY, ResponseCode::NO_PERMISSION] {
        let first = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let is_first = Arc::clone(&first);
        cluster.on(SEND, &Fault::reply(later).when(move |_| !first.load(std::sync::atomic::Ordering::Relaxed)));
        let lost = Fault::store_then_cut().when(move |_| is_first.swap(false, std::sync::atomic::Ordering::Relaxed));
        cluster.on(SEND, &lost);
        let error = ledger.send(&producer).await.unwrap_err();
        assert_eq!(error.code(), Some(later.0), "the last word is the cause");
        assert_eq!(error.outcome(), Outcome::MaybeStored, "after {later}");
        assert!(error.attempts().len() > 1 && error.attempts()[0].possibly_stored());
        cluster.clear_faults();
    }
    cluster.on(SEND, &Fault::store_then_cut().times(1));
    sleep(seconds(1)).await;
    let sent = ledger.send(&producer).await.unwrap();
    assert!(sent.attempts()[0].possibly_stored(), "on success too");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c49_a_topic_that_is_missing_for_a_moment_loses_nothing() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    ledger.send(&producer).await.unwrap();
    let names = cluster.name_server();
    let before = names.request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    names.on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::reply(ResponseCode::TOPIC_NOT_EXIST).times(1));
    for _ in 0..80 {
        if names.request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC) > before {
            names.freeze(); // nobody is there to say that it was a mistake
        }
        let sent = ledger.send(&producer).await.unwrap();
        assert_eq!(sent.attempts().len(), 1);
        sleep(seconds(1)).await;
    }
    assert!(names.request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC) > before, "it was asked meanwhile");
    let queues: BTreeSet<_> = producer.publish_queues("orders").await.unwrap().into_iter().collect();
    assert_eq!(queues.len(), 8);
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c50_clients_of_one_address_and_one_process_share_no_id() {
    let cluster = start(two_brokers()).await;
    let (mut clients, mut messages) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..200 {
        let producer = builder(&cluster).client_ip([127, 0, 0, 1].into()).start().await.unwrap();
        clients.insert(producer.client_id().to_owned());
        for _ in 0..5 {
            messages.insert(producer.send(hello()).await.unwrap().message_id().to_owned());
        }
    }
    assert_eq!((clients.len(), messages.len()), (200, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_storm_in_a_dead_cluster_is_held_to_the_share_of_retries() {
    let cluster = start(two_brokers()).await;
    let mut remoting = RemotingConfig::default();
    remoting.max_in_flight = 10;
    let producer = with_defaults(&cluster).remoting(remoting).retries(RetryPolicy::default()).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    cluster.on(RequestCode::GET_MAX_OFFSET, &Fault::silent());
    let mut attempts = 0;
    for _ in 0..50 {
        attempts += producer.send(Message::new("orders", "?")).await.unwrap_err().attempts().len();
    }
    assert!(attempts <= 50 + 10 + 1, "{attempts}: moving away is free only where there is somewhere to go");
}
