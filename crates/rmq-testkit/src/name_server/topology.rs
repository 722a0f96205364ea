//! What all name servers of a cluster know: its brokers, and what a test told them to say instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::route::{Addresses, Queues, Route};
use crate::broker::BrokerCore;

/// Brokers and routes of one cluster.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) cluster: Arc<str>,
    brokers: OnceLock<Vec<Arc<BrokerCore>>>,
    scripted: Mutex<BTreeMap<String, Option<RouteAnswer>>>,
    order_confs: Mutex<BTreeMap<String, String>>,
}

/// An answer to a question for a route.
#[derive(Clone, Debug)]
pub(crate) enum RouteAnswer {
    Route(Route),
    /// Sent as it is.
    Text(String),
}

impl Topology {
    pub(crate) fn new(cluster: Arc<str>) -> Self {
        Self { cluster, brokers: OnceLock::new(), scripted: Mutex::default(), order_confs: Mutex::default() }
    }

    /// Makes the brokers known. Only the first call has an effect.
    pub(crate) fn set_brokers(&self, brokers: Vec<Arc<BrokerCore>>) {
        // A second call would be a mistake of this crate; the first brokers stay.
        drop(self.brokers.set(brokers));
    }

    /// The brokers that are listed now.
    pub(crate) fn brokers(&self) -> Vec<Arc<BrokerCore>> {
        let brokers = self.brokers.get().map(Vec::as_slice).unwrap_or_default();
        brokers.iter().filter(|broker| broker.presence.is_listed()).cloned().collect()
    }

    /// Names of all topics of listed brokers, sorted.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        let names: BTreeSet<Arc<str>> = self.brokers().iter().flat_map(|broker| broker.topics.names()).collect();
        names.into_iter().collect()
    }

    /// What to answer for `topic`; `None` is "no route".
    pub(crate) fn route(&self, topic: &str) -> Option<RouteAnswer> {
        if let Some(scripted) = self.scripted.lock().get(topic) {
            return scripted.clone();
        }
        let order_topic_conf = self.order_confs.lock().get(topic).cloned();
        let mut route = Route { order_topic_conf, topic: topic.to_owned(), ..Route::default() };
        for broker in self.brokers() {
            let Some(config) = broker.topics.get(topic) else { continue };
            route.mappings.extend(config.mapping.map(|mapping| (broker.name.to_string(), mapping)));
            route.queues.push(Queues {
                broker: broker.name.to_string(),
                read: config.read_queues,
                write: config.write_queues,
                perm: broker.registered_perm(config.perm),
                sys_flag: config.sys_flag,
            });
            route.brokers.push(Addresses {
                cluster: Some(self.cluster.to_string()),
                broker: broker.name.to_string(),
                by_id: BTreeMap::from([(0, broker.door.address())]),
            });
        }
        (!route.brokers.is_empty()).then_some(RouteAnswer::Route(route))
    }

    /// Answers this for `topic` from now on; `None` is "no route".
    pub(crate) fn script_route(&self, topic: &str, answer: Option<RouteAnswer>) {
        self.scripted.lock().insert(topic.to_owned(), answer);
    }

    /// Answers the truth for `topic` again.
    pub(crate) fn unscript_route(&self, topic: &str) {
        self.scripted.lock().remove(topic);
    }

    pub(crate) fn set_order_conf(&self, topic: &str, conf: Option<&str>) {
        let mut confs = self.order_confs.lock();
        match conf {
            Some(conf) => drop(confs.insert(topic.to_owned(), conf.to_owned())),
            None => drop(confs.remove(topic)),
        }
    }
}
