//! Several name servers, of which some are of no use.

use rmq_producer::{NameServerFailure, Producer, SendErrorKind, StartError};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::time::Instant;

use crate::world::*;

const LOOK_UP: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

async fn three() -> TestCluster {
    start(one_broker().name_servers(3)).await
}

/// Sends with a new producer for each seed, so that each name server comes first in some run.
async fn sends_with_every_first(cluster: &TestCluster) -> Vec<std::time::Duration> {
    let mut took = Vec::new();
    for seed in 0..8 {
        let mut remoting = rmq_producer::RemotingConfig::default();
        remoting.seed = Some(seed);
        let producer =
            builder(cluster).remoting(remoting).check_name_servers(false).start().await.expect("nothing is checked");
        let begun = Instant::now();
        producer.send(hello()).await.expect("one name server is enough");
        took.push(begun.elapsed());
    }
    took
}

#[tokio::test(start_paused = true)]
async fn a_dead_one_costs_nothing_but_a_dial() {
    let cluster = three().await;
    cluster.name_server_at(0).kill().await;
    cluster.name_server_at(1).kill().await;
    let took = sends_with_every_first(&cluster).await;
    assert!(took.iter().all(|took| *took < seconds(1)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_one_costs_at_most_its_share_of_the_time() {
    let cluster = three().await;
    cluster.name_server_at(0).freeze();
    let took = sends_with_every_first(&cluster).await;
    assert!(took.iter().all(|took| *took <= seconds(1)), "a third of 3 s: {took:?}");
    assert!(took.iter().any(|took| *took >= seconds(1)), "it came first at least once: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_one_that_answered_is_asked_again() {
    let cluster = three().await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    for topic in 0..12 {
        producer.publish_queues(format!("topic-{topic}")).await.unwrap();
    }
    let counts: Vec<_> = (0..3).map(|n| cluster.name_server_at(n).request_count(LOOK_UP)).collect();
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1, "{counts:?}");

    let used = counts.iter().position(|count| *count > 0).expect("one was asked");
    cluster.name_server_at(used).kill().await;
    for topic in 20..32 {
        producer.publish_queues(format!("topic-{topic}")).await.unwrap();
    }
    let counts: Vec<_> = (0..3).map(|n| cluster.name_server_at(n).request_count(LOOK_UP)).collect();
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 2, "another one, and then no third: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_start_without_any_says_what_each_of_them_said() {
    let cluster = start(one_broker().name_servers(2)).await;
    cluster.name_server_at(0).kill().await;
    cluster.name_server_at(1).freeze();
    let begun = Instant::now();
    let error = builder(&cluster).start().await.unwrap_err();
    assert!(begun.elapsed() <= seconds(3), "{:?}", begun.elapsed());
    let StartError::NameServers(cause) = &error else { panic!("{error:?}") };
    assert_eq!(cause.failures().len(), 2);
    assert!(cause.to_string().contains("namesrv:9876") && cause.to_string().contains("namesrv-1:9876"), "{cause}");
    assert!(cause.failures().iter().all(|(_, failure)| matches!(failure, NameServerFailure::Remoting(_))));
}

#[tokio::test(start_paused = true)]
async fn a_start_can_do_without_and_a_send_then_says_so() {
    let cluster = start(one_broker()).await;
    cluster.name_server().kill().await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::NameServers, Some(10_004)));
    assert!(error.is_retryable() && !error.possibly_stored());
    cluster.name_server().restart().await.expect("in memory");
    tokio::time::sleep(seconds(10)).await;
    producer.send(hello()).await.expect("found once it is back");
}

#[tokio::test(start_paused = true)]
async fn a_broker_is_no_name_server() {
    let cluster = start(one_broker()).await;
    let broker = cluster.broker("broker-a").address();
    let error = Producer::builder("pg").name_servers(broker).connector(cluster.connector()).start().await.unwrap_err();
    let StartError::NameServers(cause) = &error else { panic!("{error:?}") };
    assert!(matches!(cause.failures(), [(_, NameServerFailure::Refused { .. })]), "{cause:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_talks_nonsense_is_passed_over() {
    let cluster = start(one_broker().name_servers(2)).await;
    cluster.name_server_at(0).on(LOOK_UP, Fault::garbage(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]));
    let took = sends_with_every_first(&cluster).await;
    assert!(took.iter().all(|took| *took < seconds(1)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_drops_packets_costs_no_more_than_a_short_dial_and_is_not_tried_again_while_another_answers() {
    let cluster = three().await;
    cluster.name_server_at(0).hang_dials();
    let took = sends_with_every_first(&cluster).await;
    assert!(took.iter().all(|took| *took <= milliseconds(501)), "{took:?}");
    assert!(took.iter().any(|took| *took >= milliseconds(500)), "it came first at least once: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_only_one_is_given_all_the_time() {
    let cluster = start(one_broker()).await;
    cluster.name_server().delay_dials(milliseconds(800));
    cluster.name_server().on(LOOK_UP, Fault::delay(milliseconds(1900)));
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    producer.send(hello()).await.expect("slow, but within three seconds");
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_to_the_only_one_is_replaced_after_one_time_out() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).start().await.unwrap();
    cluster.name_server().lines().iter().for_each(|line| line.stop_reading());
    producer.send(hello()).await.expect_err("nobody reads that line");
    settle().await;
    producer.send(hello()).await.expect("the next one is new");
}
