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
