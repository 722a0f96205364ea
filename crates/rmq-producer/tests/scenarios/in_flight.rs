//! C01 to C16: requests in flight, and which answer is whose.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmq_producer::{Connector, Outcome, Producer, RemotingConfig, SendErrorKind};
use rmq_remoting::{BoxFuture, Endpoint, Stream};
use rmq_testkit::{Fault, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::ledger::{How, Ledger, SEND, assert_ends, assert_nothing_held};
use crate::world::*;

/// A producer with room for so many requests, and a book for what it does.
async fn with_room(cluster: &TestCluster, room: usize) -> (Producer, Arc<Ledger>) {
    let mut remoting = RemotingConfig::default();
    remoting.max_in_flight = room;
    remoting.max_in_flight_bytes = BYTES;
    let producer = with_defaults(cluster).remoting(remoting).start().await.expect("the cluster answers");
    (producer, Arc::new(Ledger::new()))
}

const BYTES: usize = 2 << 20;

/// As many sends at once.
async fn at_once(ledger: &Arc<Ledger>, producer: &Producer, count: usize, how: &How) {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let (ledger, producer, how) = (Arc::clone(ledger), producer.clone(), how.clone());
        sends.spawn(async move { ledger.send_as(&producer, how).await.map(drop).map_err(drop) });
    }
    tokio::time::timeout(how.timeout + seconds(10), sends.join_all()).await.expect("I1: each has an end");
}

/// How many connections carried sends.
fn connections(cluster: &TestCluster) -> usize {
    cluster.requests(SEND).iter().map(|request| request.connection).collect::<BTreeSet<_>>().len()
}

#[tokio::test(start_paused = true)]
async fn c01_ten_thousand_sends_into_a_black_hole_hold_nothing_after_their_deadline() {
    let cluster = start(one_broker().topic("room", 4)).await;
    let (producer, ledger) = with_room(&cluster, 1_000).await;
    cluster.on(SEND, &Fault::silent());
    let began = Instant::now();
    for _ in 0..10 {
        at_once(&ledger, &producer, 1_000, &How::once(seconds(1))).await;
        assert_eq!(producer.in_flight(), 0);
    }
    assert_eq!(began.elapsed().as_secs(), 10, "each at its own deadline, no scan and no queue behind it");
    assert_eq!(ledger.failed(Outcome::MaybeStored), 10_000);
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 1_000, BYTES).await;
    assert_ends(&producer, &cluster).await;
}

#[tokio::test(start_paused = true)]
async fn c02_a_line_that_ends_at_any_byte_of_a_request_leaves_nothing_held() {
    let length = {
        let cluster = start(one_broker()).await;
        let (producer, ledger) = with_room(&cluster, 1).await;
        ledger.send(&producer).await.unwrap();
        settle().await;
        let read = || cluster.broker("broker-a").lines()[0].bytes_read();
        let before = read();
        ledger.send(&producer).await.unwrap();
        read() - before
    };
    assert!(length > 200, "{length}");
    for at in 0..length {
        let cluster = start(one_broker()).await;
        let (producer, ledger) = with_room(&cluster, 1).await;
        ledger.send(&producer).await.unwrap();
        settle().await;
        cluster.broker("broker-a").lines()[0].close_after_reading(at);
        let error = ledger.send_as(&producer, How::once(seconds(3))).await.unwrap_err();
        assert_eq!(error.kind(), if at == 0 { error.kind() } else { SendErrorKind::ConnectionLost }, "byte {at}");
        assert_eq!(producer.in_flight(), 0, "byte {at}");
        ledger.send(&producer).await.unwrap_or_else(|error| panic!("byte {at}: {error:?}"));
        assert_eq!(cluster.message_count("orders"), 2, "byte {at}: a part of a request is no request");
        ledger.check(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn c04_an_answer_and_the_deadline_at_one_instant_make_one_end() {
    let cluster = start(one_broker().topic("room", 4)).await;
    let (producer, ledger) = with_room(&cluster, 2_000).await;
    for millis in 998..=1_002 {
        cluster.on(SEND, &Fault::delay(milliseconds(millis)).times(300));
    }
    at_once(&ledger, &producer, 1_500, &How::once(seconds(1))).await;
    let (stored, maybe) = (ledger.stored(), ledger.failed(Outcome::MaybeStored));
    assert!(stored >= 600 && maybe >= 600 && stored + maybe == 1_500, "{stored} {maybe}");
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 2_000, BYTES).await;
}

#[tokio::test(start_paused = true)]
async fn c05_equal_opaques_on_two_connections_are_not_mixed_up() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = with_room(&cluster, 1_000).await;
    cluster.broker("broker-a").on(SEND, Fault::delay(milliseconds(50)));
    cluster.broker("broker-b").on(SEND, Fault::slow(milliseconds(20)));
    at_once(&ledger, &producer, 400, &How::default()).await;
    let opaques = |name: &str| -> BTreeSet<i32> {
        cluster.broker(name).requests(SEND).iter().map(|request| request.command.opaque()).collect()
    };
    let both = opaques("broker-a").intersection(&opaques("broker-b")).count();
    assert!(both > 100, "{both} opaques were in use on both connections at the same time");
    assert_eq!(ledger.stored(), 400);
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c06_an_answer_under_a_wrong_opaque_reaches_nobody() {
    let cluster = start(one_broker()).await;
    let (producer, ledger) = with_room(&cluster, 1_000).await;
    cluster.on(SEND, &Fault::unknown_opaque().probability(0.3));
    at_once(&ledger, &producer, 200, &How::once(seconds(1))).await;
    assert!(ledger.failed(Outcome::MaybeStored) > 30 && ledger.stored() > 90);
    assert_eq!(connections(&cluster), 1, "the connection stays");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c08_a_broker_that_swallows_some_requests_costs_no_send_for_an_hour() {
    let cluster = start(two_brokers().topic("room", 4)).await;
    let mut remoting = RemotingConfig::default();
    (remoting.max_in_flight, remoting.max_in_flight_bytes, remoting.max_orphans) = (16, BYTES, 10);
    let producer = with_defaults(&cluster).remoting(remoting).start().await.unwrap();
    let ledger = Arc::new(Ledger::new());
    cluster.on(SEND, &Fault::silent().probability(0.02));
    for _ in 0..3_600 {
        ledger.send(&producer).await.expect("another try finds a broker that answers");
        sleep(seconds(1)).await;
    }
    assert!(ledger.tries() > 3_640, "{} tries: requests were swallowed", ledger.tries());
    assert!(connections(&cluster) >= 4, "{}: connections with too many of them are replaced", connections(&cluster));
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 16, BYTES).await;
    assert_ends(&producer, &cluster).await;
}

#[tokio::test(start_paused = true)]
async fn c10_the_answer_to_a_send_that_was_given_up_is_not_the_next_one_s() {
    for polls in 1..100 {
        let cluster = start(one_broker()).await;
        let (producer, ledger) = with_room(&cluster, 2).await;
        cluster.on(SEND, &Fault::delay(milliseconds(50)));
        let done = stop_after(polls, ledger.send(&producer)).await.is_some();
        sleep(milliseconds(40)).await;
        ledger.send(&producer).await.unwrap();
        ledger.send(&producer).await.unwrap();
        sleep(seconds(1)).await;
        ledger.check(&cluster);
        if done {
            assert!(polls > 2, "{polls}");
            return;
        }
    }
    unreachable!("no send takes so many polls");
}

#[tokio::test(start_paused = true)]
async fn c11_a_thousand_answers_just_after_the_deadline_do_not_end_the_connection() {
    let cluster = start(one_broker()).await;
    let (producer, ledger) = with_room(&cluster, 10).await;
    ledger.send(&producer).await.unwrap();
    cluster.on(SEND, &Fault::delay(milliseconds(1_002)));
    for _ in 0..1_000 {
        let error = ledger.send_as(&producer, How::once(seconds(1))).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Timeout, Outcome::MaybeStored));
    }
    sleep(seconds(1)).await;
    cluster.clear_faults();
    ledger.send(&producer).await.unwrap();
    assert_eq!(connections(&cluster), 1);
    assert_eq!(cluster.message_count("orders"), 1_002, "all were stored, and all callers know that it may be so");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c12_a_deadline_within_the_answer_s_bytes_makes_one_end() {
    let cluster = start(one_broker()).await;
    let (producer, ledger) = with_room(&cluster, 100).await;
    ledger.send(&producer).await.unwrap();
    cluster.on(SEND, &Fault::trickle(7, milliseconds(3)).times(40));
    at_once(&ledger, &producer, 40, &How::once(milliseconds(300))).await;
    assert!(ledger.stored() > 1 && ledger.failed(Outcome::MaybeStored) > 1, "the line was that slow");
    sleep(seconds(10)).await;
    ledger.send(&producer).await.expect("the bytes that came late belong to nobody else");
    assert_eq!((connections(&cluster), producer.in_flight()), (1, 0));
    ledger.check(&cluster);
}

/// Takes two seconds for a dial, once it is told to.
struct SlowDial {
    connector: Arc<dyn Connector>,
    slow: Arc<AtomicBool>,
}

impl Connector for SlowDial {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        let (dial, slow) = (self.connector.connect(to), self.slow.load(Ordering::Relaxed));
        Box::pin(async move {
            if slow {
                sleep(seconds(2)).await;
            }
            dial.await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn c13_a_deadline_that_ends_while_connecting_lets_nothing_be_written_afterwards() {
    let cluster = start(two_brokers()).await;
    let slow = Arc::new(AtomicBool::new(false));
    let dial = SlowDial { connector: cluster.connector(), slow: Arc::clone(&slow) };
    let producer = with_defaults(&cluster).connector(dial).start().await.unwrap();
    let ledger = Arc::new(Ledger::new());
    slow.store(true, Ordering::Relaxed);
    producer.publish_queues("orders").await.unwrap();
    at_once(&ledger, &producer, 100, &How::within(seconds(1))).await;
    assert_eq!(ledger.failed(Outcome::NotSent), 100);
    sleep(seconds(10)).await;
    assert_eq!(cluster.request_count(SEND), 0, "the dial is done by now, and nobody uses it");
    ledger.check(&cluster);
    ledger.send_as(&producer, How::within(seconds(10))).await.expect("who comes later finds it open");
}

#[tokio::test(start_paused = true)]
async fn c15_answers_that_come_twice_are_counted_once() {
    let cluster = start(two_brokers().topic("room", 4)).await;
    let (producer, ledger) = with_room(&cluster, 50).await;
    cluster.on(SEND, &Fault::duplicate());
    at_once(&ledger, &producer, 500, &How::default()).await;
    assert_eq!((ledger.stored(), connections(&cluster)), (500, 2));
    ledger.check(&cluster);
    assert_nothing_held(&producer, &cluster, 50, BYTES).await;
}

#[tokio::test(start_paused = true)]
async fn c16_all_that_wait_for_a_broker_that_dies_are_sent_elsewhere_at_once() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = with_room(&cluster, 1_000).await;
    cluster.broker("broker-a").on(SEND, Fault::silent());
    let began = Instant::now();
    let how = How::within(seconds(60));
    let (_, killed) = tokio::join!(
        async {
            at_once(&ledger, &producer, 200, &how).await;
            assert!(began.elapsed() < milliseconds(1_010), "{:?}", began.elapsed());
        },
        async {
            sleep(seconds(1)).await;
            let waiting = producer.in_flight();
            cluster.broker("broker-a").kill().await;
            waiting
        }
    );
    assert_eq!((killed, ledger.stored()), (100, 200), "half of them waited, and none failed");
    ledger.check(&cluster);
}
