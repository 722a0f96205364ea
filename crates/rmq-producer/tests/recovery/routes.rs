//! R8, R14: routes that change, and look-ups that come together.

use std::collections::BTreeMap;

use rmq_producer::Producer;
use rmq_testkit::{Fault, RequestCode, ResponseCode, Route, TestCluster};
use tokio::time::sleep;

use crate::load::{Load, Sent, begin, send};
use crate::world::*;

const LOOK_UP: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;
const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// Changes the cluster under load and returns what became of the sends.
async fn under_load(cluster: &TestCluster, change: impl AsyncFnOnce(&TestCluster)) -> (Producer, Vec<Sent>) {
    let producer = with_defaults(cluster).start().await.expect("the cluster answers");
    let load = Load::start(&producer, 4, milliseconds(20));
    sleep(milliseconds(1010)).await;
    change(cluster).await;
    sleep(seconds(20)).await;
    (producer, load.end().await)
}

/// No send failed, and no queue was tried in vain more than once.
fn assert_smooth(what: &str, sent: &[Sent]) {
    assert!(sent.iter().all(Sent::is_ok), "{what}");
    let mut failed: BTreeMap<&(String, i32), usize> = BTreeMap::new();
    for attempt in sent.iter().flat_map(|sent| &sent.failed) {
        *failed.entry(attempt).or_default() += 1;
    }
    assert!(!failed.is_empty(), "{what}: nobody noticed");
    assert!(failed.values().all(|count| *count <= 1), "{what}: {failed:?}");
}

#[tokio::test(start_paused = true)]
async fn r08_a_topic_that_moves_costs_no_send() {
    let cluster = start(two_brokers().auto_create_topics(false)).await;
    cluster.broker("broker-b").delete_topic("orders");
    let (_producer, sent) = under_load(&cluster, async |cluster| {
        cluster.broker("broker-b").create_topic("orders", 4);
        cluster.broker("broker-a").delete_topic("orders");
    })
    .await;
    assert_smooth("moved", &sent);
    assert_eq!(sent.last().expect("many").broker.as_deref(), Ok("broker-b"));
}

#[tokio::test(start_paused = true)]
async fn r08_a_permission_that_is_taken_costs_no_send() {
    let cluster = start(two_brokers()).await;
    let (producer, sent) = under_load(&cluster, async |cluster| {
        let broker = cluster.broker("broker-a");
        broker.set_broker_perm(4);
        let remark = "the broker[10.0.0.1] sending message is forbidden";
        broker.on(SEND, Fault::reply(ResponseCode::NO_PERMISSION).remark(remark));
    })
    .await;
    assert_smooth("permission", &sent);
    assert_eq!(producer.publish_queues("orders").await.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn r08_fewer_queues_cost_no_send() {
    for (code, brokers) in [(1, 2), (29, 2), (1, 1), (29, 1)] {
        let cluster = start(TestCluster::builder().memory().brokers(brokers).topic("orders", 8)).await;
        let (producer, sent) = under_load(&cluster, async |cluster| {
            cluster.set_queues("orders", 2, 2);
            // Both codes, whatever the cluster's own release says.
            let beyond = |request: &rmq_testkit::RemotingCommand| {
                request.field("e").and_then(|id| id.parse::<i32>().ok()).is_some_and(|id| id >= 2)
            };
            let remark = "request queueId[7] is illegal, TopicConfig [topicName=orders]";
            cluster.on(SEND, &Fault::reply(ResponseCode(code)).remark(remark).when(beyond));
        })
        .await;
        assert_smooth("fewer queues", &sent);
        let queues = i32::try_from(producer.publish_queues("orders").await.unwrap().len());
        assert_eq!(queues, Ok(i32::try_from(2 * brokers).unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn r08_a_route_that_is_wrong_and_stays_so_is_not_asked_for_more_than_once_a_second() {
    let cluster = start(two_brokers().auto_create_topics(false)).await;
    let producer = with_defaults(&cluster).start().await.expect("the cluster answers");
    assert!(send(&producer).await.is_ok());
    let as_before = Route::new()
        .broker("broker-a", [(0, "10.0.0.1:10911")])
        .broker("broker-b", [(0, "10.0.0.2:10911")])
        .queues("broker-a", 4, 4, 6)
        .queues("broker-b", 4, 4, 6);
    cluster.set_route("orders", as_before);
    cluster.delete_topic("orders");
    let before = cluster.name_server().request_count(LOOK_UP);
    let load = Load::start(&producer, 10, milliseconds(20));
    sleep(seconds(20)).await;
    assert!(load.end().await.iter().all(|sent| !sent.is_ok()));
    let asked = cluster.name_server().request_count(LOOK_UP) - before;
    assert!((15..=25).contains(&asked), "{asked} look-ups in 20 s");
}

#[tokio::test(start_paused = true)]
async fn r14_a_thousand_tasks_and_one_topic_make_one_look_up() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).check_name_servers(false).start().await.expect("the cluster answers");
    cluster.name_server().on(LOOK_UP, Fault::delay(milliseconds(500)));
    let sends = begin(&producer, 1000).await;
    assert!(sends.join_all().await.iter().all(Sent::is_ok));
    assert_eq!(cluster.name_server().request_count(LOOK_UP), 1);
}
