//! How long it takes to find a topic's route among many, in the table that all producers of an instance share.
//!
//! A send asks its producer's own table first, which has the same hash and no snapshot to guard; this one when that does not know the topic, or
//! when any route has changed.

use std::hint::black_box;
use std::time::Instant;

use rmq_route::{BrokerData, QueueData, RouteTable, TopicRouteData};

/// Nanoseconds of one look-up in a table of so many topics: the least of a few passes, each over all of them.
pub(crate) fn nanoseconds(topics: usize) -> f64 {
    let table = RouteTable::new();
    let mut route = TopicRouteData::default();
    route.broker_datas.push(BrokerData::new("cluster", "broker", "10.0.0.1:10911"));
    route.queue_datas.push(QueueData::new("broker", 8));
    let names: Vec<String> = (0..topics).map(|topic| format!("topic-{topic}")).collect();
    table.update_all(names.iter().map(|name| (name.as_str().into(), route.clone())));
    let mut least = f64::MAX;
    for _ in 0..20 {
        let started = Instant::now();
        for name in &names {
            black_box(table.read(|now| now.get(name).map(|route| route.publish.is_ok())));
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e9 / topics.max(1) as f64);
    }
    least
}
