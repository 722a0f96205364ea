//! Starting: all or nothing.

use rmq_producer::{Producer, ProducerBuilder, ProducerConfig, StartError};
use rmq_testkit::RequestCode;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_named_before_anything_is_dialled() {
    let cluster = start(one_broker()).await;
    let text = |error: StartError| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    };
    let cases = [
        (Producer::builder("").name_servers("a"), "group"),
        (Producer::builder("a b").name_servers("a"), "\"a b\""),
        (Producer::builder("DEFAULT_PRODUCER").name_servers("a"), "DEFAULT_PRODUCER"),
        (Producer::builder("g".repeat(121)).name_servers("a"), "120"),
        (Producer::builder("pg"), "name_servers("),
        (Producer::builder("pg").name_servers("  "), "name_servers("),
        (Producer::builder("pg").name_servers("a:9876;b:0"), "`b:0`"),
        (Producer::builder("pg").name_servers(["a:9876", "b:x"]), "`b:x`"),
        (Producer::builder("pg").name_servers("a").send_timeout(seconds(0)), "send_timeout"),
        (Producer::builder("pg").name_servers("a").create_topic_key("a.b"), "create_topic_key"),
    ];
    for (builder, named) in cases {
        let error = text(builder.connector(cluster.connector()).start().await.unwrap_err());
        assert!(error.contains(named), "{error}");
    }
    assert!(cluster.name_server().lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_asks_one_name_server_and_no_broker() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    assert_eq!(cluster.name_server().request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC), 1);
    assert!(cluster.brokers().iter().all(|broker| broker.lines().is_empty()));
    assert_eq!(producer.tasks(), 4, "routes, heartbeats, probes, one connection");
    assert_eq!((producer.group(), producer.in_flight()), ("pg", 0));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leaves_no_task_and_no_socket() {
    let cluster = start(one_broker()).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let broker = cluster.broker("broker-a");
    Producer::builder("pg").name_servers(broker.address()).connector(cluster.connector()).start().await.unwrap_err();
    settle().await;
    assert!(broker.lines().is_empty());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[test]
fn a_start_outside_of_a_runtime_is_an_error_and_no_panic() {
    let builder = Producer::builder("pg").name_servers("127.0.0.1:9876");
    let mut start = Box::pin(builder.start());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = start.as_mut().poll(&mut cx) else { panic!("it has nothing to wait for") };
    assert!(matches!(outcome, Err(StartError::NoRuntime)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn settings_can_be_data() {
    let cluster = start(one_broker()).await;
    let mut config = ProducerConfig::new("pg");
    config.name_servers = cluster.name_servers();
    config.send_timeout = seconds(7);
    let producer = ProducerBuilder::from(config).connector(cluster.connector()).start().await.unwrap();
    assert_eq!(producer.config().send_timeout, seconds(7));
    producer.send(hello()).await.unwrap();
}

#[tokio::test]
async fn over_tcp_it_is_the_same() {
    let cluster = start(rmq_testkit::TestCluster::builder().brokers(2).topic("orders", 4)).await;
    let patience = seconds(60); // the clock is real, and the machine may be busy
    let builder = Producer::builder("pg").name_servers(cluster.name_servers());
    let producer = builder.send_timeout(patience).api_timeout(patience).start().await.unwrap();
    for n in 0..20 {
        producer.send(hello().key(n.to_string())).await.unwrap();
        producer.send_oneway(hello()).await.unwrap();
    }
    assert_eq!(cluster.wait_for_messages("orders", 40, patience).await.len(), 40);
    while cluster.clients().len() < 2 {
        settle().await; // heartbeats go beside the sends
    }
    let report = producer.shutdown(patience).await;
    assert!(report.is_clean() && report.unregistered == 2, "{report:?}");
    assert!(cluster.clients().is_empty());
    cluster.shutdown().await;
}
