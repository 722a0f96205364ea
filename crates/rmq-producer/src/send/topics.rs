//! Topics: what a producer keeps of each topic it sends to, so that a send finds all of it with one look.
//!
//! An entry is of one moment: once the routes have changed in any way it is compared with them, and replaced if it differs. The place in
//! the round of queues outlives that.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rmq_fault::{Candidates, Choice};
use rmq_message::MessageQueue;
use rmq_remoting::{Deadline, Random};
use rmq_route::{NameTable, QueueCursor, TopicRoute};

use super::Sender;
use super::faults::Faults;
use super::lane::{Lane, Target};
use crate::instance::RouteError;

/// The topics of one producer, by the names that callers use.
pub(super) struct Topics {
    by_name: NameTable<Topic>,
    /// By the names that brokers use. One cursor per topic, so that one topic's traffic does not upset the turn of another; each starts at
    /// a random place, so that producers started together do not all begin with the same queue.
    cursors: Mutex<HashMap<Arc<str>, Arc<QueueCursor>>>,
    random: Arc<Random>,
}

/// One topic: its route, and the ways to its brokers.
pub(super) struct Topic {
    pub(super) route: Arc<TopicRoute>,
    /// Without namespace, as callers know it.
    pub(super) shown: Arc<str>,
    cursor: Arc<QueueCursor>,
    /// To each broker that holds a queue; of a static topic to each of its logical ones.
    lanes: Box<[Arc<Lane>]>,
    /// To each queue of the route; none to one without a broker, which only a static topic has.
    ways: Box<[Option<Target>]>,
    /// The routes' version with which it was last compared.
    version: AtomicU64,
}

impl Sender {
    /// Returns what is known of a topic that has queues to write to, without asking anybody.
    #[inline]
    pub(super) fn known_topic(&self, name: &Arc<str>) -> Option<Arc<Topic>> {
        // Read before the routes: what changes behind it is noticed by the next send.
        let version = self.instance.routes_version();
        match self.topics.by_name.get(name) {
            Some(topic) if topic.version.load(Ordering::Relaxed) == version => {
                topic.route.mark_used();
                Some(topic)
            }
            known => self.renewed(name, known.as_ref(), version),
        }
    }

    /// Returns what is known of a topic, or asks for its route.
    pub(super) async fn topic(&self, name: &Arc<str>, deadline: Deadline) -> Result<Arc<Topic>, RouteError> {
        if let Some(topic) = self.known_topic(name) {
            return Ok(topic);
        }
        let wrapped = self.namespace.wrap_shared(name);
        let route = self.instance.publish_info(&wrapped, deadline).await?;
        // The route has gone again: it is used this once.
        Ok(self.known_topic(name).unwrap_or_else(|| Arc::new(self.make_topic(name, &route, None, NEVER))))
    }

    #[cold]
    fn renewed(&self, name: &Arc<str>, known: Option<&Arc<Topic>>, version: u64) -> Option<Arc<Topic>> {
        let Some(route) = self.instance.known_route(&self.namespace.wrap(name)) else {
            if known.is_some() {
                // Forgotten, or without queues to write to.
                self.topics.by_name.remove(name);
            }
            return None;
        };
        if let Some(known) = known.filter(|known| self.is_current(known, &route)) {
            known.version.store(version, Ordering::Relaxed);
            return Some(Arc::clone(known));
        }
        let topic = Arc::new(self.make_topic(name, &route, known.map(|known| &**known), version));
        self.topics.by_name.insert(Arc::clone(name), Arc::clone(&topic));
        Some(topic)
    }

    fn is_current(&self, topic: &Topic, route: &Arc<TopicRoute>) -> bool {
        let same = |lane: &Arc<Lane>| lane.address() == self.instance.known_master(lane.broker_name()).as_ref();
        Arc::ptr_eq(&topic.route, route) && topic.lanes.iter().all(same)
    }

    fn make_topic(&self, name: &Arc<str>, route: &Arc<TopicRoute>, before: Option<&Topic>, version: u64) -> Topic {
        let shown = self.namespace.unwrap_shared(name);
        let cursor = self.topics.cursor(&route.topic);
        let lanes = |broker_name: &Arc<str>, queue: &MessageQueue| {
            self.make_lane(&route.topic, &shown, (broker_name, queue.broker_name()), before)
        };
        Topic::new(Arc::clone(route), Arc::clone(&shown), cursor, version, lanes)
    }

    /// A lane, or the one that was there before, with all that it has rendered.
    fn make_lane(
        &self,
        topic: &Arc<str>,
        shown: &Arc<str>,
        (broker_name, queues_broker): (&Arc<str>, &Arc<str>),
        before: Option<&Topic>,
    ) -> Arc<Lane> {
        let address = self.instance.known_master(broker_name);
        let known = before.and_then(|before| before.lane_to(broker_name, queues_broker));
        let known = known.filter(|lane| lane.address() == address.as_ref());
        match known {
            Some(lane) => Arc::clone(lane),
            None => {
                let line = address.map(|address| self.instance.line(&address));
                let counters = self.metrics.broker(broker_name);
                Arc::new(Lane::new(topic, shown, broker_name, queues_broker, line, counters, &self.ids))
            }
        }
    }

    /// The way to the same queue at the broker that holds it by what is known now.
    pub(super) fn same_again(&self, target: &Target, topic: &Topic) -> Target {
        let name = Arc::clone(target.lane.destination.queues_broker());
        let queue = MessageQueue::new(Arc::clone(&topic.route.topic), name, target.queue_id);
        self.target(topic, &queue)
    }

    /// The way to the queue at this position of the route.
    pub(super) fn target_at(&self, topic: &Topic, position: usize) -> Option<Target> {
        topic.way(position).cloned().or_else(|| Some(self.target(topic, topic.route.publish.queues().get(position)?)))
    }

    /// The way to a queue, whether the route has it or not.
    pub(super) fn target(&self, topic: &Topic, queue: &MessageQueue) -> Target {
        // A queue of a static topic names no broker of its own; any other one does.
        let broker_name = topic.route.publish.broker_of(queue).unwrap_or_else(|| queue.broker_name());
        let lane = match topic.lane_to(broker_name, queue.broker_name()) {
            Some(lane) => Arc::clone(lane),
            None => self.make_lane(&topic.route.topic, &topic.shown, (broker_name, queue.broker_name()), None),
        };
        Target { lane, queue_id: queue.queue_id() }
    }
}

impl Topics {
    pub(super) fn new(random: Arc<Random>) -> Self {
        Self { by_name: NameTable::new(), cursors: Mutex::default(), random }
    }

    fn cursor(&self, topic: &Arc<str>) -> Arc<QueueCursor> {
        let start = || usize::try_from(self.random.next_u64() >> 33).unwrap_or(0);
        let mut cursors = self.cursors.lock();
        Arc::clone(cursors.entry(Arc::clone(topic)).or_insert_with(|| Arc::new(QueueCursor::starting_at(start()))))
    }
}

impl Topic {
    fn new(
        route: Arc<TopicRoute>,
        shown: Arc<str>,
        cursor: Arc<QueueCursor>,
        version: u64,
        make_lane: impl Fn(&Arc<str>, &MessageQueue) -> Arc<Lane>,
    ) -> Self {
        let mut lanes: HashMap<(&str, &str), Arc<Lane>> = HashMap::new();
        let mut ways = Vec::with_capacity(route.publish.queues().len());
        for queue in route.publish.queues() {
            ways.push(route.publish.broker_of(queue).map(|broker_name| {
                let lane = lanes.entry((broker_name, queue.broker_name()));
                let lane = Arc::clone(lane.or_insert_with(|| make_lane(broker_name, queue)));
                Target { lane, queue_id: queue.queue_id() }
            }));
        }
        let lanes = lanes.into_values().collect();
        Self { shown, cursor, lanes, ways: ways.into(), version: AtomicU64::new(version), route }
    }

    /// Chooses a queue in its turn, past brokers to avoid and past `last_broker`.
    #[inline(always)]
    pub(super) fn next(&self, faults: &Faults, random: &Random, last_broker: Option<&str>) -> Option<Target> {
        if last_broker.is_none() && faults.let_all_pass() {
            self.in_turn()
        } else {
            self.choose(faults, random, last_broker)
        }
    }

    /// What [`choose`](Self::choose) comes to where there is nothing to choose by.
    #[inline(always)]
    fn in_turn(&self) -> Option<Target> {
        let queues = u32::try_from(self.ways.len()).ok().filter(|queues| *queues > 0)?;
        match self.way((self.turn() % queues) as usize) {
            Some(way) => Some(way.clone()),
            None => self.next_with_broker(queues),
        }
    }

    /// Goes on past a queue without a broker, once round.
    #[cold]
    fn next_with_broker(&self, queues: u32) -> Option<Target> {
        (1..queues).find_map(|_| self.way((self.turn() % queues) as usize).cloned())
    }

    #[inline(never)]
    fn choose(&self, faults: &Faults, random: &Random, last_broker: Option<&str>) -> Option<Target> {
        let queues = self.route.publish.queues();
        let broker = |at: usize| self.way(at).map_or("", |way| &**way.lane.broker_name());
        let write_queues = |name: &str| {
            let mine = queues.iter().filter(|queue| &**queue.broker_name() == name).count();
            u32::try_from(mine).unwrap_or(u32::MAX)
        };
        let candidates = Candidates { len: queues.len(), broker: &broker, write_queues: &write_queues, last_broker };
        let mut next = || self.turn();
        let mut below = |bound| u32::try_from(random.below(u64::from(bound))).unwrap_or(0);
        // Queues without a broker are passed over.
        (0..queues.len()).find_map(|_| match faults.select(&candidates, &mut next, &mut below)? {
            Choice::Position(at) => self.way(at).cloned(),
            // By number a static topic's queues cannot be told.
            Choice::OnBroker { .. } if self.route.publish.is_static() => None,
            Choice::OnBroker { broker, queue_id } => {
                let lane = Arc::clone(self.lane_to(&broker, &broker)?);
                Some(Target { lane, queue_id: i32::try_from(queue_id).ok()? })
            }
            _ => None,
        })
    }

    #[inline]
    fn turn(&self) -> u32 {
        u32::try_from(self.cursor.advance() & POSITIVE).unwrap_or(0)
    }

    /// The way to the queue at this position of the route.
    #[inline]
    fn way(&self, queue: usize) -> Option<&Target> {
        self.ways.get(queue)?.as_ref()
    }

    fn lane_to(&self, broker_name: &str, queues_broker: &str) -> Option<&Arc<Lane>> {
        let leads_there = |lane: &&Arc<Lane>| {
            **lane.broker_name() == *broker_name && **lane.destination.queues_broker() == *queues_broker
        };
        self.lanes.iter().find(leads_there)
    }
}

/// As many positions as Java has; a list is never that long.
const POSITIVE: usize = 0x7fff_ffff;

/// No version: compared anew by whoever meets it.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use rmq_message::UniqueIdGenerator;
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

    fn topic(topics: &Topics, name: &str, brokers: &[(&str, i32)]) -> Topic {
        let route = route(name, brokers);
        let (shown, cursor) = (Arc::clone(&route.topic), topics.cursor(&route.topic));
        let ids = Arc::new(UniqueIdGenerator::new([10, 9, 9, 9].into(), 1, 7));
        let lane = |broker: &Arc<str>, _: &MessageQueue| {
            Arc::new(Lane::new(&shown, &shown, broker, broker, None, Arc::default(), &ids))
        };
        Topic::new(Arc::clone(&route), Arc::clone(&shown), cursor, 0, lane)
    }

    fn topics(seed: u64) -> Topics {
        Topics::new(Arc::new(Random::new(Some(seed))))
    }

    fn turns(topic: &Topic, count: usize) -> Vec<String> {
        let next = || topic.next(&no_faults(), &Random::new(Some(1)), None).expect("a queue").queue().to_string();
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn every_queue_has_its_turn() {
        let topic = topic(&topics(1), "t", &[("a", 2), ("b", 1)]);
        let mut one_round = turns(&topic, 3);
        assert_eq!(turns(&topic, 3), one_round, "and then the same again");
        one_round.sort();
        assert_eq!(one_round, ["t@a:0", "t@a:1", "t@b:0"]);
    }

    #[test]
    fn where_there_is_nothing_to_choose_by_the_short_way_chooses_as_the_long_one() {
        for (seed, brokers) in [&[("a", 1)][..], &[("a", 4)], &[("a", 2), ("b", 3)], &[]].iter().enumerate() {
            let both = [(); 2].map(|()| topic(&topics(seed as u64), "t", brokers));
            for _ in 0..20 {
                let shown = |target: Option<Target>| target.map(|target| target.queue().to_string());
                let long = both[1].choose(&no_faults(), &Random::new(Some(1)), None);
                assert_eq!(shown(both[0].in_turn()), shown(long), "{brokers:?}");
            }
        }
    }

    #[test]
    fn producers_begin_at_different_places() {
        let first = |seed| turns(&topic(&topics(seed), "t", &[("a", 16)]), 1).remove(0);
        let firsts: std::collections::BTreeSet<String> = (0..32).map(first).collect();
        assert!(firsts.len() > 4, "{firsts:?}");
    }

    #[test]
    fn one_topic_does_not_move_another_and_a_new_route_goes_on_where_the_old_one_was() {
        let topics = topics(1);
        let (one, other) = (topic(&topics, "one", &[("a", 4)]), topic(&topics, "other", &[("a", 4)]));
        let first = turns(&one, 4);
        turns(&other, 3);
        assert_eq!(turns(&one, 2), first[..2]);
        assert_eq!(turns(&topic(&topics, "one", &[("a", 4)]), 2), first[2..]);
    }

    #[test]
    fn a_route_without_queues_gives_none() {
        assert!(topic(&topics(1), "t", &[]).next(&no_faults(), &Random::new(Some(1)), None).is_none());
    }
}
