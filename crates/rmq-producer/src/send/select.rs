//! Route → queue: round robin over the queues that can be written to.
//!
//! One cursor per topic and producer, so that one topic's traffic does not upset the turn of another; each starts at a random place, so
//! that producers started together do not all begin with the same queue.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rmq_message::MessageQueue;
use rmq_remoting::Random;
use rmq_route::{QueueCursor, TopicRoute};

use super::Sender;

/// A queue, and the broker that a message for it goes to. They differ in name for the logical queues of static topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) queue: MessageQueue,
    pub(super) broker_name: Arc<str>,
}

pub(super) struct Cursors {
    by_topic: RwLock<HashMap<Arc<str>, QueueCursor>>,
    random: Arc<Random>,
}

impl Sender {
    /// Takes the next queue whose turn it is; `None` when no queue has a broker.
    pub(super) fn select(&self, route: &TopicRoute) -> Option<Target> {
        self.cursors.next(route)
    }
}

impl Cursors {
    pub(super) fn new(random: Arc<Random>) -> Self {
        Self { by_topic: RwLock::default(), random }
    }

    fn next(&self, route: &TopicRoute) -> Option<Target> {
        // Only a static topic has queues without a broker; those are passed over.
        (0..route.publish.queues().len()).find_map(|_| {
            let queue = route.publish.at(self.advance(&route.topic))?;
            let broker_name = Arc::clone(route.publish.broker_of(queue)?);
            Some(Target { queue: queue.clone(), broker_name })
        })
    }

    fn advance(&self, topic: &Arc<str>) -> usize {
        if let Some(cursor) = self.by_topic.read().get(topic) {
            return cursor.advance();
        }
        let start = usize::try_from(self.random.next_u64() >> 33).unwrap_or(0);
        let mut by_topic = self.by_topic.write();
        by_topic.entry(Arc::clone(topic)).or_insert_with(|| QueueCursor::starting_at(start)).advance()
    }
}

#[cfg(test)]
mod tests {
    use rmq_route::{BrokerData, QueueData, RouteTable, TopicRouteData};

    use super::*;

    fn route(topic: &str, brokers: &[(&str, i32)]) -> Arc<TopicRoute> {
        let mut data = TopicRouteData::default();
        for (name, queues) in brokers {
            data.queue_datas.push(QueueData::new(*name, *queues));
            data.broker_datas.push(BrokerData::new("c", *name, format!("{name}:10911")));
        }
        let table = RouteTable::new();
        table.update(topic, data);
        table.get(topic).expect("just put in")
    }

    fn cursors(seed: u64) -> Cursors {
        Cursors::new(Arc::new(Random::new(Some(seed))))
    }

    fn turns(cursors: &Cursors, route: &TopicRoute, count: usize) -> Vec<String> {
        (0..count).map(|_| cursors.next(route).expect("a queue").queue.to_string()).collect()
    }

    #[test]
    fn every_queue_has_its_turn() {
        let route = route("t", &[("a", 2), ("b", 1)]);
        let cursors = cursors(1);
        let mut one_round = turns(&cursors, &route, 3);
        assert_eq!(turns(&cursors, &route, 3), one_round, "and then the same again");
        one_round.sort();
        assert_eq!(one_round, ["t@a:0", "t@a:1", "t@b:0"]);
    }

    #[test]
    fn producers_begin_at_different_places() {
        let route = route("t", &[("a", 16)]);
        let firsts: std::collections::BTreeSet<String> =
            (0..32).map(|seed| turns(&cursors(seed), &route, 1).remove(0)).collect();
        assert!(firsts.len() > 4, "{firsts:?}");
    }

    #[test]
    fn one_topic_does_not_move_another() {
        let (one, other) = (route("one", &[("a", 4)]), route("other", &[("a", 4)]));
        let cursors = cursors(1);
        let first = turns(&cursors, &one, 4);
        turns(&cursors, &other, 3);
        assert_eq!(turns(&cursors, &one, 4), first);
    }

    #[test]
    fn a_route_without_queues_gives_none() {
        assert_eq!(cursors(1).next(&route("t", &[])), None);
    }
}
