//! Route → queue: the one the caller names, or round robin past brokers to avoid.
//!
//! One cursor per topic and producer, so that one topic's traffic does not upset the turn of another; each starts at a random place, so
//! that producers started together do not all begin with the same queue.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rmq_fault::{Candidates, Choice};
use rmq_message::MessageQueue;
use rmq_remoting::Random;
use rmq_route::{QueueCursor, TopicRoute};

use super::faults::Faults;
use super::prepare::Prepared;
use super::{Sender, namespace};
use crate::error::SelectError;
use crate::selector::{JavaHash, QueueSelector, index_of};

/// A queue, and the broker that a message for it goes to. They differ in name for the logical queues of static topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) queue: MessageQueue,
    pub(super) broker_name: Arc<str>,
}

/// Where a send shall go.
#[derive(Clone, Default)]
pub(crate) enum Aim {
    /// Wherever it is its turn.
    #[default]
    Any,
    /// To this queue, and no other.
    Queue(MessageQueue),
    /// To the queue that this selector chooses, once for all attempts.
    Selector(Arc<dyn QueueSelector>),
}

pub(super) struct Cursors {
    by_topic: RwLock<HashMap<Arc<str>, QueueCursor>>,
    random: Arc<Random>,
}

impl Sender {
    /// Chooses the queue of the next attempt, away from `last_broker` where the caller left the choice.
    pub(super) fn select(&self, route: &TopicRoute, last_broker: Option<&str>) -> Option<Target> {
        self.cursors.next(route, &self.faults, last_broker)
    }

    /// Settles the queue once for all attempts, where the caller or the message's sharding key chose it. `None`: the choice is ours.
    pub(super) fn fixed(
        &self,
        aim: &Aim,
        prepared: &Prepared,
        route: &TopicRoute,
    ) -> Result<Option<Target>, SelectError> {
        let queues = route.publish.queues();
        let message = prepared.message();
        let queue = match aim {
            Aim::Any => message.sharding().and_then(|key| queues.get(index_of(key.java_hash(), queues.len())).cloned()),
            Aim::Queue(queue) if *self.namespace.wrap(queue.topic()) != **prepared.topic() => {
                return Err(SelectError::OtherTopic { queue: queue.clone() });
            }
            Aim::Queue(queue) => Some(namespace::renamed(queue, prepared.topic())),
            Aim::Selector(selector) => {
                let shown = prepared.all_shown(queues);
                let choose = std::panic::AssertUnwindSafe(|| selector(&shown, message));
                let position = std::panic::catch_unwind(choose).map_err(|_| SelectError::Panicked)?;
                let chosen = queues.get(position);
                Some(chosen.ok_or(SelectError::OutOfRange { position, queues: queues.len() })?.clone())
            }
        };
        Ok(queue.map(|queue| Target { broker_name: Arc::clone(queue.broker_name()), queue }.held_in(route)))
    }
}

impl Target {
    /// The same queue at the broker that holds it by this route. A queue of a static topic names no broker of its own; any other one does.
    pub(super) fn held_in(mut self, route: &TopicRoute) -> Self {
        let broker_name = route.publish.broker_of(&self.queue).unwrap_or_else(|| self.queue.broker_name());
        self.broker_name = Arc::clone(broker_name);
        self
    }
}

impl Cursors {
    pub(super) fn new(random: Arc<Random>) -> Self {
        Self { by_topic: RwLock::default(), random }
    }

    fn next(&self, route: &TopicRoute, faults: &Faults, last_broker: Option<&str>) -> Option<Target> {
        let queues = route.publish.queues();
        let broker = |at: usize| route.publish.broker_of(&queues[at]).map_or("", |name| &**name);
        let write_queues = |name: &str| {
            let mine = queues.iter().filter(|queue| &**queue.broker_name() == name).count();
            u32::try_from(mine).unwrap_or(u32::MAX)
        };
        let candidates = Candidates { len: queues.len(), broker: &broker, write_queues: &write_queues, last_broker };
        let mut next = || self.advance(&route.topic);
        let mut below = |bound| u32::try_from(self.random.below(u64::from(bound))).unwrap_or(0);
        // Only a static topic has queues without a broker; those are passed over.
        (0..queues.len()).find_map(|_| {
            let queue = match faults.select(&candidates, &mut next, &mut below)? {
                Choice::Position(at) => queues.get(at)?.clone(),
                Choice::OnBroker { broker, queue_id } => {
                    MessageQueue::new(Arc::clone(&route.topic), broker, i32::try_from(queue_id).ok()?)
                }
                _ => return None,
            };
            let broker_name = Arc::clone(route.publish.broker_of(&queue)?);
            Some(Target { queue, broker_name })
        })
    }

    fn advance(&self, topic: &Arc<str>) -> u32 {
        let fold = |position: usize| u32::try_from(position & POSITIVE).unwrap_or(0);
        if let Some(cursor) = self.by_topic.read().get(topic) {
            return fold(cursor.advance());
        }
        let start = usize::try_from(self.random.next_u64() >> 33).unwrap_or(0);
        let mut by_topic = self.by_topic.write();
        fold(by_topic.entry(Arc::clone(topic)).or_insert_with(|| QueueCursor::starting_at(start)).advance())
    }
}

/// As many positions as Java has; a list is never that long.
const POSITIVE: usize = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use rmq_route::{BrokerData, QueueData, RouteTable, TopicRouteData};

    use super::*;
    use crate::config::ProducerConfig;

    fn no_faults() -> Faults {
        Faults::new(&ProducerConfig::new("pg"))
    }

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
        (0..count).map(|_| cursors.next(route, &no_faults(), None).expect("a queue").queue.to_string()).collect()
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
        assert_eq!(cursors(1).next(&route("t", &[]), &no_faults(), None), None);
    }
}
