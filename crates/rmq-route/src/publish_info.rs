//! The queues a producer may send to, made from a route.
//!
//! The list depends only on what the route says, not on the order in which it says it, so two producers that ask two
//! name servers count queues alike. It never changes: a new route makes a new list.

use std::sync::Arc;

use rmq_message::MessageQueue;

use crate::broker_order;
use crate::order_conf::{OrderConf, OrderConfDefect};
use crate::route_data::TopicRouteData;
use crate::static_topic::{NO_BROKER, StaticEndpoints};

/// The most queues a topic can have here. A route that claims more (real ones have up to a few thousand) is cut, so
/// that a broken number cannot fill the memory.
pub const MAX_QUEUES: usize = 1 << 18;

/// The queues of one topic in round-robin order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias("MQClientInstance", "topicRouteData2TopicPublishInfo"))]
pub struct TopicPublishInfo {
    queues: Box<[MessageQueue]>,
    kind: Kind,
    defects: Vec<RouteDefect>,
}

/// What a route says that cannot be meant. The rest of the route is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteDefect {
    /// An item of the order configuration was left out.
    #[error("the order configuration has a bad item")]
    OrderConf(#[from] OrderConfDefect),
    /// Queues beyond [`MAX_QUEUES`] were left out.
    #[error("{left_out} queues beyond the first {MAX_QUEUES} were left out")]
    TooManyQueues {
        /// How many.
        left_out: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Ordinary,
    Ordered,
    Static(StaticEndpoints),
}

impl TopicPublishInfo {
    /// Lists the queues of `topic` that producers may send to.
    ///
    /// 1. A non-empty order configuration is the list, as it is written: neither permission nor master is looked at.
    /// 2. Without any order configuration (not even an empty one), a queue mapping makes it a static topic: logical
    ///    queues by id.
    /// 3. Else, by broker name: the queues of every broker with write permission and a master.
    #[must_use]
    #[doc(alias = "topicRouteData2TopicPublishInfo")]
    pub fn from_route(topic: &Arc<str>, route: &TopicRouteData) -> Self {
        match (route.order_topic_conf.as_deref(), &route.topic_queue_mapping_by_broker) {
            (Some(text), _) if !text.is_empty() => Self::ordered(topic, &OrderConf::parse(text)),
            (None, Some(mapping)) if !mapping.is_empty() => Self::logical(topic, StaticEndpoints::from_route(route)),
            _ => Self::ordinary(topic, route),
        }
    }

    /// All queues, in the order of the round.
    #[must_use]
    #[doc(alias = "getMessageQueueList")]
    pub fn queues(&self) -> &[MessageQueue] {
        &self.queues
    }

    /// The queue at a position of the round, whatever its size. Nothing when there are no queues.
    #[must_use]
    #[doc(alias = "selectOneMessageQueue")]
    pub fn at(&self, position: usize) -> Option<&MessageQueue> {
        let index = position.checked_rem(self.queues.len())?;
        self.queues.get(index)
    }

    /// Tells whether there is a queue to send to.
    #[must_use]
    #[doc(alias = "ok")]
    pub fn is_ok(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Tells whether the queues come from an order configuration.
    #[must_use]
    #[doc(alias = "isOrderTopic")]
    pub fn is_ordered(&self) -> bool {
        matches!(self.kind, Kind::Ordered)
    }

    /// Tells whether the queues are logical ones, with mock broker names.
    #[must_use]
    pub fn is_static(&self) -> bool {
        matches!(self.kind, Kind::Static(_))
    }

    /// The name of the broker that a send to this queue goes to: the queue's own, or for a logical queue that of its
    /// present holder. Nothing for a logical queue that no broker holds.
    #[must_use]
    #[doc(alias = "getBrokerNameFromMessageQueue")]
    pub fn broker_of<'a>(&'a self, queue: &'a MessageQueue) -> Option<&'a Arc<str>> {
        match &self.kind {
            Kind::Static(endpoints) => endpoints.broker_of(queue).filter(|name| ***name != *NO_BROKER),
            Kind::Ordinary | Kind::Ordered => Some(queue.broker_name()),
        }
    }

    /// What was wrong with the route, for logs.
    #[must_use]
    pub fn defects(&self) -> &[RouteDefect] {
        &self.defects
    }

    fn ordered(topic: &Arc<str>, conf: &OrderConf) -> Self {
        let mut list = QueueList::of(topic);
        for item in conf.items() {
            list.add(&item.broker_name, item.queue_count);
        }
        let defects = conf.defects().iter().cloned().map(RouteDefect::from).collect();
        list.finish(Kind::Ordered, defects)
    }

    fn logical(topic: &Arc<str>, endpoints: StaticEndpoints) -> Self {
        let queue = |(id, mock, _): (i32, &Arc<str>, _)| MessageQueue::new(Arc::clone(topic), Arc::clone(mock), id);
        let list = QueueList { topic, queues: endpoints.iter().map(queue).collect(), left_out: endpoints.left_out() };
        list.finish(Kind::Static(endpoints), Vec::new())
    }

    fn ordinary(topic: &Arc<str>, route: &TopicRouteData) -> Self {
        let mut writable: Vec<(&str, u32)> = Vec::new();
        for queues in &route.queue_datas {
            let name = queues.broker_name.as_str();
            if queues.perm.is_writable() && !name.is_empty() && route.master_address(name).is_some() {
                writable.push((name, u32::try_from(queues.write_queue_nums).unwrap_or(0)));
            }
        }
        // A broker listed twice would get twice the messages; the larger count stands for both.
        writable.sort_by(|left, right| broker_order::compare(left.0, right.0).then(right.1.cmp(&left.1)));
        writable.dedup_by_key(|(name, _)| *name);

        let mut list = QueueList::of(topic);
        for (name, count) in writable {
            list.add(&name.into(), count);
        }
        list.finish(Kind::Ordinary, Vec::new())
    }
}

struct QueueList<'a> {
    topic: &'a Arc<str>,
    queues: Vec<MessageQueue>,
    left_out: u64,
}

impl<'a> QueueList<'a> {
    fn of(topic: &'a Arc<str>) -> Self {
        Self { topic, queues: Vec::new(), left_out: 0 }
    }

    fn add(&mut self, broker_name: &Arc<str>, count: u32) {
        let room = u32::try_from(MAX_QUEUES - self.queues.len()).unwrap_or(u32::MAX);
        self.left_out += u64::from(count.saturating_sub(room));
        let ids = (0_i32..).take(count.min(room) as usize);
        self.queues.extend(ids.map(|id| MessageQueue::new(Arc::clone(self.topic), Arc::clone(broker_name), id)));
    }

    fn finish(self, kind: Kind, mut defects: Vec<RouteDefect>) -> TopicPublishInfo {
        if self.left_out > 0 {
            defects.push(RouteDefect::TooManyQueues { left_out: self.left_out });
        }
        TopicPublishInfo { queues: self.queues.into(), kind, defects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perm::Perm;
    use crate::queue_cursor::QueueCursor;
    use crate::route_data::{BrokerData, MASTER_ID, QueueData};

    fn route(brokers: &[(&str, i32)]) -> TopicRouteData {
        let mut route = TopicRouteData::default();
        for (name, queues) in brokers {
            route.queue_datas.push(QueueData::new(*name, *queues));
            route.broker_datas.push(BrokerData::new("C", *name, format!("{name}:1")));
        }
        route
    }

    fn published(route: &TopicRouteData) -> (TopicPublishInfo, Vec<String>) {
        let info = TopicPublishInfo::from_route(&"T".into(), route);
        let names = info.queues().iter().map(|queue| format!("{}:{}", queue.broker_name(), queue.queue_id())).collect();
        (info, names)
    }

    #[test]
    fn every_queue_carries_the_topic_asked_for() {
        let info = TopicPublishInfo::from_route(&"wanted".into(), &route(&[("a", 2)]));
        assert!(info.queues().iter().all(|queue| &**queue.topic() == "wanted"));
    }

    #[test]
    fn a_broker_without_write_permission_or_master_has_no_queues() {
        let mut data = route(&[("a", 1), ("b", 1), ("c", 1), ("d", 0), ("", 1)]);
        data.queue_datas[0].perm = Perm::READ;
        let address = data.broker_datas[1].broker_addrs.remove(&MASTER_ID).unwrap();
        data.broker_datas[1].broker_addrs.insert(1, address);
        assert_eq!(published(&data).1, ["c:0"]);
    }

    #[test]
    fn a_broker_listed_twice_is_published_once() {
        let mut data = route(&[("a", 1), ("b", 1)]);
        data.queue_datas.push(QueueData::new("a", 2));
        assert_eq!(published(&data).1, ["a:0", "a:1", "b:0"]);
        data.queue_datas.reverse();
        assert_eq!(published(&data).1, ["a:0", "a:1", "b:0"]);
    }

    #[test]
    fn a_bad_order_configuration_is_reported_and_its_good_part_used() {
        let mut data = route(&[("a", 4)]);
        data.order_topic_conf = Some("a:1;b;c:1".to_owned());
        let (info, names) = published(&data);
        assert_eq!(names, ["a:0", "c:0"]);
        assert!(info.is_ordered());
        let [RouteDefect::OrderConf(defect)] = info.defects() else { panic!("{:?}", info.defects()) };
        assert_eq!(defect, &OrderConfDefect::NoCount { item: "b".to_owned() });
    }

    #[test]
    fn an_order_configuration_without_a_good_item_does_not_fall_back_to_other_queues() {
        let mut data = route(&[("a", 4)]);
        data.order_topic_conf = Some("a".to_owned());
        let (info, names) = published(&data);
        assert_eq!(names, [""; 0]);
        assert!(info.is_ordered() && !info.is_ok());
        assert_eq!(info.at(3), None);
    }

    #[test]
    fn an_absurd_number_of_queues_is_cut_and_reported() {
        let (info, _) = published(&route(&[("a", 5), ("b", i32::MAX), ("c", i32::MAX)]));
        assert_eq!(info.queues().len(), MAX_QUEUES);
        let left_out = 2 * i32::MAX as u64 + 5 - MAX_QUEUES as u64;
        assert_eq!(info.defects(), [RouteDefect::TooManyQueues { left_out }]);
    }

    #[test]
    fn negative_counts_are_no_queues() {
        let (info, names) = published(&route(&[("a", -1), ("b", i32::MIN)]));
        assert_eq!(names, [""; 0]);
        assert!(!info.is_ok());
    }

    #[test]
    fn the_round_visits_every_queue_also_while_the_position_wraps() {
        let (info, _) = published(&route(&[("a", 2), ("b", 2)]));
        for start in [0, 3, usize::MAX - 3, usize::MAX / 2, i32::MAX as usize] {
            let cursor = QueueCursor::starting_at(start);
            let mut seen: Vec<_> = (0..4).filter_map(|_| info.at(cursor.advance())).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 4, "from {start}");
        }
    }

    #[test]
    fn a_queue_of_an_ordinary_topic_is_held_by_its_own_broker() {
        let (info, _) = published(&route(&[("a", 1)]));
        let queue = info.at(0).unwrap();
        assert_eq!(info.broker_of(queue).map(|name| &**name), Some("a"));
        assert!(!info.is_static());
    }

    #[test]
    fn a_logical_queue_without_a_holder_is_listed_but_leads_nowhere() {
        let text = r#"{"topicQueueMappingByBroker":{"a":{"bname":"a","currIdMap":{1:0},"totalQueues":2}}}"#;
        let data = TopicRouteData::from_json(text.as_bytes()).unwrap();
        let (info, names) = published(&data);
        assert_eq!(names, ["__syslo__global__:0", "__syslo__global__:1"]);
        let holders: Vec<_> = info.queues().iter().map(|queue| info.broker_of(queue).map(|name| &**name)).collect();
        assert_eq!(holders, [None, Some("a")]);
        assert!(info.is_static() && !info.is_ordered());
    }
}
