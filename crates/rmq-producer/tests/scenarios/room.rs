//! C17 to C28: room, back-pressure and what must not grow.

use std::sync::Arc;

use rmq_producer::{Compression, Outcome, Producer, RemotingConfig, ResponseCode, SendErrorKind};
use rmq_testkit::{Fault, Line, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::ledger::{How, Ledger, SEND, assert_ends, assert_nothing_held};
use crate::world::*;

async fn with_room(cluster: &TestCluster, requests: usize, bytes: usize) -> (Producer, Arc<Ledger>) {
    let mut remoting = RemotingConfig::default();
    (remoting.max_in_flight, remoting.max_in_flight_bytes) = (requests, bytes);
    let producer = with_defaults(cluster)
        .remoting(remoting)
        .compression(Compression::off())
        .start()
        .await
        .expect("the cluster answers");
    (producer, Arc::new(Ledger::new()))
}

async fn at_once(ledger: &Arc<Ledger>, producer: &Producer, count: usize, how: &How) -> Vec<Result<(), SendErrorKind>> {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let (ledger, producer, how) = (Arc::clone(ledger), producer.clone(), how.clone());
        sends.spawn(async move { ledger.send_as(&producer, how).await.map(drop).map_err(|error| error.kind()) });
    }
    sends.join_all().await
}

#[tokio::test(start_paused = true)]
async fn c17_room_comes_back_after_timeouts() {
    let cluster = start(one_broker().topic("room", 4)).await;
    let (producer, ledger) = with_room(&cluster, 4, 10_000).await;
    cluster.on(SEND, &Fault::silent());
    let ends = at_once(&ledger, &producer, 100, &How::once(milliseconds(300))).await;
    let kinds = |kind| ends.iter().filter(|end| **end == Err(kind)).count();
    assert_eq!((kinds(SendErrorKind::Timeout), kinds(SendErrorKind::NoRoom)), (4, 96));
    assert_eq!(cluster.request_count(SEND), 4, "I9: no more than there was room for");
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 4, 10_000).await;
    assert_ends(&producer, &cluster).await;
}

#[tokio::test(start_paused = true)]
async fn c18_no_room_for_the_bytes_costs_no_room_for_the_count() {
    let cluster = start(one_broker().topic("room", 4)).await;
    let (producer, ledger) = with_room(&cluster, 10, 10_000).await;
    cluster.on(SEND, &Fault::delay(milliseconds(50)));
    let how = How { bytes: 6_000, ..How::once(milliseconds(200)) };
    let ends = at_once(&ledger, &producer, 1_000, &how).await;
    assert!(ends.iter().filter(|end| **end == Err(SendErrorKind::NoRoom)).count() >= 995);
    let at: Vec<_> = cluster.requests(SEND).iter().map(|request| request.at).collect();
    assert!(
        at.len() > 2 && at.windows(2).all(|pair| pair[1] - pair[0] >= milliseconds(50)),
        "I9: one at a time: {at:?}"
    );
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 10, 10_000).await;
}

#[tokio::test(start_paused = true)]
async fn c20_large_messages_for_a_stopped_broker_are_held_up_to_the_limit_and_no_further() {
    let cluster = start(one_broker()).await;
    let mut remoting = RemotingConfig::default();
    (remoting.max_in_flight_bytes, remoting.write_high_water_bytes) = (8 << 20, 1 << 30);
    let producer = with_defaults(&cluster).remoting(remoting).compression(Compression::off()).start().await.unwrap();
    let ledger = Arc::new(Ledger::new());
    ledger.send(&producer).await.unwrap();
    cluster.broker("broker-a").freeze();
    let how = How { bytes: 1 << 20, ..How::once(seconds(1)) };
    at_once(&ledger, &producer, 50, &how).await;
    let (maybe, not_sent) = (ledger.failed(Outcome::MaybeStored), ledger.failed(Outcome::NotSent));
    assert_eq!(maybe + not_sent, 50);
    assert_eq!(maybe, 7, "each is a MiB and a header, the limit is 8 MiB");
    cluster.broker("broker-a").resume();
    sleep(seconds(10)).await;
    ledger.check(&cluster);
    ledger.send(&producer).await.expect("it goes on");
}

#[tokio::test(start_paused = true)]
async fn c22_no_kind_of_failure_keeps_the_only_permit() {
    let faults = [
        Fault::silent(),
        Fault::store_then_silent(),
        Fault::delay(seconds(2)),
        Fault::cut(),
        Fault::store_then_cut(),
        Fault::reset(),
        Fault::store_then_reset(),
        Fault::half_frame(),
        Fault::garbage(vec![0; 3]),
        Fault::garbage(vec![0xff; 64]),
        Fault::unknown_opaque(),
        Fault::reply(ResponseCode::SYSTEM_ERROR),
        Fault::reply(ResponseCode::SYSTEM_BUSY),
        Fault::reply(ResponseCode::MESSAGE_ILLEGAL),
        Fault::reply(ResponseCode(4_711)),
        Fault::edit(|answer| drop(answer.ext_fields_mut().remove("queueOffset"))),
    ];
    for (number, fault) in faults.iter().enumerate() {
        let cluster = start(one_broker().topic("room", 4)).await;
        let (producer, ledger) = with_room(&cluster, 1, 10_000).await;
        cluster.on(SEND, fault);
        let end = ledger.send_as(&producer, How::within(seconds(1))).await;
        assert!(end.is_err(), "fault {number}");
        assert!(ledger.send_as(&producer, How::once(seconds(1))).await.is_err(), "fault {number}");
        sleep(seconds(3)).await;
        ledger.check(&cluster);
        assert_nothing_held(&producer, &cluster, 1, 10_000).await;
        assert_ends(&producer, &cluster).await;
    }
}

#[tokio::test(start_paused = true)]
async fn c23_answers_are_read_while_all_room_is_taken() {
    let cluster = start(one_broker()).await;
    let (producer, ledger) = with_room(&cluster, 2, 10_000).await;
    cluster.on(SEND, &Fault::delay(milliseconds(10)));
    let began = Instant::now();
    let ends = at_once(&ledger, &producer, 50, &How::once(seconds(3))).await;
    assert!(ends.iter().all(Result::is_ok));
    assert!(began.elapsed() <= milliseconds(25 * 12), "two at a time, without a pause: {:?}", began.elapsed());
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c24_a_thousand_connections_one_after_the_other_leave_no_trace() {
    let cluster = start(one_broker()).await;
    let (producer, ledger) = with_room(&cluster, 10, 10_000).await;
    ledger.send(&producer).await.unwrap();
    settle().await;
    let broker = cluster.broker("broker-a");
    let tasks = producer.tasks();
    for _ in 0..1_000 {
        broker.lines().iter().for_each(Line::reset);
        sleep(milliseconds(10)).await;
        ledger.send_as(&producer, How::once(seconds(30))).await.expect("on a new line");
    }
    settle().await;
    assert_eq!((broker.lines().len(), producer.tasks()), (1, tasks));
    ledger.check(&cluster);
    assert_ends(&producer, &cluster).await;
}

#[tokio::test(start_paused = true)]
async fn c25_dials_that_are_refused_leave_no_trace() {
    let cluster = start(one_broker().keep_killed_brokers_in_route(seconds(1_000_000))).await;
    let (producer, ledger) = with_room(&cluster, 10, 10_000).await;
    ledger.send(&producer).await.unwrap();
    let broker = cluster.broker("broker-a");
    settle().await;
    let tasks = producer.tasks();
    broker.kill().await;
    for _ in 0..2_000 {
        let error = ledger.send_as(&producer, How::within(milliseconds(500))).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Connect, Outcome::NotSent));
    }
    settle().await;
    assert!(producer.tasks() <= tasks, "{} tasks, {tasks} before", producer.tasks());
    ledger.check(&cluster);
    broker.restart().await.unwrap();
    sleep(seconds(15)).await;
    ledger.send(&producer).await.expect("found again");
    assert_ends(&producer, &cluster).await;
}
