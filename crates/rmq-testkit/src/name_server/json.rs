//! The JSON bodies of name servers, in the form of each release.
//!
//! Keys are in alphabetical order; number keys are bare except in a standard route.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::route::{Addresses, Route};
use crate::broker::{BrokerCore, Mapping};
use crate::dialect::Dialect;
use crate::java_json::{Escapes, quote};

/// The body of GET_ROUTEINFO_BY_TOPIC (`TopicRouteData`).
pub(super) fn route(route: &Route, dialect: Dialect, standard: bool) -> String {
    let escapes = if standard && !dialect.is_v5() { Escapes::Browser } else { Escapes::Few };
    let form = Form { dialect, standard, escapes };
    let brokers = list(route.brokers.iter().map(|broker| form.broker(broker)));
    let queues = list(route.queues.iter().map(|queues| {
        format!(
            "{{\"brokerName\":{},\"perm\":{},\"readQueueNums\":{},\"topicSysFlag\":{},\"writeQueueNums\":{}}}",
            form.quote(&queues.broker),
            queues.perm,
            queues.read,
            queues.sys_flag,
            queues.write
        )
    }));
    let order = route
        .order_topic_conf
        .as_ref()
        .map(|conf| format!("\"orderTopicConf\":{},", form.quote(conf)))
        .unwrap_or_default();
    let mappings = if route.mappings.is_empty() || !dialect.is_v5() {
        String::new()
    } else {
        let each = route.mappings.iter().map(|(broker, mapping)| form.mapping(broker, &route.topic, mapping));
        format!(",\"topicQueueMappingByBroker\":{{{}}}", list(each))
    };
    format!("{{\"brokerDatas\":[{brokers}],\"filterServerTable\":{{}},{order}\"queueDatas\":[{queues}]{mappings}}}")
}

/// The body of GET_BROKER_CLUSTER_INFO (`ClusterInfo`), always with bare number keys.
pub(super) fn cluster(brokers: &[Arc<BrokerCore>], cluster: &str, dialect: Dialect) -> String {
    let form = Form { dialect, standard: false, escapes: Escapes::Few };
    let table = list(brokers.iter().map(|broker| {
        let addresses = Addresses {
            cluster: Some(broker.cluster.to_string()),
            broker: broker.name.to_string(),
            by_id: BTreeMap::from([(0, broker.door.address())]),
        };
        format!("{}:{}", form.quote(&broker.name), form.broker(&addresses))
    }));
    let names = list(brokers.iter().map(|broker| form.quote(&broker.name)));
    format!("{{\"brokerAddrTable\":{{{table}}},\"clusterAddrTable\":{{{}:[{names}]}}}}", form.quote(cluster))
}

/// The body of GET_ALL_TOPIC_LIST_FROM_NAMESERVER (`TopicList`).
pub(super) fn topics(names: &[Arc<str>]) -> String {
    format!("{{\"topicList\":[{}]}}", list(names.iter().map(|name| quote(name, Escapes::Few))))
}

struct Form {
    dialect: Dialect,
    standard: bool,
    escapes: Escapes,
}

impl Form {
    fn quote(&self, text: &str) -> String {
        quote(text, self.escapes)
    }

    fn mapping(&self, broker: &str, topic: &str, mapping: &Mapping) -> String {
        let mark = if self.standard { "\"" } else { "" };
        let ids = list(mapping.held.iter().map(|(logical, held)| format!("{mark}{logical}{mark}:{}", held.queue_id)));
        let (name, topic) = (self.quote(broker), self.quote(topic));
        format!(
            "{name}:{{\"bname\":{name},\"currIdMap\":{{{ids}}},\"dirty\":false,\"epoch\":{},\"scope\":\"__global__\",\"topic\":{topic},\"totalQueues\":{}}}",
            mapping.epoch, mapping.total
        )
    }

    fn broker(&self, broker: &Addresses) -> String {
        let mark = if self.standard { "\"" } else { "" };
        let addresses =
            list(broker.by_id.iter().map(|(id, address)| format!("{mark}{id}{mark}:{}", self.quote(address))));
        let cluster = self.quote(broker.cluster.as_deref().unwrap_or("DefaultCluster"));
        let acting = if self.dialect.is_v5() { ",\"enableActingMaster\":false" } else { "" };
        let name = self.quote(&broker.broker);
        format!("{{\"brokerAddrs\":{{{addresses}}},\"brokerName\":{name},\"cluster\":{cluster}{acting}}}")
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_those_of_the_java_name_servers() {
        let example = Route::new().broker("broker-a", [(0, "127.0.0.1:30110"), (1, "h:1")]).queues("broker-a", 4, 8, 6);
        let queues = r#""queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":8}]"#;
        assert_eq!(
            route(&example, Dialect::V4_9, true),
            format!(
                r#"{{"brokerDatas":[{{"brokerAddrs":{{"0":"127.0.0.1:30110","1":"h:1"}},"brokerName":"broker-a","cluster":"DefaultCluster"}}],"filterServerTable":{{}},{queues}}}"#
            )
        );
        assert_eq!(
            route(&example, Dialect::V5, false),
            format!(
                r#"{{"brokerDatas":[{{"brokerAddrs":{{0:"127.0.0.1:30110",1:"h:1"}},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}}],"filterServerTable":{{}},{queues}}}"#
            )
        );
        let ordered = route(&example.order_conf("broker-a:4"), Dialect::V5, true);
        assert!(ordered.contains(r#""filterServerTable":{},"orderTopicConf":"broker-a:4","queueDatas""#), "{ordered}");
    }

    #[test]
    fn a_static_topic_shows_its_mapping_and_only_to_clients_of_5_x() {
        let held = BTreeMap::from([(2, crate::broker::Held { queue_id: 1, starts_at: 7 })]);
        let mapping = Mapping { total: 4, epoch: 3, held };
        let example = Route { mappings: vec![("broker-a".into(), mapping)], topic: "t".into(), ..Route::new() };
        let text = |id: &str| {
            format!(
                r#""queueDatas":[],"topicQueueMappingByBroker":{{"broker-a":{{"bname":"broker-a","currIdMap":{{{id}:1}},"dirty":false,"epoch":3,"scope":"__global__","topic":"t","totalQueues":4}}}}}}"#
            )
        };
        assert!(route(&example, Dialect::V5, true).ends_with(&text("\"2\"")));
        assert!(route(&example, Dialect::V5, false).ends_with(&text("2")));
        assert!(route(&example, Dialect::V4_9, true).ends_with(r#""queueDatas":[]}"#));
    }
}
