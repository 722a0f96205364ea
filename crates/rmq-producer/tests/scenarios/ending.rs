//! C29 to C39: ends, and what must not be lost at them.

use std::sync::Arc;

use rmq_producer::{Outcome, Producer, SendErrorKind};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::ledger::{How, Ledger, SEND, assert_ends};
use crate::world::*;

async fn ready(cluster: &TestCluster) -> (Producer, Arc<Ledger>) {
    let producer = with_defaults(cluster).start().await.expect("the cluster answers");
    (producer, Arc::new(Ledger::new()))
}

/// Sends that go on while the test does something else.
fn begin(ledger: &Arc<Ledger>, producer: &Producer, count: usize, how: &How) -> JoinSet<Result<(), SendErrorKind>> {
    let mut sends = JoinSet::new();
    for _ in 0..count {
        let (ledger, producer, how) = (Arc::clone(ledger), producer.clone(), how.clone());
        sends.spawn(async move { ledger.send_as(&producer, how).await.map(drop).map_err(|error| error.kind()) });
    }
    sends
}

#[tokio::test(start_paused = true)]
async fn c29_at_whatever_instant_a_shutdown_comes_every_send_has_an_end() {
    let mut ends = [0, 0, 0];
    for at in 0..60 {
        let cluster = start(two_brokers()).await;
        let (producer, ledger) = ready(&cluster).await;
        cluster.on(SEND, &Fault::slow(milliseconds(30)));
        let mut sends = begin(&ledger, &producer, 20, &How::default());
        for _ in 0..at % 7 {
            tokio::task::yield_now().await;
        }
        sleep(milliseconds(at)).await;
        let report = producer.shutdown(milliseconds(at % 20)).await;
        while sends.join_next().await.is_some() {}
        let cut = ledger.failed(Outcome::MaybeStored);
        assert!(report.unfinished >= cut, "at {at}: {cut} were cut off, {report:?}");
        assert_eq!((producer.in_flight(), producer.tasks()), (0, 0), "at {at}");
        sleep(seconds(1)).await;
        ledger.check(&cluster);
        ends[0] += ledger.stored();
        ends[1] += ledger.failed(Outcome::MaybeStored);
        ends[2] += ledger.failed(Outcome::NotSent);
    }
    assert!(ends.iter().all(|count| *count > 10), "stored, maybe stored, not sent: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn c30_a_write_into_a_dead_connection_is_no_success() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    for _ in 0..8 {
        ledger.send(&producer).await.unwrap();
    }
    for broker in cluster.brokers() {
        broker.lines().iter().for_each(|line| line.stop_reading());
    }
    let ends = begin(&ledger, &producer, 50, &How::once(seconds(1))).join_all().await;
    assert!(ends.iter().all(Result::is_err), "only an answer is a success");
    assert_eq!((ledger.stored(), ledger.failed(Outcome::MaybeStored)), (8, 50));
    for broker in cluster.brokers() {
        broker.lines().iter().for_each(rmq_testkit::Line::reset);
    }
    sleep(seconds(1)).await;
    assert_eq!(cluster.message_count("orders"), 8);
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c34_two_hundred_starts_and_ends_leave_no_task_and_no_line() {
    let cluster = start(two_brokers()).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for _ in 0..200 {
        let (producer, ledger) = ready(&cluster).await;
        ledger.send(&producer).await.unwrap();
        assert_ends(&producer, &cluster).await;
    }
    assert!(cluster.name_server().lines().is_empty());
    assert_eq!(alive(), before);
}

#[tokio::test(start_paused = true)]
async fn c36_a_cluster_that_went_silent_holds_a_shutdown_no_longer_than_its_grace() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    for _ in 0..8 {
        ledger.send(&producer).await.unwrap();
    }
    cluster.brokers().iter().for_each(rmq_testkit::Broker::freeze);
    cluster.name_server().freeze();
    let sends = begin(&ledger, &producer, 100, &How::within(seconds(60)));
    settle().await;
    let began = Instant::now();
    let report = producer.shutdown(seconds(2)).await;
    assert!(began.elapsed() <= seconds(2) + milliseconds(100), "{:?}", began.elapsed());
    assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (100, 0, 2));
    assert!(sends.join_all().await.iter().all(Result::is_err));
    assert_eq!(ledger.failed(Outcome::MaybeStored), 100, "and each of them says so");
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c37_a_topic_that_vanishes_takes_no_message_along() {
    let cluster = start(two_brokers()).await;
    let (producer, ledger) = ready(&cluster).await;
    ledger.send(&producer).await.unwrap();
    cluster.on(SEND, &Fault::slow(seconds(40)));
    let sends = begin(&ledger, &producer, 50, &How::once(seconds(100)));
    settle().await;
    cluster.hide_route("orders");
    sleep(seconds(35)).await; // routes are asked for again
    assert!(producer.publish_queues("orders").await.is_ok(), "the last route stays");
    assert!(sends.join_all().await.iter().all(Result::is_ok));
    cluster.clear_faults();
    ledger.send(&producer).await.expect("what was known is still good");
    assert_eq!(ledger.stored(), 52);
    ledger.check(&cluster);
}

#[tokio::test(start_paused = true)]
async fn c38_whoever_waits_at_a_shutdown_is_told_whatever_it_is_that_he_waits_for() {
    let cluster = start(two_brokers()).await;
    let mut remoting = rmq_producer::RemotingConfig::default();
    remoting.max_in_flight = 50;
    let producer = with_defaults(&cluster).remoting(remoting).api_timeout(seconds(50)).start().await.unwrap();
    let ledger = Arc::new(Ledger::new());
    ledger.send(&producer).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    let for_answer_or_room = begin(&ledger, &producer, 100, &How::within(seconds(60)));
    settle().await;
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    let other = producer.clone();
    let mut for_route = JoinSet::new();
    for_route
        .spawn(async move { other.send(rmq_producer::Message::new("else", "?")).timeout(seconds(60)).await.map(drop) });
    settle().await;
    let report = producer.shutdown(milliseconds(10)).await;
    assert_eq!(report.unfinished, 101);
    let began = Instant::now();
    let ends = tokio::time::timeout(seconds(10), for_answer_or_room.join_all()).await.expect("everybody is woken");
    for end in ends {
        let kind = end.unwrap_err();
        assert!([SendErrorKind::ConnectionLost, SendErrorKind::Closed].contains(&kind), "{kind:?}");
    }
    let error = for_route.join_all().await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Closed, Outcome::NotSent));
    assert!(began.elapsed() <= milliseconds(2), "at once");
    assert_eq!((ledger.failed(Outcome::MaybeStored), ledger.failed(Outcome::NotSent)), (50, 50));
    ledger.check(&cluster);
}
