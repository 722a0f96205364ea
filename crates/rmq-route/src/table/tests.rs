//! The table, its snapshots, and who reads and writes them at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::route_data::{BrokerData, QueueData};

fn route(brokers: &[(&str, &str)]) -> TopicRouteData {
    let mut route = TopicRouteData::default();
    for (name, address) in brokers {
        route.queue_datas.push(QueueData::new(*name, 1));
        route.broker_datas.push(BrokerData::new("C", *name, *address));
    }
    route
}

#[test]
fn a_route_can_be_found_once_it_is_there() {
    let table = RouteTable::new();
    assert!(table.get("T").is_none());
    let diff = table.update("T", route(&[("a", "h:1")]));
    assert!(diff.is_first);
    let found = table.get("T").unwrap();
    assert_eq!(&*found.topic, "T");
    assert_eq!(found.publish.queues().len(), 1);
    assert_eq!(table.master_address("a").as_deref(), Some("h:1"));
    assert_eq!(table.master_address("b"), None);
    assert_eq!(table.topics(), [Arc::from("T")]);
}

#[test]
fn an_unchanged_route_keeps_its_place_and_generation() {
    let table = RouteTable::new();
    table.update("T", route(&[("a", "h:1"), ("b", "h:2")]));
    let before = table.get("T").unwrap();
    assert!(table.update("T", route(&[("b", "h:2"), ("a", "h:1")])).is_empty());
    assert!(Arc::ptr_eq(&before, &table.get("T").unwrap()));

    assert!(!table.update("T", route(&[("a", "h:1")])).is_empty());
    assert!(table.get("T").unwrap().generation > before.generation);
    assert_eq!(before.publish.queues().len(), 2, "who holds the old route keeps it");
}

#[test]
fn the_addresses_of_a_broker_are_replaced_as_a_whole() {
    let table = RouteTable::new();
    let mut with_copy = route(&[("a", "h:1")]);
    with_copy.broker_datas[0].broker_addrs.insert(1, "h:2".to_owned());
    table.update("T", with_copy);
    assert_eq!(table.snapshot().addresses("a").unwrap().len(), 2);

    let mut only_copy = route(&[("a", "h:1")]);
    only_copy.broker_datas[0].broker_addrs = BTreeMap::from([(1, "h:1".to_owned())]);
    table.update("T", only_copy);
    assert_eq!(table.master_address("a"), None, "a copy at the old address is no master");
    assert_eq!(table.snapshot().addresses("a"), Some(&BTreeMap::from([(1, "h:1".to_owned())])));
    assert!(table.master_addresses().is_empty());
}

#[test]
fn a_broker_without_queues_for_us_is_still_known() {
    let table = RouteTable::new();
    let mut read_only = route(&[("a", "h:1")]);
    read_only.queue_datas.clear();
    table.update("T", read_only);
    assert!(!table.get("T").unwrap().publish.is_ok());
    assert_eq!(table.master_addresses(), [(Arc::from("a"), Arc::from("h:1"))]);
}

#[test]
fn several_routes_go_in_together_and_later_ones_see_earlier_ones() {
    let table = RouteTable::new();
    let changes = table.update_all([
        ("T".into(), route(&[("a", "h:1")])),
        ("U".into(), route(&[("b", "h:2")])),
        ("T".into(), route(&[("a", "h:1")])),
        ("T".into(), route(&[("a", "h:3")])),
    ]);
    let empty: Vec<bool> = changes.iter().map(|(_, diff)| diff.is_empty()).collect();
    assert_eq!(empty, [false, false, true, false]);
    assert_eq!(table.master_address("a").as_deref(), Some("h:3"));
    assert_eq!(table.snapshot().routes().count(), 2);
}

#[test]
fn a_lost_broker_goes_only_when_told_and_only_when_no_route_names_it() {
    let table = RouteTable::new();
    let mut both = route(&[("a", "h:1"), ("b", "h:2")]);
    both.broker_datas[0].broker_addrs.insert(1, "h:9".to_owned());
    table.update("T", both.clone());
    table.update("U", route(&[("a", "h:1")]));
    assert_eq!(table.forget_lost_brokers(), [""; 0].map(Arc::from));

    table.update("T", TopicRouteData::default());
    assert_eq!(table.master_addresses().len(), 2, "an update alone loses nothing");
    assert_eq!(table.forget_lost_brokers(), ["b"].map(Arc::from));
    assert_eq!(table.master_addresses(), [(Arc::from("a"), Arc::from("h:1"))]);

    assert!(table.forget("U"));
    assert!(!table.forget("U"));
    assert_eq!(table.forget_lost_brokers(), ["a"].map(Arc::from));
    assert!(table.snapshot().addresses("a").is_none());
}

#[test]
fn a_single_lost_address_goes_without_its_broker() {
    let table = RouteTable::new();
    let mut with_copy = route(&[("a", "h:1")]);
    with_copy.broker_datas[0].broker_addrs.insert(1, "h:9".to_owned());
    table.update("T", route(&[("a", "h:1")]));
    table.update("U", with_copy);
    assert!(table.forget("U"));
    assert!(table.forget_lost_brokers().is_empty());
    assert_eq!(table.snapshot().addresses("a"), Some(&BTreeMap::from([(0, "h:1".to_owned())])));
}

#[test]
fn a_broker_entry_that_comes_twice_is_put_together() {
    let table = RouteTable::new();
    let mut twice = route(&[("a", "h:1"), ("a", "h:2")]);
    twice.broker_datas[0].broker_addrs = BTreeMap::from([(1, "h:3".to_owned()), (0, String::new())]);
    twice.broker_datas.push(BrokerData::new("C", "", "h:4"));
    table.update("T", twice);
    assert_eq!(table.master_address("a").as_deref(), Some("h:2"));
    assert_eq!(table.snapshot().addresses("a").unwrap().len(), 2);
    assert_eq!(table.master_address(""), None);
    assert_eq!(table.get("T").unwrap().publish.queues().len(), 1);
}

#[test]
fn a_reader_never_sees_the_queues_of_one_route_with_the_addresses_of_another() {
    let table = RouteTable::new();
    let routes = [route(&[("a", "h:1")]), route(&[("b", "h:2")])];
    table.update("T", routes[0].clone());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..2000 {
                table.update("T", routes[turn % 2].clone());
                table.forget_lost_brokers();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let seen = table.snapshot();
            let queue = &seen.get("T").unwrap().publish.queues()[0];
            assert!(seen.master_address(queue.broker_name()).is_some(), "{queue:?} has no address");
        }
    });
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let table = RouteTable::new();
    thread::scope(|scope| {
        for writer in 0..4 {
            let table = &table;
            scope.spawn(move || {
                for turn in 0..100 {
                    table.update(format!("T{writer}-{turn}"), route(&[("a", "h:1")]));
                }
            });
        }
    });
    let mut generations: Vec<u64> = table.snapshot().routes().map(|route| route.generation).collect();
    generations.sort_unstable();
    assert_eq!(generations, (1..=400).collect::<Vec<_>>());
}

#[test]
fn use_is_noted_until_it_is_asked_for() {
    let table = RouteTable::new();
    table.update("T", TopicRouteData::default());
    let route = table.get("T").unwrap();
    assert!(route.take_used(), "a new one counts as used");
    assert!(!route.take_used());
    route.mark_used();
    assert!(route.take_used() && !table.get("T").unwrap().take_used());
}

#[test]
fn the_version_grows_with_every_change_and_with_nothing_else() {
    let table = RouteTable::new();
    let mut versions = vec![table.version()];
    let mut after = |changes: bool, what: &str| {
        let now = table.version();
        assert_eq!(now > versions[versions.len() - 1], changes, "{what}");
        versions.push(now);
    };
    table.update("T", route(&[("a", "h:1"), ("b", "h:2")]));
    after(true, "a new topic");
    table.update("T", route(&[("b", "h:2"), ("a", "h:1")]));
    after(false, "the same route");
    table.update("T", route(&[("a", "h:1")]));
    after(true, "another route");
    table.forget_lost_brokers();
    after(true, "a broker that is gone");
    table.forget_lost_brokers();
    after(false, "no other one");
    assert!(table.forget("T"));
    after(true, "a topic that is gone");
    table.forget("T");
    after(false, "gone before");
}
