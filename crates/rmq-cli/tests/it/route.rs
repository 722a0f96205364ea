//! `rmq route` against both server dialects.

use rmq_route::TopicRouteData;
use rmq_testkit::{Dialect, TestCluster};

use crate::program::rmq;
use crate::servers::start;

#[test]
fn every_dialect_is_shown_alike() {
    for dialect in [Dialect::V4_9_3, Dialect::V4_9, Dialect::V5] {
        let servers = start(TestCluster::builder().brokers(2).topic("orders", 4).dialect(dialect));
        let address = servers.name_servers();
        let ran = rmq(["route", "--namesrv", &address, "--topic", "orders"]).assert_success();
        assert!(
            ran.stdout.starts_with("topic orders: 2 brokers, 8 queues to write, 8 to read\n"),
            "{dialect:?}: {}",
            ran.stdout
        );
        for broker in servers.brokers() {
            let row = ran.stdout.lines().find(|line| line.starts_with(broker.name())).expect("a row per broker");
            let cells: Vec<_> = row.split_whitespace().collect();
            assert_eq!(cells, [broker.name(), "DefaultCluster", "0", "master", &broker.address(), "4", "4", "RW-"]);
        }
    }
}

#[test]
fn the_json_form_can_be_read_as_a_route() {
    let servers = start(TestCluster::builder().topic("orders", 3).dialect(Dialect::V4_9_3));
    for name in ["route", "topicRoute", "topic-route"] {
        let ran = rmq([name, "--namesrv", &servers.name_servers(), "--topic", "orders", "--json"]).assert_success();
        let route: TopicRouteData = serde_json::from_str(&ran.stdout).expect("strict JSON");
        assert_eq!(route.master_address("broker-a"), Some(servers.broker("broker-a").address().as_str()));
        assert_eq!(route.queue_datas[0].write_queue_nums, 3);
    }
}

#[test]
fn an_order_configuration_and_permissions_are_shown() {
    let servers = start(TestCluster::builder().topic("orders", 4));
    servers.set_route_order_conf("orders", Some("broker-a:4"));
    servers.set_perm("orders", 4);
    let ran = rmq(["route", "--namesrv", &servers.name_servers(), "--topic", "orders"]).assert_success();
    assert!(ran.stdout.contains("0 queues to write, 4 to read"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("R--") && ran.stdout.contains("ordered by configuration: broker-a:4"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_topic_that_is_not_there_is_said_so_although_brokers_would_create_it() {
    let servers = start(TestCluster::builder());
    let ran = rmq(["route", "--namesrv", &servers.name_servers(), "--topic", "nowhere"]);
    assert!(ran.one_sentence().starts_with("topic \"nowhere\" has no route"), "{ran:#?}");
}
