//! What must hold when any bytes are read as a route.
//!
//! Reading never panics, and whatever was read can be written in both forms, turned into queues, and compared with itself. Standard JSON
//! passes through the reader of fastjson text unchanged.

use std::borrow::Cow;
use std::sync::Arc;

use rmq_route::fastjson::{self, to_standard};
use rmq_route::{MAX_QUEUES, OrderConf, RouteDiff, StaticEndpoints, TopicPublishInfo, TopicRouteData};
use serde::de::IgnoredAny;

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        as_fastjson(text);
    }
    drop(fastjson::from_slice::<serde_json::Value>(bytes));
    if let Ok(route) = TopicRouteData::from_json(bytes) {
        as_route(&route);
    }
}

fn as_fastjson(text: &str) {
    if let Ok(standard) = to_standard(text) {
        let again = to_standard(&standard).expect("standard text is read");
        assert_eq!(again, standard, "standard text stays as it is");
        if serde_json::from_str::<IgnoredAny>(text).is_ok() {
            assert!(matches!(standard, Cow::Borrowed(_)), "JSON needs no mending");
        }
    }
}

fn as_route(route: &TopicRouteData) {
    assert_eq!(TopicRouteData::from_json(route.to_json().as_bytes()).expect("our own JSON"), *route);
    assert_eq!(TopicRouteData::from_json(route.to_loose_json().as_bytes()).expect("our own loose JSON"), *route);
    assert!(RouteDiff::between(route, route).is_empty());
    let info = TopicPublishInfo::from_route(&Arc::from("T"), route);
    assert!(info.queues().len() <= MAX_QUEUES);
    drop(TopicPublishInfo::from_route(&Arc::from("T"), &route.clamped_for_default_topic(4)));
    drop(StaticEndpoints::from_route(route));
    if let Some(text) = &route.order_topic_conf {
        drop(OrderConf::parse(text));
    }
    for (broker, address) in route.masters() {
        assert!(!address.is_empty() || route.broker(broker).is_some());
    }
}
