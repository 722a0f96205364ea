//! Every case of the results of Apache RocketMQ's own classes, held against ours.
//!
//! A case that cannot agree is named in [`ON_PURPOSE`] with its reason, and is checked to differ still.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmq_message::MessageQueue;
use rmq_route::{
    BrokerData, Perm, RouteDiff, RouteJsonError, StaticEndpoints, TopicPublishInfo, TopicRouteData, fastjson,
};
use serde_json::{Map, Value, json};

/// Cases whose result differs from Java's, and why.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("read: static topic (4.9.7)", NO_STATIC_TOPICS),
    ("read: static topic, the higher epoch wins (4.9.7)", NO_STATIC_TOPICS),
    ("read: static topic with a hole (4.9.7)", NO_STATIC_TOPICS),
    ("changed: mapping added (4.9.7)", NO_STATIC_TOPICS),
    ("changed: mapping epoch (4.9.7)", NO_STATIC_TOPICS),
    ("read: order configuration without count", "Java throws; ours leaves the item out and reports it"),
    ("read: empty object (4.9.7)", "Java throws for a route without lists; ours is empty, as in 5.5.0"),
];
const NO_STATIC_TOPICS: &str = "4.9.7 does not know static topics; ours follows 5.5.0";

/// Cases whose maps are written in the order of Java's hash map, which ours does not copy: same content, sorted.
const OTHER_MAP_ORDER: &[&str] =
    &["written by the name server: many broker ids (5.5.0)", "written by the name server: static topic (5.5.0)"];

#[test]
fn routes_are_written_and_read_as_the_name_server_does() {
    let mut seen = 0;
    for case in cases("written by the name server: ") {
        seen += 1;
        let route = route_of(&case["inputs"]["route"]);
        for form in ["json_old_form", "json_standard_form"] {
            let java = text(&case["expected"][form]);
            assert_eq!(described(&read(java)), described(&route), "{}: {form}", name(&case));
            let ours = if form == "json_old_form" { route.to_loose_json() } else { route.to_json() };
            assert_eq!(described(&read(&ours)), described(&route), "{}: our {form}", name(&case));
            // 4.9.7 has fewer members and escapes what is not ASCII; 5.5.0 is the form that ours follows to the byte.
            if name(&case).ends_with("(5.5.0)") && !(form == "json_old_form" && OTHER_MAP_ORDER.contains(&name(&case)))
            {
                assert_eq!(ours, java, "{}", name(&case));
            }
        }
        assert_eq!(case["expected"]["same_after_reading_old_form"], true);
        assert_published(&case, &route);
    }
    assert_eq!(seen, 15);
}

#[test]
fn routes_are_read_as_java_reads_them() {
    let mut seen = 0;
    for case in cases("read: ") {
        seen += 1;
        let body = text(&case["inputs"]["json"]).as_bytes();
        let expected = &case["expected"];
        match TopicRouteData::from_json(body) {
            Ok(route) => {
                let mut java = route_of(&expected["route"]);
                if name(&case).ends_with("(4.9.7)") {
                    java.topic_queue_mapping_by_broker.clone_from(&route.topic_queue_mapping_by_broker);
                    for (java, ours) in java.broker_datas.iter_mut().zip(&route.broker_datas) {
                        java.enable_acting_master = ours.enable_acting_master;
                        java.zone_name.clone_from(&ours.zone_name);
                    }
                }
                assert_eq!(described(&route), described(&java), "{}", name(&case));
                assert_published(&case, &route);
            }
            Err(RouteJsonError::Absent) => assert_eq!(expected["route"], Value::Null, "{}", name(&case)),
            Err(error) => assert!(expected.get("error").is_some(), "{}: {error:?}", name(&case)),
        }
    }
    assert_eq!(seen, 50);
}

#[test]
fn the_same_changes_count_as_in_java() {
    let mut seen = 0;
    for case in cases("changed: ") {
        seen += 1;
        let old = case["inputs"]["old"].as_str().map(read);
        let new = read(text(&case["inputs"]["new"]));
        let ours = json!(!RouteDiff::between(&old, &new).is_empty());
        assert_agrees(&case, &ours, &case["expected"]["changed"]);
        if let Some(old) = &old {
            assert_eq!(json!(!RouteDiff::between(&new, old).is_empty()), ours, "{} backwards", name(&case));
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn every_case_is_looked_at_and_every_exception_exists() {
    let all = golden("route_json.json");
    let count = |prefix| cases(prefix).count();
    assert_eq!(count("written by the name server: ") + count("read: ") + count("changed: "), all.len());
    for exception in ON_PURPOSE.iter().map(|(name, _)| name).chain(OTHER_MAP_ORDER) {
        assert!(all.iter().any(|case| name(case) == *exception), "{exception}");
    }
}

#[test]
fn permissions_mean_what_they_mean_in_java() {
    let all = golden("perm.json");
    assert_eq!(all.len(), 8);
    for case in all {
        let perm: Perm = serde_json::from_value(case["inputs"]["perm"].clone()).unwrap();
        let ours = json!({
            "text": perm.to_string(),
            "readable": perm.is_readable(),
            "writeable": perm.is_writable(),
            "inherited": perm.is_inherited(),
        });
        assert_eq!(ours, case["expected"]);
    }
}

#[test]
fn recorded_answers_are_readable_and_lead_to_the_broker() {
    let all = golden("captured_routes.json");
    assert_eq!(all.len(), 13);
    for case in all {
        let body = text(&case["body"]);
        let route = read(body);
        let server = text(&case["server"]);
        let bare = body.contains("{0:");
        // Of these clients, only the one for Go reports so old a version that it gets bare keys.
        assert_eq!(bare, case["clients"].as_array().unwrap().iter().all(|client| text(client).contains("Go")));
        let again = if bare { route.to_loose_json() } else { route.to_json() };
        match server {
            "5.5.0" => assert_eq!(again, body),
            _ => assert_eq!(again, body.replace("\"}],\"filter", "\",\"enableActingMaster\":false}],\"filter")),
        }
        assert!(route.master_address("broker-a").unwrap().starts_with("127.0.0.1:"));
        let info = TopicPublishInfo::from_route(&"T".into(), &route);
        let writable = route.queue_datas[0].perm.is_writable();
        let count = if writable { route.queue_datas[0].write_queue_nums } else { 0 };
        assert_eq!(info.queues().len(), usize::try_from(count).unwrap());
    }
}

#[test]
fn recorded_bodies_with_loose_keys_are_readable() {
    let all = golden("loose_tables.json");
    assert_eq!(all.len(), 4);
    for case in all {
        let body: Value = fastjson::from_slice(text(&case["body"]).as_bytes()).unwrap();
        match text(&case["request"]) {
            "GET_BROKER_CLUSTER_INFO" => {
                let broker: BrokerData = serde_json::from_value(body["brokerAddrTable"]["broker-a"].clone()).unwrap();
                assert!(broker.master_address().unwrap().starts_with("127.0.0.1:"));
            }
            _ => {
                let table = body["offsetTable"].as_object().unwrap();
                let mut queues: Vec<MessageQueue> =
                    table.keys().map(|key| fastjson::from_slice(key.as_bytes()).unwrap()).collect();
                queues.sort();
                let expected = (0..4).map(|id| MessageQueue::new("route-proof", "broker-a", id));
                assert!(queues.into_iter().eq(expected));
            }
        }
    }
}

#[track_caller]
fn assert_published(case: &Value, route: &TopicRouteData) {
    let topic: Arc<str> = text(&case["inputs"]["topic"]).into();
    let info = TopicPublishInfo::from_route(&topic, route);
    assert!(info.queues().iter().all(|queue| **queue.topic() == *topic));
    let queues: Vec<String> =
        info.queues().iter().map(|queue| format!("{}:{}", queue.broker_name(), queue.queue_id())).collect();
    let mut ours = json!({ "ok": info.is_ok(), "order_topic": info.is_ordered(), "queues": queues });
    let endpoints = StaticEndpoints::from_route(route);
    if !endpoints.is_empty() {
        let holders: BTreeMap<String, &str> =
            endpoints.iter().map(|(id, mock, broker)| (format!("{mock}:{id:04}"), &**broker)).collect();
        ours["static_endpoints"] = json!(holders);
    }
    let mut java = case["expected"]["publish"].clone();
    if name(case) == "read: mapping with empty order text is not static (4.9.7)" {
        // 4.9.7 has no endpoints to tell; the queues agree.
        java["static_endpoints"] = ours["static_endpoints"].clone();
    }
    assert_agrees(case, &ours, &java);
}

#[track_caller]
fn assert_agrees(case: &Value, ours: &Value, java: &Value) {
    match ON_PURPOSE.iter().find(|(name, _)| case["name"] == *name) {
        Some((name, reason)) => assert_ne!(ours, java, "{name} agrees by now: {reason}"),
        None => assert_eq!(ours, java, "{}", name(case)),
    }
}

/// The route as an object of the golden file describes it.
fn route_of(value: &Value) -> TopicRouteData {
    TopicRouteData::from_json(renamed(value).to_string().as_bytes()).expect("the golden route is a route")
}

/// The same value with the member names of the wire.
fn renamed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (camel(key), renamed(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(renamed).collect(),
        other => other.clone(),
    }
}

/// `broker_addrs` as `brokerAddrs`; keys that are data have no underscore before a letter.
fn camel(key: &str) -> String {
    let mut parts = key.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| name + &part[..1].to_ascii_uppercase() + &part[1..])
}

/// Everything a route holds, as text.
fn described(route: &TopicRouteData) -> String {
    format!("{route:#?}")
}

#[track_caller]
fn read(text: &str) -> TopicRouteData {
    TopicRouteData::from_json(text.as_bytes()).expect("the golden text is a route")
}

fn cases(prefix: &str) -> impl Iterator<Item = Value> {
    golden("route_json.json").into_iter().filter(move |case| name(case).starts_with(prefix))
}

fn golden(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the golden file is there");
    serde_json::from_slice(&bytes).expect("the golden file is JSON")
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[track_caller]
fn name(case: &Value) -> &str {
    text(&case["name"])
}
