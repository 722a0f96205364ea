//! Static topics (5.x): logical queues with a fixed number, spread over brokers by a mapping.
//!
//! A logical queue carries a mock broker name, so that it stays the same queue when it moves. What this file answers
//! is which real broker holds a logical queue now.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmq_message::MessageQueue;
use serde::{Deserialize, Deserializer, Serialize};

use crate::json;
use crate::publish_info::MAX_QUEUES;
use crate::route_data::TopicRouteData;

/// The broker name of a logical queue that no broker holds. Nothing can be sent to it.
#[doc(alias = "LOGICAL_QUEUE_MOCK_BROKER_NAME_NOT_EXIST")]
pub const NO_BROKER: &str = "__syslo__none__";

/// Which broker holds each logical queue of a static topic.
///
/// The queues are in the order in which a producer goes round: by queue id, then by scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias("topicRouteData2EndpointsForStaticTopic", "ClientMetadata", "mqEndPointsOfBroker"))]
pub struct StaticEndpoints {
    /// Queue id and mock broker name to real broker name.
    holders: BTreeMap<(i32, Arc<str>), Arc<str>>,
    left_out: u64,
}

/// The logical queues of a static topic that one broker holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
#[doc(alias = "TopicQueueMappingInfo")]
pub struct TopicQueueMapping {
    /// The name of the broker that holds the queues.
    #[serde(deserialize_with = "json::or_default")]
    pub bname: String,
    /// Logical queue id to the queue's id on this broker.
    #[serde(deserialize_with = "json::map_of_numbers")]
    pub curr_id_map: BTreeMap<i32, i32>,
    /// Whether the broker has yet to learn of a change.
    #[serde(deserialize_with = "json::truth")]
    pub dirty: bool,
    /// Grows with every change of the mapping; the highest wins.
    #[serde(deserialize_with = "json::number")]
    pub epoch: i64,
    /// Within which the logical queues are counted. Default: `__global__`.
    #[serde(deserialize_with = "scope")]
    pub scope: String,
    /// The topic.
    #[serde(deserialize_with = "json::or_default")]
    pub topic: String,
    /// How many logical queues the topic has on all brokers.
    #[serde(deserialize_with = "json::number")]
    pub total_queues: i32,
}

impl StaticEndpoints {
    /// Puts the mappings of a route together. Empty when the route has none.
    ///
    /// Of several brokers that claim a logical queue, the one with the highest epoch holds it; a queue that nobody
    /// claims is held by [`NO_BROKER`].
    #[must_use]
    pub fn from_route(route: &TopicRouteData) -> Self {
        let mut scopes: BTreeMap<&str, Vec<(&str, &TopicQueueMapping)>> = BTreeMap::new();
        for (name, mapping) in route.topic_queue_mapping_by_broker.iter().flatten() {
            let broker_name = if mapping.bname.is_empty() { name } else { &mapping.bname };
            scopes.entry(&mapping.scope).or_default().push((broker_name, mapping));
        }
        let mut endpoints = Self::default();
        for (scope, mut mappings) in scopes {
            mappings.sort_by_key(|(_, mapping)| mapping.epoch);
            endpoints.add_scope(scope, &mappings);
        }
        endpoints
    }

    /// The name of the broker that holds the logical queue, [`NO_BROKER`] when none does, nothing when the queue is
    /// not one of this topic's logical queues.
    #[must_use]
    #[doc(alias = "getBrokerNameFromMessageQueue")]
    pub fn broker_of(&self, queue: &MessageQueue) -> Option<&Arc<str>> {
        self.holders.get(&(queue.queue_id(), Arc::clone(queue.broker_name())))
    }

    /// Queue id, mock broker name and real broker name of every logical queue.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Arc<str>, &Arc<str>)> {
        self.holders.iter().map(|((id, mock), broker)| (*id, mock, broker))
    }

    /// How many logical queues there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// Tells whether there are no logical queues.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holders.is_empty()
    }

    /// How many queues were left out because of [`MAX_QUEUES`].
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// `mappings` by rising epoch, so that the last claim stands.
    fn add_scope(&mut self, scope: &str, mappings: &[(&str, &TopicQueueMapping)]) {
        let mock: Arc<str> = mock_broker_name(scope).into();
        let none: Arc<str> = NO_BROKER.into();
        let total = mappings.iter().map(|(_, mapping)| mapping.total_queues.max(0)).max().unwrap_or(0);
        let room = i32::try_from(MAX_QUEUES - self.holders.len()).unwrap_or(i32::MAX);
        self.left_out += u64::from(total.saturating_sub(room).max(0).unsigned_abs());
        for id in 0..total.min(room) {
            self.holders.insert((id, Arc::clone(&mock)), Arc::clone(&none));
        }
        for (broker_name, mapping) in mappings {
            let broker_name: Arc<str> = (*broker_name).into();
            for id in mapping.curr_id_map.keys() {
                if let Some(holder) = self.holders.get_mut(&(*id, Arc::clone(&mock))) {
                    *holder = Arc::clone(&broker_name);
                }
            }
        }
    }
}

impl Default for TopicQueueMapping {
    fn default() -> Self {
        Self {
            bname: String::new(),
            curr_id_map: BTreeMap::new(),
            dirty: false,
            epoch: 0,
            scope: GLOBAL_SCOPE.to_owned(),
            topic: String::new(),
            total_queues: 0,
        }
    }
}

/// The broker name that the logical queues of a scope carry.
///
/// ```
/// assert_eq!(rmq_route::mock_broker_name("__global__"), "__syslo__global__");
/// ```
#[must_use]
#[doc(alias("getMockBrokerName", "TopicQueueMappingUtils"))]
pub fn mock_broker_name(scope: &str) -> String {
    if scope == GLOBAL_SCOPE { format!("{MOCK_PREFIX}global__") } else { format!("{MOCK_PREFIX}{scope}") }
}

fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(|scope| scope.unwrap_or_else(|| GLOBAL_SCOPE.to_owned()))
}

const MOCK_PREFIX: &str = "__syslo__";
const GLOBAL_SCOPE: &str = "__global__";

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(bname: &str, scope: &str, epoch: i64, total_queues: i32, ids: &[i32]) -> TopicQueueMapping {
        let curr_id_map = ids.iter().zip(0..).map(|(logical, physical)| (*logical, physical)).collect();
        TopicQueueMapping {
            bname: bname.to_owned(),
            scope: scope.to_owned(),
            epoch,
            total_queues,
            curr_id_map,
            ..TopicQueueMapping::default()
        }
    }

    fn endpoints(mappings: Vec<TopicQueueMapping>) -> StaticEndpoints {
        let by_broker = mappings.into_iter().zip('a'..).map(|(mapping, key)| (key.to_string(), mapping)).collect();
        let route = TopicRouteData { topic_queue_mapping_by_broker: Some(by_broker), ..TopicRouteData::default() };
        StaticEndpoints::from_route(&route)
    }

    fn listed(endpoints: &StaticEndpoints) -> Vec<String> {
        endpoints.iter().map(|(id, mock, broker)| format!("{mock}:{id}={broker}")).collect()
    }

    #[test]
    fn scopes_are_counted_apart_and_listed_together() {
        let both = endpoints(vec![mapping("x", "__global__", 1, 2, &[0, 1]), mapping("y", "own", 1, 1, &[0])]);
        assert_eq!(listed(&both), ["__syslo__global__:0=x", "__syslo__own:0=y", "__syslo__global__:1=x"]);
    }

    #[test]
    fn the_highest_epoch_holds_a_queue_whatever_the_brokers_are_called() {
        let first = endpoints(vec![mapping("x", "__global__", 9, 1, &[0]), mapping("y", "__global__", 2, 1, &[0])]);
        assert_eq!(listed(&first), ["__syslo__global__:0=x"]);
        let last = endpoints(vec![mapping("x", "__global__", 2, 1, &[0]), mapping("y", "__global__", 9, 1, &[0])]);
        assert_eq!(listed(&last), ["__syslo__global__:0=y"]);
    }

    #[test]
    fn queues_outside_the_total_are_not_listed() {
        let odd = endpoints(vec![mapping("x", "__global__", 1, 1, &[-1, 0, 1, i32::MAX])]);
        assert_eq!(listed(&odd), ["__syslo__global__:0=x"]);
        assert!(endpoints(vec![mapping("x", "__global__", 1, -5, &[0])]).is_empty());
    }

    #[test]
    fn a_mapping_without_a_broker_name_is_that_of_its_key() {
        assert_eq!(listed(&endpoints(vec![mapping("", "__global__", 1, 1, &[0])])), ["__syslo__global__:0=a"]);
    }

    #[test]
    fn an_absurd_total_is_cut_and_counted() {
        let absurd = endpoints(vec![mapping("x", "__global__", 1, i32::MAX, &[]), mapping("y", "z", 1, 7, &[])]);
        assert_eq!(absurd.len(), MAX_QUEUES);
        assert_eq!(absurd.left_out(), i32::MAX as u64 - MAX_QUEUES as u64 + 7);
    }

    #[test]
    fn a_missing_scope_is_the_global_one() {
        let read: TopicQueueMapping = serde_json::from_str(r#"{"bname":"x","scope":null}"#).unwrap();
        assert_eq!(read, TopicQueueMapping { bname: "x".to_owned(), ..TopicQueueMapping::default() });
        let read: TopicQueueMapping = serde_json::from_str("{}").unwrap();
        assert_eq!(read, TopicQueueMapping::default());
    }

    #[test]
    fn only_logical_queues_have_a_holder() {
        let one = endpoints(vec![mapping("x", "__global__", 1, 1, &[0])]);
        let queue = |broker: &str, id| MessageQueue::new("T", broker, id);
        assert_eq!(one.broker_of(&queue("__syslo__global__", 0)).map(|name| &**name), Some("x"));
        assert_eq!(one.broker_of(&queue("__syslo__global__", 1)), None);
        assert_eq!(one.broker_of(&queue("x", 0)), None);
    }
}
