//! The VIP channel: sends two ports below, all else on the first port.

use std::collections::BTreeSet;

use rmq_testkit::{Fault, RequestCode, TestCluster};

use crate::redirect::Redirect;
use crate::world::*;

/// A cluster in memory has no second ports: they lead to the first ones.
fn second_ports(cluster: &TestCluster) -> Redirect {
    let pairs = cluster.brokers().into_iter().map(|broker| {
        let first = broker.address();
        (second_port(&first), first)
    });
    Redirect::new(cluster, pairs)
}

fn second_port(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').expect("an address");
    format!("{host}:{}", port.parse::<u16>().expect("a port") - 2)
}

#[tokio::test(start_paused = true)]
async fn sends_go_to_the_second_port_and_heartbeats_to_the_first() {
    let cluster = start(one_broker()).await;
    let network = second_ports(&cluster);
    let producer = builder(&cluster).connector(network.clone()).vip_channel(true).start().await.unwrap();
    let sent = producer.send(hello()).await.unwrap();
    producer.send_oneway(hello()).await.unwrap();
    tokio::time::sleep(seconds(1)).await;

    let broker = cluster.broker("broker-a");
    let first = broker.address();
    let address = sent.attempts()[0].address().expect("it was dialled").to_string();
    assert_eq!(address, second_port(&first));
    assert_eq!(network.asked_for(), BTreeSet::from([cluster.name_servers(), second_port(&first), first]));
    let connections =
        |code| -> BTreeSet<u64> { broker.requests(code).iter().map(|request| request.connection).collect() };
    let (sends, beats) = (connections(RequestCode::SEND_MESSAGE_V2), connections(RequestCode::HEART_BEAT));
    assert_eq!((sends.len(), beats.len()), (1, 1));
    assert!(sends.is_disjoint(&beats));
    assert_eq!(cluster.message_count("orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_is_probed_where_messages_go() {
    let cluster = start(two_brokers()).await;
    let network = second_ports(&cluster);
    let producer = with_defaults(&cluster).connector(network).vip_channel(true).start().await.unwrap();
    let broker = cluster.broker("broker-a");
    broker.on(RequestCode::SEND_MESSAGE_V2, Fault::silent().times(1));
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    tokio::time::sleep(seconds(3)).await;
    let connection = |code| broker.requests(code).first().expect("a request").connection;
    assert_eq!(connection(RequestCode::GET_MAX_OFFSET), connection(RequestCode::SEND_MESSAGE_V2));
}

#[tokio::test(start_paused = true)]
async fn a_start_connects_the_port_that_messages_go_to() {
    let cluster = start(one_broker()).await;
    let network = second_ports(&cluster);
    let vip = builder(&cluster).connector(network.clone()).vip_channel(true);
    let _producer = vip.warm_up(["orders"]).start().await.unwrap();
    assert!(network.asked_for().contains(&second_port(&cluster.broker("broker-a").address())));
}

#[tokio::test(start_paused = true)]
async fn it_is_off_by_default() {
    let cluster = start(one_broker()).await;
    let network = second_ports(&cluster);
    let producer = builder(&cluster).connector(network.clone()).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    let first = cluster.broker("broker-a").address();
    assert_eq!(network.asked_for(), BTreeSet::from([cluster.name_servers(), first]));
}
