//! The routes a client knows, and where their brokers are.
//!
//! Everything is one immutable snapshot behind one pointer. An update swaps it as a whole, so a reader sees the queues
//! and the addresses of the same moment, never waits, and keeps what it has for as long as it likes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::diff::RouteDiff;
use crate::name_map::NameMap;
use crate::publish_info::TopicPublishInfo;
use crate::route_data::{MASTER_ID, TopicRouteData};

/// Topic to route and publish info, broker name to addresses. Cheap to read from many threads.
///
/// Nothing leaves the table because a name server did not mention it for once: a topic stays until
/// [`forget`](Self::forget), a broker until [`forget_lost_brokers`](Self::forget_lost_brokers).
#[derive(Debug, Default)]
#[doc(alias("topicRouteTable", "topicPublishInfoTable", "brokerAddrTable"))]
pub struct RouteTable {
    snapshot: ArcSwap<RouteSnapshot>,
    /// Counted up behind every step that changed the snapshot.
    version: AtomicU64,
}

/// What a [`RouteTable`] held at one moment.
#[derive(Debug, Clone, Default)]
pub struct RouteSnapshot {
    topics: NameMap<Arc<str>, Arc<TopicRoute>>,
    brokers: NameMap<Arc<str>, Arc<Broker>>,
    generation: u64,
}

/// One topic's route and what a producer makes of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct TopicRoute {
    /// The topic.
    pub topic: Arc<str>,
    /// The route as the name server gave it.
    pub data: TopicRouteData,
    /// The queues to send to.
    pub publish: TopicPublishInfo,
    /// Differs for every route that was ever in the table, and grows. Who asks for a refresh names the one it found
    /// stale.
    pub generation: u64,
    used: AtomicBool,
}

#[derive(Debug)]
struct Broker {
    addrs: BTreeMap<i64, String>,
    master: Option<Arc<str>>,
}

impl RouteTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The topic's route, if one was ever known.
    #[must_use]
    pub fn get(&self, topic: &str) -> Option<Arc<TopicRoute>> {
        self.read(|now| now.get(topic).map(Arc::clone))
    }

    /// Looks at the table without sharing anything of it: the quickest way to what one send needs, and queue and
    /// address are of the same moment. `look` should not take long or call back into the table's owner.
    pub fn read<R>(&self, look: impl FnOnce(&RouteSnapshot) -> R) -> R {
        look(&self.snapshot.load())
    }

    /// How often the table has changed: as long as it is the same, so is everything that was read here since. Read it
    /// before what is to be kept with it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The `host:port` of a broker's master, from whichever route named the broker last.
    #[must_use]
    #[doc(alias = "findBrokerAddressInPublish")]
    pub fn master_address(&self, broker_name: &str) -> Option<Arc<str>> {
        self.read(|now| now.master_address(broker_name).map(Arc::clone))
    }

    /// Every known master by broker name: name and `host:port`.
    #[must_use]
    pub fn master_addresses(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.snapshot().master_addresses()
    }

    /// All topics that have a route, in no order.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.read(|now| now.topics.keys().map(Arc::clone).collect())
    }

    /// Everything, as of now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<RouteSnapshot> {
        self.snapshot.load_full()
    }

    /// Takes a topic's new route over and says what it changed.
    ///
    /// Without a change that matters (see [`RouteDiff`]) the table keeps the route it has. Else route, queues and the
    /// addresses of the route's brokers are replaced in one step.
    #[doc(alias = "updateTopicRouteInfoFromNameServer")]
    pub fn update(&self, topic: impl Into<Arc<str>>, data: TopicRouteData) -> RouteDiff {
        let changes = self.update_all([(topic.into(), data)]);
        changes.into_iter().next().map(|(_, diff)| diff).unwrap_or_default()
    }

    /// Takes the new routes of several topics over in one step, which is much cheaper than one by one: every step
    /// copies the table. Returns each topic with what changed, in the order given.
    pub fn update_all(
        &self,
        routes: impl IntoIterator<Item = (Arc<str>, TopicRouteData)>,
    ) -> Vec<(Arc<str>, RouteDiff)> {
        let routes: Vec<_> = routes
            .into_iter()
            .map(|(topic, data)| {
                let publish = TopicPublishInfo::from_route(&topic, &data);
                (topic, data, publish)
            })
            .collect();
        let mut changes = Vec::new();
        self.snapshot.rcu(|current| {
            let mut next = None;
            changes.clear();
            for (topic, data, publish) in &routes {
                let known = next.as_ref().unwrap_or(&**current).topics.get(topic);
                let diff = RouteDiff::between(known.map(|route| &route.data), data);
                if !diff.is_empty() {
                    next.get_or_insert_with(|| RouteSnapshot::clone(current)).put(topic, data, publish);
                }
                changes.push((Arc::clone(topic), diff));
            }
            next.map_or_else(|| Arc::clone(current), Arc::new)
        });
        self.note(changes.iter().any(|(_, diff)| !diff.is_empty()));
        changes
    }

    /// Drops a topic that nobody sends to any more. Returns whether it was there. Its brokers stay known.
    pub fn forget(&self, topic: &str) -> bool {
        let before = self.snapshot.rcu(|current| {
            if !current.topics.contains_key(topic) {
                return Arc::clone(current);
            }
            let mut next = RouteSnapshot::clone(current);
            next.topics.remove(topic);
            Arc::new(next)
        });
        let known = before.topics.contains_key(topic);
        self.note(known);
        known
    }

    /// Drops every broker address that no topic's route names any more, and returns the names of the brokers that are
    /// gone altogether. To be called now and then, as the Java client does each 30 s.
    #[doc(alias = "cleanOfflineBroker")]
    pub fn forget_lost_brokers(&self) -> Vec<Arc<str>> {
        let (mut lost, mut changed) = (Vec::new(), false);
        self.snapshot.rcu(|current| {
            let (next, gone) = current.without_lost_brokers();
            (lost, changed) = (gone, next.is_some());
            next.map_or_else(|| Arc::clone(current), Arc::new)
        });
        self.note(changed);
        lost
    }

    fn note(&self, changed: bool) {
        if changed {
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

impl TopicRoute {
    /// Notes that somebody needs the route. Cheap, also when many do it at once.
    pub fn mark_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Tells whether it was used since this was asked last; a new route counts as used.
    pub fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

impl RouteSnapshot {
    /// The topic's route.
    #[must_use]
    pub fn get(&self, topic: &str) -> Option<&Arc<TopicRoute>> {
        self.topics.get(topic)
    }

    /// The `host:port` of a broker's master.
    #[must_use]
    pub fn master_address(&self, broker_name: &str) -> Option<&Arc<str>> {
        self.brokers.get(broker_name)?.master.as_ref()
    }

    /// Every known master by broker name: name and `host:port`.
    #[must_use]
    pub fn master_addresses(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let master = |(name, broker): (&Arc<str>, &Arc<Broker>)| Some((Arc::clone(name), broker.master.clone()?));
        let mut masters: Vec<_> = self.brokers.iter().filter_map(master).collect();
        masters.sort();
        masters
    }

    /// All addresses of a broker by id.
    #[must_use]
    pub fn addresses(&self, broker_name: &str) -> Option<&BTreeMap<i64, String>> {
        self.brokers.get(broker_name).map(|broker| &broker.addrs)
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<TopicRoute>> {
        self.topics.values()
    }

    fn put(&mut self, topic: &Arc<str>, data: &TopicRouteData, publish: &TopicPublishInfo) {
        self.generation += 1;
        self.brokers.extend(brokers_of(data).map(|(name, addrs)| (name.into(), Arc::new(Broker::at(addrs)))));
        let route = TopicRoute {
            topic: Arc::clone(topic),
            data: data.clone(),
            publish: publish.clone(),
            generation: self.generation,
            used: AtomicBool::new(true),
        };
        self.topics.insert(Arc::clone(topic), Arc::new(route));
    }

    /// This snapshot but for addresses that no route names, if there are such, and the brokers that had no other.
    fn without_lost_brokers(&self) -> (Option<Self>, Vec<Arc<str>>) {
        let named: HashSet<&str> = self
            .topics
            .values()
            .flat_map(|route| &route.data.broker_datas)
            .flat_map(|broker| broker.broker_addrs.values().map(String::as_str))
            .collect();
        let mut next = None;
        let mut gone = Vec::new();
        for (name, broker) in &self.brokers {
            let mut addrs = broker.addrs.clone();
            addrs.retain(|_, address| named.contains(address.as_str()));
            if addrs.is_empty() {
                next.get_or_insert_with(|| self.clone()).brokers.remove(name);
                gone.push(Arc::clone(name));
            } else if addrs.len() < broker.addrs.len() {
                let rest = Arc::new(Broker::at(addrs));
                next.get_or_insert_with(|| self.clone()).brokers.insert(Arc::clone(name), rest);
            }
        }
        gone.sort();
        (next, gone)
    }
}

impl Broker {
    fn at(addrs: BTreeMap<i64, String>) -> Self {
        let master = addrs.get(&MASTER_ID).map(|address| address.as_str().into());
        Self { addrs, master }
    }
}

/// The addresses of each broker of a route. Of two entries with one name and id, the first counts.
fn brokers_of(route: &TopicRouteData) -> impl Iterator<Item = (&str, BTreeMap<i64, String>)> {
    let mut brokers: BTreeMap<&str, BTreeMap<i64, String>> = BTreeMap::new();
    for broker in route.broker_datas.iter().filter(|broker| !broker.broker_name.is_empty()) {
        let addrs = brokers.entry(&broker.broker_name).or_default();
        for (id, address) in broker.broker_addrs.iter().filter(|(_, address)| !address.is_empty()) {
            addrs.entry(*id).or_insert_with(|| address.clone());
        }
    }
    brokers.into_iter()
}

#[cfg(test)]
mod tests;
