//! Messages that no broker answers for.

use rmq_producer::{AttemptPhase, Compression, Message, SendErrorKind};
use rmq_testkit::{Fault, LineFault, RequestCode, TestCluster};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_oneway_message_is_stored_and_not_waited_for() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::slow(seconds(60)));
    let begun = tokio::time::Instant::now();
    for _ in 0..8 {
        producer.send_oneway(hello().tag("paid")).await.unwrap();
    }
    assert!(begun.elapsed() < seconds(1));
    assert_eq!((producer.in_flight(), cluster.messages("orders").len()), (0, 0));
    let stored = cluster.wait_for_messages("orders", 8, seconds(100)).await;
    assert_eq!(stored.len(), 8);
    assert!(stored.iter().all(|stored| stored.tags() == Some("paid") && stored.unique_id().is_some()));
    assert!(cluster.requests(RequestCode::SEND_MESSAGE_V2).iter().all(|request| request.command.is_oneway()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_oneway_message_reaches_nobody_and_harms_nobody() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::overload().also_oneway().times(1));
    producer.send_oneway(hello()).await.unwrap();
    settle().await;
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.messages("orders").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_written_says_so() {
    let cluster = start(one_broker().auto_create_topics(false)).await;
    let producer = producer(&cluster).await;
    let error = producer.send_oneway(Message::new("nowhere", "x")).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NoRoute);

    producer.publish_queues("orders").await.unwrap();
    cluster.broker("broker-a").kill().await;
    let error = producer.send_oneway(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::Connect, false));
    assert_eq!(error.attempts()[0].phase(), AttemptPhase::Connect);
    assert_eq!(error.into_message(), hello());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_no_bytes_makes_it_maybe_stored() {
    let cluster = start(one_broker()).await;
    let broker = cluster.broker("broker-a");
    broker.on_connect(LineFault::stop_reading());
    let producer =
        builder(&cluster).heartbeat_interval(seconds(100)).compression(Compression::off()).start().await.unwrap();
    let large = Message::new("orders", vec![7; 4 << 20]);
    let error = producer.send_oneway(large).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::Timeout, true));
    assert_eq!((error.elapsed(), error.attempts()[0].phase()), (seconds(3), AttemptPhase::Answer));
    assert_eq!(producer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_stored_although_the_producer_is_dropped_before_it_was_read() {
    // Sockets take no part in paused time: as long as this is held, the clock stands still.
    let (stand_still, go_on) = std::sync::mpsc::channel::<()>();
    let clock = tokio::task::spawn_blocking(move || go_on.recv());
    let cluster = start(TestCluster::builder().topic("orders", 4)).await;
    let broker = cluster.broker("broker-a");
    let producer = builder(&cluster).warm_up(["orders"]).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    let line = broker.lines().remove(0);
    line.stop_reading();
    // More than the broker's side of the connection holds.
    for _ in 0..600 {
        producer.send_oneway(Message::new("orders", vec![7; 1024])).await.unwrap();
    }
    drop(producer);
    tokio::task::yield_now().await;
    // The broker says something to a client that is gone: a closed socket would answer with a reset.
    for _ in 0..3 {
        drop(line.inject("a request of the broker's own").await);
    }
    line.resume();
    while line.is_open() {
        tokio::task::yield_now().await;
    }
    assert_eq!(cluster.messages("orders").len(), 601);
    drop(stand_still);
    clock.await.unwrap().unwrap_err();
}
