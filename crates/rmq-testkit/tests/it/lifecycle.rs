//! Servers that die, stop, move and come back.

use std::time::Duration;

use rmq_testkit::{Fault, RemotingCommand, RequestCode, StartError, TestCluster};
use tokio::time::timeout;

use crate::wire::{Peer, send_request};

async fn both() -> Vec<TestCluster> {
    let builder = TestCluster::builder().brokers(2).topic("orders", 4);
    vec![builder.clone().start().await.expect("free ports"), builder.memory().start().await.expect("no ports at all")]
}

fn route_request() -> RemotingCommand {
    RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "orders")
}

async fn brokers_in_route(cluster: &TestCluster) -> usize {
    let mut peer = Peer::dial(cluster, &cluster.name_servers()).await;
    let answer = peer.ask(&route_request()).await.expect("an answer");
    let text = String::from_utf8(answer.body().to_vec()).expect("text");
    text.matches("\"brokerAddrs\"").count()
}

async fn refuses(cluster: &TestCluster, address: &str) -> bool {
    let to = address.parse().expect("an address");
    cluster.connector().connect(&to).await.is_err()
}

#[tokio::test]
async fn a_killed_broker_resets_refuses_and_comes_back_with_its_messages() {
    for cluster in both().await {
        let broker = cluster.broker("broker-a");
        let mut peer = Peer::to(&cluster, &broker).await;
        assert!(peer.ask(&send_request("orders", "x")).await.unwrap().is_success());
        broker.on(RequestCode::SEND_MESSAGE_V2, Fault::slow(Duration::from_secs(1)).times(1));
        // The broker's work must not be done before it dies, whatever the machine is busy with.
        tokio::time::pause();
        peer.send(&send_request("orders", "never stored")).await;
        let address = broker.address();
        // Lets the broker read the request first; the clock goes on only where everybody waits.
        while broker.request_count(RequestCode::SEND_MESSAGE_V2) < 2 {
            tokio::task::yield_now().await;
        }
        broker.kill().await;
        tokio::time::advance(Duration::from_secs(2)).await;
        tokio::time::resume();
        assert_eq!(peer.receive().await.unwrap_err(), "connection reset");
        assert!(refuses(&cluster, &address).await);
        assert_eq!(brokers_in_route(&cluster).await, 1);
        assert_eq!(broker.messages("orders").len(), 1, "what was in work died with it");
        broker.restart().await.unwrap();
        assert_eq!((broker.address(), brokers_in_route(&cluster).await), (address, 2));
        let mut peer = Peer::to(&cluster, &broker).await;
        assert_eq!(peer.ask(&send_request("orders", "x")).await.unwrap().field("queueOffset"), Some("1"));
    }
}

#[tokio::test]
async fn a_frozen_broker_takes_connections_and_does_later_what_it_was_sent() {
    for cluster in both().await {
        let broker = cluster.broker("broker-a");
        let mut before = Peer::to(&cluster, &broker).await;
        assert!(before.ask(&send_request("orders", "x")).await.unwrap().is_success());
        broker.freeze();
        let mut after = Peer::to(&cluster, &broker).await;
        before.send(&send_request("orders", "x")).await;
        after.send(&send_request("orders", "x")).await;
        assert!(before.hears_nothing(Duration::from_millis(100)).await);
        assert!(after.hears_nothing(Duration::from_millis(100)).await);
        assert_eq!((cluster.messages("orders").len(), brokers_in_route(&cluster).await), (1, 2));
        broker.resume();
        assert!(before.receive().await.unwrap().is_success());
        assert!(after.receive().await.unwrap().is_success());
        assert_eq!(cluster.messages("orders").len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn routes_lose_a_frozen_broker_after_two_minutes_and_a_killed_one_when_told() {
    let builder = TestCluster::builder().memory().brokers(2).topic("orders", 4);
    let cluster = builder.keep_killed_brokers_in_route(Duration::from_secs(5)).start().await.unwrap();
    cluster.broker("broker-a").kill().await;
    assert_eq!(brokers_in_route(&cluster).await, 2);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(brokers_in_route(&cluster).await, 1);
    cluster.broker("broker-a").restart().await.unwrap();
    let b = cluster.broker("broker-b");
    b.freeze();
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(brokers_in_route(&cluster).await, 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(brokers_in_route(&cluster).await, 1);
    b.resume();
    assert_eq!(brokers_in_route(&cluster).await, 2);
    b.list_in_routes(false);
    assert_eq!(brokers_in_route(&cluster).await, 1);
}

#[tokio::test]
async fn a_broker_that_moves_is_found_at_its_new_address_only() {
    for cluster in both().await {
        let broker = cluster.broker("broker-b");
        let old = broker.address();
        let new = broker.move_to_new_port().await.unwrap();
        assert_ne!(old, new);
        assert!(refuses(&cluster, &old).await);
        let mut peer = Peer::dial(&cluster, &cluster.name_servers()).await;
        let route = peer.ask(&route_request()).await.unwrap();
        let text = String::from_utf8(route.body().to_vec()).unwrap();
        assert!(text.contains(&new) && !text.contains(&old), "{text}");
        assert!(Peer::to(&cluster, &broker).await.ask(&send_request("orders", "x")).await.unwrap().is_success());
    }
}

#[tokio::test]
async fn name_servers_die_and_return_one_by_one() {
    let builder = TestCluster::builder().name_servers(2).topic("orders", 1);
    for cluster in [builder.clone().start().await.unwrap(), builder.memory().start().await.unwrap()] {
        let addresses: Vec<String> = cluster.name_servers().split(';').map(str::to_owned).collect();
        assert_eq!(addresses.len(), 2);
        cluster.name_server().kill().await;
        assert!(refuses(&cluster, &addresses[0]).await);
        assert!(Peer::dial(&cluster, &addresses[1]).await.ask(&route_request()).await.unwrap().is_success());
        cluster.name_server().restart().await.unwrap();
        assert!(Peer::dial(&cluster, &addresses[0]).await.ask(&route_request()).await.unwrap().is_success());
        let second = cluster.name_server_at(1);
        second.freeze();
        let mut peer = Peer::dial(&cluster, &addresses[1]).await;
        peer.send(&route_request()).await;
        assert!(peer.hears_nothing(Duration::from_millis(50)).await);
        second.resume();
        assert!(peer.receive().await.unwrap().is_success());
    }
}

#[tokio::test(start_paused = true)]
async fn dials_hang_and_are_slow() {
    let cluster = TestCluster::builder().memory().start().await.unwrap();
    let broker = cluster.broker("broker-a");
    let to = broker.address().parse().unwrap();
    broker.hang_dials();
    assert!(timeout(Duration::from_secs(600), cluster.connector().connect(&to)).await.is_err());
    broker.delay_dials(Duration::from_secs(2));
    assert!(timeout(Duration::from_secs(1), cluster.connector().connect(&to)).await.is_err());
    assert!(timeout(Duration::from_secs(3), cluster.connector().connect(&to)).await.unwrap().is_ok());
    broker.clear_dials();
    assert!(timeout(Duration::ZERO, cluster.connector().connect(&to)).await.unwrap().is_ok());
}

#[tokio::test]
async fn everything_ends_with_the_cluster() {
    for (drop_it, cluster) in [true, false].into_iter().zip(both().await) {
        let (broker, connector) = (cluster.broker("broker-a"), cluster.connector());
        let (broker_address, name_server) = (broker.address(), cluster.name_servers());
        let mut peer = Peer::to(&cluster, &broker).await;
        assert!(peer.ask(&send_request("orders", "x")).await.unwrap().is_success());
        if drop_it {
            drop(cluster)
        } else {
            cluster.shutdown().await
        }
        assert!(timeout(Duration::from_secs(60), peer.receive()).await.unwrap().is_err());
        for address in [broker_address, name_server] {
            assert!(connector.connect(&address.parse().unwrap()).await.is_err());
        }
        assert_eq!(broker.messages("orders").len(), 1, "the store can still be read");
        assert!(broker.restart().await.is_err());
    }
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let taken = TestCluster::builder().start().await.unwrap();
    let port = taken.name_servers().rsplit(':').next().unwrap().parse().unwrap();
    let error = TestCluster::builder().port(port).start().await.unwrap_err();
    assert!(matches!(&error, StartError::Listen { server, .. } if server == "namesrv-0"), "{error:?}");
    assert_eq!(error.to_string(), format!("namesrv-0 cannot listen on 127.0.0.1:{port}"));
    let error = TestCluster::builder().name_servers(0).start().await.unwrap_err();
    assert!(matches!(error, StartError::Option { .. }));
    let error = TestCluster::builder().brokers(2).broker_port(65_530).start().await.unwrap_err();
    assert!(matches!(&error, StartError::Listen { server, .. } if server == "broker-b"), "{error:?}");
}
