//! Warming up: what is ready when the start is over, and what makes it fail.

use rmq_producer::{ProducerBuilder, RouteError, StartError};
use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::world::*;

const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn routes_are_known_and_brokers_connected_when_the_start_is_over() {
    let cluster = start(two_brokers().topic("bills", 2)).await;
    let producer = builder(&cluster).warm_up(["orders", "bills"]).start().await.unwrap();
    for broker in cluster.brokers() {
        assert_eq!(broker.lines().len(), 1, "{}", broker.name());
    }
    let asked = cluster.request_count(ROUTE);
    assert_eq!(asked, 1 + 2, "the check, and each topic");
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.request_count(ROUTE), asked);
    settle().await;
    assert_eq!(cluster.clients().len(), 2, "heartbeats went out at once");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_exist_fails_the_start_and_nothing_is_left() {
    let cluster = start(two_brokers().auto_create_topics(false)).await;
    let before = tasks();
    let error = builder(&cluster).warm_up(["orders", "bills"]).start().await.unwrap_err();
    let StartError::WarmUpRoute { topic, source } = &error else { panic!("{error:?}") };
    assert_eq!(&**topic, "bills");
    assert!(matches!(source, RouteError::NoRoute { .. }), "{source:?}");
    assert!(error.to_string().contains("\"bills\""), "{error}");
    settle().await;
    assert!(cluster.clients().is_empty(), "who heard of it was told of its end");
    assert!(cluster.brokers().iter().all(|broker| broker.lines().is_empty()));
    assert!(cluster.name_server().lines().is_empty());
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_brokers_would_make_is_ready() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).warm_up(["new"]).start().await.unwrap();
    producer.send(rmq_producer::Message::new("new", "first")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_broker_that_can_be_reached_is_enough_and_none_is_not() {
    let cluster = start(two_brokers().keep_killed_brokers_in_route(seconds(600))).await;
    cluster.broker("broker-a").kill().await;
    let producer = builder(&cluster).warm_up(["orders"]).start().await.expect("broker-b is there");
    producer.shutdown(seconds(1)).await;
    cluster.broker("broker-b").kill().await;
    let error = builder(&cluster).warm_up(["orders"]).start().await.unwrap_err();
    assert!(matches!(&error, StartError::WarmUpBroker { topic, .. } if &**topic == "orders"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn topics_are_in_the_namespace_and_names_are_checked_before_anything_is_dialled() {
    let cluster = start(one_broker().topic("MQ_INST_1%orders", 4)).await;
    let producer = builder(&cluster).namespace("MQ_INST_1").warm_up(["orders"]).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.messages("MQ_INST_1%orders").len(), 1);
    producer.shutdown(seconds(1)).await;
    settle().await;
    let dialled = cluster.request_count(ROUTE);
    let error = builder(&cluster).warm_up(["a b"]).start().await.unwrap_err();
    assert!(matches!(&error, StartError::Option(error) if error.option() == "warm_up"), "{error:?}");
    assert_eq!(cluster.request_count(ROUTE), dialled);
}

#[tokio::test(start_paused = true)]
async fn no_step_takes_longer_than_the_time_of_one_request() {
    let cluster = start(two_brokers()).await;
    for broker in cluster.brokers() {
        broker.hang_dials();
    }
    let begun = tokio::time::Instant::now();
    let impatient = |builder: ProducerBuilder| builder.api_timeout(seconds(1)).warm_up(["orders"]).start();
    assert!(matches!(impatient(builder(&cluster)).await, Err(StartError::WarmUpBroker { .. })));
    assert!(begun.elapsed() <= seconds(2), "{:?}", begun.elapsed());
    cluster.name_server().on(ROUTE, Fault::silent());
    let begun = tokio::time::Instant::now();
    let error = impatient(builder(&cluster).check_name_servers(false)).await.unwrap_err();
    assert!(matches!(error, StartError::WarmUpRoute { .. }), "{error:?}");
    assert!(begun.elapsed() <= seconds(2), "{:?}", begun.elapsed());
}

/// Whether the producer is the only one of its client, or joins another.
async fn dropped_at_every_poll(shared: bool) {
    let mut most = 0;
    for polls in 1.. {
        let none = tasks();
        let cluster = start(two_brokers()).await;
        let before = tasks();
        let named = |group: &str| {
            let mut config = builder(&cluster).config().clone();
            config.producer_group = group.to_owned();
            ProducerBuilder::from(config).connector(cluster.connector())
        };
        let sibling = match shared {
            false => None,
            true => {
                let sibling = named("sibling").instance_name("shared").start().await.expect("the cluster answers");
                sibling.send(hello()).await.expect("the cluster answers");
                settle().await;
                Some(sibling)
            }
        };
        let joins = if shared { named("pg").instance_name("shared") } else { named("pg") };
        let again = joins.clone();
        let started = stop_after(polls, joins.warm_up(["orders"]).start()).await;
        let done = started.is_some();
        drop(started);
        settle().await;
        settle().await;
        let groups: Vec<String> = cluster.clients().into_iter().flat_map(|client| client.producer_groups).collect();
        match &sibling {
            None => {
                assert!(cluster.name_server().lines().is_empty(), "dropped after {polls} polls");
                assert!(cluster.brokers().iter().all(|broker| broker.lines().is_empty()), "after {polls} polls");
                assert_eq!(tasks(), before, "dropped after {polls} polls");
                assert!(groups.is_empty(), "dropped after {polls} polls: {groups:?}");
            }
            Some(sibling) => {
                assert_eq!(groups, ["sibling", "sibling"], "dropped after {polls} polls");
                sibling.send(hello()).await.expect("not touched");
            }
        }
        again.start().await.expect("another one starts").send(hello()).await.expect("and sends");
        drop(sibling);
        cluster.shutdown().await;
        settle().await;
        assert_eq!(tasks(), none, "dropped after {polls} polls");
        if done {
            break;
        }
        most = polls;
    }
    assert!(most >= if shared { 1 } else { 3 }, "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_at_any_poll_leaves_nothing() {
    dropped_at_every_poll(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_dropped_at_any_poll_leaves_its_sibling_alone() {
    dropped_at_every_poll(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_does_not_answer_is_no_obstacle_if_nobody_looks() {
    let cluster = start(one_broker()).await;
    cluster.name_server().on(ROUTE, Fault::reply(ResponseCode::SYSTEM_ERROR));
    builder(&cluster).check_name_servers(true).start().await.expect("an error is an answer");
    cluster.name_server().kill().await;
    let error = builder(&cluster).start().await.unwrap_err();
    assert!(matches!(error, StartError::NameServers(_)), "{error:?}");
    builder(&cluster).check_name_servers(false).start().await.expect("nobody looked");
}
