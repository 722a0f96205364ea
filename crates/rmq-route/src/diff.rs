//! What changed between two routes of a topic.
//!
//! Order never counts, and neither do cluster, zone and acting-master flag: only what changes where messages go
//! (`TopicRouteData#topicRouteDataChanged`).

use std::collections::BTreeMap;
use std::fmt;

use crate::route_data::{BrokerData, QueueData, TopicRouteData};

/// The difference between two routes, for deciding whether to act and for saying why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias("topicRouteDataIsChange", "topicRouteDataChanged"))]
pub struct RouteDiff {
    /// There was no route before.
    pub is_first: bool,
    /// Brokers that came, went, or have other addresses, by name.
    pub brokers: Vec<BrokerChange>,
    /// Brokers that offer other queues or allow other things, by name.
    pub queues: Vec<QueueChange>,
    /// The order configuration is another.
    pub order_topic_conf: bool,
    /// The table of filter servers is another.
    pub filter_servers: bool,
    /// The mapping of logical queues is another.
    pub queue_mapping: bool,
}

/// A broker that came, went or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerChange {
    /// The broker name.
    pub broker_name: String,
    /// Broker id to address before; nothing when the broker is new.
    pub old: Option<BTreeMap<i64, String>>,
    /// Broker id to address now; nothing when the broker is gone.
    pub new: Option<BTreeMap<i64, String>>,
}

/// A change of the queues on one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueChange {
    /// The broker name.
    pub broker_name: String,
    /// What it offered before.
    pub old: Option<QueueData>,
    /// What it offers now.
    pub new: Option<QueueData>,
}

impl RouteDiff {
    /// Compares the last known route, if there was one, with a new one.
    #[must_use]
    pub fn between<'a>(old: impl Into<Option<&'a TopicRouteData>>, new: &TopicRouteData) -> Self {
        let Some(old) = old.into() else {
            let everything = Self::between(&TopicRouteData::default(), new);
            return Self { is_first: true, ..everything };
        };
        Self {
            is_first: false,
            brokers: broker_changes(&old.broker_datas, &new.broker_datas),
            queues: queue_changes(&old.queue_datas, &new.queue_datas),
            order_topic_conf: old.order_topic_conf != new.order_topic_conf,
            filter_servers: old.filter_server_table != new.filter_server_table,
            queue_mapping: old.topic_queue_mapping_by_broker != new.topic_queue_mapping_by_broker,
        }
    }

    /// Tells whether nothing changed that matters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names of the brokers that are new.
    pub fn added_brokers(&self) -> impl Iterator<Item = &str> {
        self.brokers.iter().filter(|change| change.old.is_none()).map(|change| change.broker_name.as_str())
    }

    /// Names of the brokers that are gone.
    pub fn removed_brokers(&self) -> impl Iterator<Item = &str> {
        self.brokers.iter().filter(|change| change.new.is_none()).map(|change| change.broker_name.as_str())
    }

    /// Names of the brokers that have other addresses.
    pub fn moved_brokers(&self) -> impl Iterator<Item = &str> {
        let moved = |change: &&BrokerChange| change.old.is_some() && change.new.is_some();
        self.brokers.iter().filter(moved).map(|change| change.broker_name.as_str())
    }
}

/// One line for a log: `broker-b is new at {0: "10.0.0.3:10911"}; broker-a has 8 instead of 4 write queues`.
impl fmt::Display for RouteDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no change");
        }
        let mut parts: Vec<String> = Vec::new();
        if self.is_first {
            parts.push("first route".to_owned());
        }
        parts.extend(self.brokers.iter().map(ToString::to_string));
        parts.extend(self.queues.iter().map(ToString::to_string));
        for (changed, name) in [
            (self.order_topic_conf, "order configuration"),
            (self.filter_servers, "filter servers"),
            (self.queue_mapping, "queue mapping"),
        ] {
            if changed {
                parts.push(format!("another {name}"));
            }
        }
        f.write_str(&parts.join("; "))
    }
}

impl fmt::Display for BrokerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.broker_name;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{name} moved from {old:?} to {new:?}"),
            (None, Some(new)) => write!(f, "{name} is new at {new:?}"),
            (Some(old), None) => write!(f, "{name} is gone from {old:?}"),
            (None, None) => write!(f, "{name} is as before"),
        }
    }
}

impl fmt::Display for QueueChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.broker_name)?;
        queues(f, self.old.as_ref())?;
        f.write_str(" → ")?;
        queues(f, self.new.as_ref())
    }
}

fn queues(f: &mut fmt::Formatter<'_>, data: Option<&QueueData>) -> fmt::Result {
    match data {
        Some(data) => write!(f, "{} {}/{} queues", data.perm, data.write_queue_nums, data.read_queue_nums)?,
        None => f.write_str("no queues")?,
    }
    match data.map_or(0, |data| data.topic_sys_flag) {
        0 => Ok(()),
        flag => write!(f, " (flag {flag})"),
    }
}

fn broker_changes(old: &[BrokerData], new: &[BrokerData]) -> Vec<BrokerChange> {
    let entry = |broker: &BrokerData| (broker.broker_name.clone(), broker.broker_addrs.clone());
    changes(old.iter().map(entry), new.iter().map(entry))
        .map(|(broker_name, old, new)| BrokerChange { broker_name, old, new })
        .collect()
}

fn queue_changes(old: &[QueueData], new: &[QueueData]) -> Vec<QueueChange> {
    let entry = |queues: &QueueData| (queues.broker_name.clone(), queues.clone());
    changes(old.iter().map(entry), new.iter().map(entry))
        .map(|(broker_name, old, new)| QueueChange { broker_name, old, new })
        .collect()
}

/// What differs under each name, old beside new. A name may occur more than once: equal entries cancel out, the rest
/// is put side by side in order.
fn changes<T: Ord>(
    old: impl Iterator<Item = (String, T)>,
    new: impl Iterator<Item = (String, T)>,
) -> impl Iterator<Item = (String, Option<T>, Option<T>)> {
    let mut by_name: BTreeMap<String, (Vec<T>, Vec<T>)> = BTreeMap::new();
    for (name, entry) in old {
        by_name.entry(name).or_default().0.push(entry);
    }
    for (name, entry) in new {
        let (before, now) = by_name.entry(name).or_default();
        match before.iter().position(|same| *same == entry) {
            Some(same) => drop(before.swap_remove(same)),
            None => now.push(entry),
        }
    }
    by_name.into_iter().flat_map(|(name, (mut before, mut now))| {
        before.sort();
        now.sort();
        let rows = before.len().max(now.len());
        let mut before = before.into_iter();
        let mut now = now.into_iter();
        (0..rows).map(move |_| (name.clone(), before.next(), now.next())).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perm::Perm;

    fn route(brokers: &[&str]) -> TopicRouteData {
        let mut route = TopicRouteData::default();
        for name in brokers {
            route.queue_datas.push(QueueData::new(*name, 4));
            route.broker_datas.push(BrokerData::new("C", *name, format!("{name}:1")));
        }
        route
    }

    #[test]
    fn brokers_that_come_go_and_move_are_listed() {
        let mut new = route(&["c", "b"]);
        new.broker_datas[1].broker_addrs.insert(1, "b:2".to_owned());
        let diff = RouteDiff::between(&route(&["a", "b"]), &new);
        assert_eq!(diff.added_brokers().collect::<Vec<_>>(), ["c"]);
        assert_eq!(diff.removed_brokers().collect::<Vec<_>>(), ["a"]);
        assert_eq!(diff.moved_brokers().collect::<Vec<_>>(), ["b"]);
        let queues: Vec<_> = diff.queues.iter().map(|change| change.broker_name.as_str()).collect();
        assert_eq!(queues, ["a", "c"]);
    }

    #[test]
    fn the_line_for_the_log_says_what_changed() {
        let old = route(&["a"]);
        let mut new = route(&["a"]);
        assert_eq!(RouteDiff::between(&old, &new).to_string(), "no change");

        new.queue_datas[0].perm = Perm::READ;
        new.queue_datas[0].write_queue_nums = 8;
        new.queue_datas[0].topic_sys_flag = 1;
        new.broker_datas[0].broker_addrs = BTreeMap::from([(0, "h:2".to_owned())]);
        new.order_topic_conf = Some(String::new());
        let line = RouteDiff::between(&old, &new).to_string();
        assert_eq!(
            line,
            "a moved from {0: \"a:1\"} to {0: \"h:2\"}; a: RW- 4/4 queues → R-- 8/4 queues (flag 1); \
             another order configuration"
        );
        let line = RouteDiff::between(None, &old).to_string();
        assert_eq!(line, "first route; a is new at {0: \"a:1\"}; a: no queues → RW- 4/4 queues");
    }

    #[test]
    fn the_first_route_is_a_change_even_when_it_is_empty() {
        assert!(!RouteDiff::between(None, &TopicRouteData::default()).is_empty());
        assert!(RouteDiff::between(&TopicRouteData::default(), &TopicRouteData::default()).is_empty());
    }

    #[test]
    fn an_entry_that_comes_twice_counts_twice() {
        let once = route(&["a"]);
        let mut twice = once.clone();
        twice.queue_datas.push(QueueData::new("a", 2));
        twice.broker_datas.push(BrokerData::new("C", "a", "h:9"));
        let diff = RouteDiff::between(&once, &twice);
        assert_eq!(diff.queues[0].new, Some(QueueData::new("a", 2)));
        assert_eq!(diff.queues[0].old, None);
        assert_eq!(diff.brokers.len(), 1);

        let mut turned = twice.clone();
        turned.queue_datas.reverse();
        turned.broker_datas.reverse();
        assert!(RouteDiff::between(&twice, &turned).is_empty());
    }
}
