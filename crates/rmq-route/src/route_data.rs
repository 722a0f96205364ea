//! What a name server says about one topic: queues per broker, and where the brokers are.
//!
//! These are plain values in the server's own order; every list and map may be empty and every name may be missing.
//! What a producer makes of them is in [`TopicPublishInfo`](crate::TopicPublishInfo).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json;
use crate::perm::Perm;
use crate::static_topic::TopicQueueMapping;

/// The id of the broker that takes sends, among the brokers of one name.
#[doc(alias = "MixAll")]
pub const MASTER_ID: i64 = 0;

/// The route of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct TopicRouteData {
    /// The brokers that have the topic.
    #[serde(deserialize_with = "json::list")]
    pub broker_datas: Vec<BrokerData>,
    /// Broker address to its filter servers. Unused since 4.x, and usually empty.
    #[serde(deserialize_with = "json::map")]
    pub filter_server_table: BTreeMap<String, Vec<String>>,
    /// The queue list that overrules all others for ordered topics, as text; see [`OrderConf`](crate::OrderConf).
    /// An empty text differs from none: it keeps a topic from being a static one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_topic_conf: Option<String>,
    /// The topic's queues on each broker.
    #[serde(deserialize_with = "json::list")]
    pub queue_datas: Vec<QueueData>,
    /// For a static topic (5.x): broker name to the logical queues it holds.
    #[serde(deserialize_with = "json::optional_map", skip_serializing_if = "Option::is_none")]
    pub topic_queue_mapping_by_broker: Option<BTreeMap<String, TopicQueueMapping>>,
}

/// The queues of a topic on the brokers of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct QueueData {
    /// The broker name.
    #[serde(deserialize_with = "json::or_default")]
    pub broker_name: String,
    /// What may be done with the queues.
    pub perm: Perm,
    /// How many queues consumers read, counted from 0.
    #[serde(deserialize_with = "json::number")]
    pub read_queue_nums: i32,
    /// Bit 0: unit topic; bit 1: unit subscription topic.
    #[serde(deserialize_with = "json::number")]
    pub topic_sys_flag: i32,
    /// How many queues producers write, counted from 0.
    #[serde(deserialize_with = "json::number")]
    pub write_queue_nums: i32,
}

/// The brokers of one name: a master and its copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct BrokerData {
    /// Broker id to `host:port`; [`MASTER_ID`] is the master.
    #[serde(deserialize_with = "json::map")]
    pub broker_addrs: BTreeMap<i64, String>,
    /// The broker name.
    #[serde(deserialize_with = "json::or_default")]
    pub broker_name: String,
    /// The cluster it belongs to.
    #[serde(deserialize_with = "json::or_default")]
    pub cluster: String,
    /// Whether a copy may stand in for a lost master (5.x). Producers do not send to it.
    #[serde(deserialize_with = "json::truth")]
    pub enable_acting_master: bool,
    /// The zone it runs in (5.x).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
}

impl TopicRouteData {
    /// The first entry of that broker name.
    #[must_use]
    pub fn broker(&self, name: &str) -> Option<&BrokerData> {
        self.broker_datas.iter().find(|broker| broker.broker_name == name)
    }

    /// The master's `host:port`, or nothing when the broker is unknown or has lost its master.
    #[must_use]
    pub fn master_address(&self, broker_name: &str) -> Option<&str> {
        self.masters().find_map(|(name, address)| (name == broker_name).then_some(address))
    }

    /// Every master of the route: broker name and `host:port`, in the server's order.
    pub fn masters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.broker_datas.iter().filter_map(|broker| Some((broker.broker_name.as_str(), broker.master_address()?)))
    }

    /// The route a topic gets that does not exist yet, made from that of the default topic (`TBW102`): no broker
    /// offers more than `default_queue_nums` queues, and none more than it has to read.
    #[must_use]
    #[doc(alias("updateTopicRouteInfoFromNameServer", "defaultTopicQueueNums", "TBW102"))]
    pub fn clamped_for_default_topic(&self, default_queue_nums: i32) -> Self {
        let mut route = self.clone();
        for queues in &mut route.queue_datas {
            let count = default_queue_nums.min(queues.read_queue_nums);
            queues.read_queue_nums = count;
            queues.write_queue_nums = count;
        }
        route
    }
}

impl QueueData {
    /// Readable and writable queues, as many of each.
    pub fn new(broker_name: impl Into<String>, queue_nums: i32) -> Self {
        Self {
            broker_name: broker_name.into(),
            perm: Perm::READ_WRITE,
            read_queue_nums: queue_nums,
            topic_sys_flag: 0,
            write_queue_nums: queue_nums,
        }
    }
}

impl BrokerData {
    /// A master without copies.
    pub fn new(cluster: impl Into<String>, broker_name: impl Into<String>, master_address: impl Into<String>) -> Self {
        Self {
            broker_addrs: BTreeMap::from([(MASTER_ID, master_address.into())]),
            broker_name: broker_name.into(),
            cluster: cluster.into(),
            ..Self::default()
        }
    }

    /// The master's `host:port`, or nothing when there is no master.
    #[must_use]
    pub fn master_address(&self) -> Option<&str> {
        self.broker_addrs.get(&MASTER_ID).map(String::as_str).filter(|address| !address.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_not_a_master() {
        let mut broker = BrokerData::new("C", "a", "h0:1");
        broker.broker_addrs.insert(1, "h1:1".to_owned());
        let mut route = TopicRouteData { broker_datas: vec![broker], ..TopicRouteData::default() };
        assert_eq!(route.master_address("a"), Some("h0:1"));
        assert_eq!(route.master_address("b"), None);

        route.broker_datas[0].broker_addrs.remove(&MASTER_ID);
        assert_eq!(route.master_address("a"), None);
        assert_eq!(route.broker("a").unwrap().broker_addrs.len(), 1);
        assert_eq!(route.masters().count(), 0);
    }

    #[test]
    fn a_master_without_an_address_is_no_master() {
        assert_eq!(BrokerData::new("C", "a", "").master_address(), None);
    }

    #[test]
    fn a_new_topic_gets_no_more_queues_than_wanted_and_no_more_than_readable() {
        let mut eight = QueueData::new("a", 8);
        eight.perm = Perm(7);
        let mut few = QueueData::new("b", 2);
        few.write_queue_nums = 16;
        let default_topic = TopicRouteData { queue_datas: vec![eight, few], ..TopicRouteData::default() };

        let route = default_topic.clamped_for_default_topic(4);
        let counts: Vec<_> = route.queue_datas.iter().map(|q| (q.read_queue_nums, q.write_queue_nums)).collect();
        assert_eq!(counts, [(4, 4), (2, 2)]);
        assert_eq!(route.queue_datas[0].perm, Perm(7));
        assert_eq!(default_topic.queue_datas[0].read_queue_nums, 8, "the default topic's own route is untouched");
    }
}
