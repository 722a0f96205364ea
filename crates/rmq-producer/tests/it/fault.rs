//! A broker that went silent or cannot be reached is set aside for every send, until a probe is answered.

use rmq_producer::{LatencyFault, SendErrorKind};
use rmq_testkit::{Fault, RequestCode};
use std::future::IntoFuture as _;

use tokio::time::Instant;

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

#[tokio::test(start_paused = true)]
async fn only_the_first_sends_wait_for_a_silent_broker() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    let silent = cluster.broker("broker-a");
    silent.freeze();
    let mut slow = 0;
    for _ in 0..100 {
        let began = Instant::now();
        let sent = producer.send(hello()).await.unwrap();
        assert_eq!(&**sent.queue().broker_name(), "broker-b");
        slow += usize::from(began.elapsed() > milliseconds(100));
    }
    assert_eq!(slow, 1, "one attempt found out for all");

    silent.resume();
    tokio::time::sleep(seconds(3)).await;
    let mut back = 0;
    for _ in 0..8 {
        back += usize::from(&**producer.send(hello()).await.unwrap().queue().broker_name() == "broker-a");
    }
    assert_eq!(back, 4, "in rotation again, with its fair share");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_cannot_be_connected_is_passed_over_and_comes_back() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    let gone = cluster.broker("broker-a");
    gone.kill().await;
    for _ in 0..100 {
        let sent = producer.send(hello()).await.unwrap();
        assert_eq!(&**sent.queue().broker_name(), "broker-b");
    }
    gone.restart().await.unwrap();
    tokio::time::sleep(seconds(15)).await;
    let mut back = 0;
    for _ in 0..8 {
        back += usize::from(&**producer.send(hello()).await.unwrap().queue().broker_name() == "broker-a");
    }
    assert_eq!(back, 4);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_stopped_but_still_accepts_stays_suspected() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    let stopped = cluster.broker("broker-a");
    stopped.on(SEND, Fault::silent());
    stopped.on(RequestCode::GET_MAX_OFFSET, Fault::silent());
    for _ in 0..10 {
        producer.send(hello()).await.unwrap();
    }
    let before = stopped.request_count(SEND);
    for _ in 0..20 {
        producer.send(hello()).await.unwrap();
        tokio::time::sleep(seconds(1)).await;
    }
    assert_eq!(stopped.request_count(SEND), before, "its connection is fine, but no probe was answered");
    let probes = stopped.request_count(RequestCode::GET_MAX_OFFSET);
    assert!((9..=13).contains(&probes), "about every two seconds: {probes}");
}

#[tokio::test(start_paused = true)]
async fn when_all_brokers_are_suspected_all_are_tried() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    cluster.on(RequestCode::GET_MAX_OFFSET, &Fault::silent());
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Timeout);
    let before: Vec<u64> = cluster.brokers().iter().map(|broker| broker.request_count(SEND)).collect();
    for _ in 0..4 {
        producer.send(hello()).await.unwrap_err();
    }
    let after: Vec<u64> = cluster.brokers().iter().map(|broker| broker.request_count(SEND)).collect();
    assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_send_that_its_caller_gave_up_harms_no_broker() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    cluster.broker("broker-a").on(SEND, Fault::delay(milliseconds(500)));
    for _ in 0..20 {
        drop(tokio::time::timeout(milliseconds(100), producer.send(hello()).into_future()).await);
    }
    cluster.clear_faults();
    let mut on_a = 0;
    for _ in 0..8 {
        on_a += usize::from(&**producer.send(hello()).await.unwrap().queue().broker_name() == "broker-a");
    }
    assert_eq!(on_a, 4, "nobody was isolated");
}

#[tokio::test(start_paused = true)]
async fn slow_brokers_are_avoided_only_where_that_is_switched_on() {
    for (latency_fault, expected) in [(false, 20), (true, 0)] {
        let cluster = start(two_brokers()).await;
        let mut builder = with_defaults(&cluster);
        if latency_fault {
            builder = builder.latency_fault(LatencyFault::v5());
        }
        let producer = builder.start().await.unwrap();
        let slow = cluster.broker("broker-a");
        slow.on(SEND, Fault::delay(milliseconds(600)).times(4));
        for _ in 0..8 {
            producer.send(hello()).await.unwrap();
        }
        let before = slow.request_count(SEND);
        let began = Instant::now();
        for _ in 0..40 {
            producer.send(hello()).await.unwrap();
        }
        assert!(began.elapsed() < seconds(2), "within its penalty");
        let met = slow.request_count(SEND) - before;
        if latency_fault {
            assert_eq!(met, expected, "out of rotation for two seconds");
        } else {
            assert!(met >= 18, "{met}");
        }
    }
}
