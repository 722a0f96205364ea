//! R10: brokers that send their clients away before they end.

use rmq_producer::Producer;
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::time::sleep;

use crate::load::{Load, Sent, begin};
use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn three() -> (TestCluster, Producer) {
    let cluster = start(TestCluster::builder().memory().brokers(3).topic("orders", 4)).await;
    let producer = with_defaults(&cluster).start().await.expect("the cluster answers");
    (cluster, producer)
}

#[tokio::test(start_paused = true)]
async fn r10_a_rolling_restart_with_go_away_costs_no_send_and_one_more_attempt_for_those_concerned() {
    let (cluster, producer) = three().await;
    let load = Load::start(&producer, 30, milliseconds(100));
    sleep(seconds(70)).await;
    for broker in cluster.brokers() {
        let going = broker.on_any(Fault::go_away());
        sleep(seconds(5)).await;
        broker.kill().await;
        going.remove();
        sleep(seconds(5)).await;
        broker.restart().await.expect("in memory");
        sleep(seconds(10)).await;
    }
    let sent = load.end().await;
    assert!(sent.iter().all(Sent::is_ok));
    assert!(sent.iter().all(|sent| sent.failed.len() <= 1), "one more attempt");
    let concerned = sent.iter().filter(|sent| !sent.failed.is_empty()).count();
    assert!((1..=3 * 30).contains(&concerned), "only those on the way when it began: {concerned}");
    let longest = sent.iter().map(|sent| sent.took).max().expect("many");
    assert!(longest < seconds(1), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn r10_where_another_server_stands_behind_the_address_each_call_goes_out_once_more_and_no_attempt_fails() {
    let (cluster, producer) = three().await;
    assert!(begin(&producer, 12).await.join_all().await.iter().all(Sent::is_ok));
    let broker = cluster.broker("broker-b");
    let before = broker.request_count(SEND);
    let old = broker.lines()[0].clone();
    let going = broker.on(SEND, Fault::go_away().after(milliseconds(20)).times(12));
    let sends = begin(&producer, 36).await;
    let sent = sends.join_all().await;
    for sent in sent {
        assert!(sent.is_ok() && sent.failed.is_empty(), "{:?} {:?} {:?}", sent.broker, sent.failed, sent.took);
    }
    assert_eq!(
        (going.hits(), broker.request_count(SEND) - before),
        (12, 24),
        "twelve calls were told so, twelve went out again"
    );
    settle().await;
    assert!(!old.is_open() && broker.lines().len() == 1, "the old connection is given up");
}
