//! Queues as callers see them: without the namespace that stands in the names of their route.
//!
//! Nothing is copied where there is none.

use std::borrow::Cow;
use std::sync::Arc;

use rmq_message::MessageQueue;

/// The queues of one topic, under the name by which callers know it.
pub(super) fn unwrapped<'a>(queues: &'a [MessageQueue], topic: &Arc<str>) -> Cow<'a, [MessageQueue]> {
    if queues.first().is_none_or(|queue| queue.topic() == topic) {
        return Cow::Borrowed(queues);
    }
    queues.iter().map(|queue| renamed(queue, topic)).collect()
}

/// The queue, under another name of its topic.
pub(super) fn renamed(queue: &MessageQueue, topic: &Arc<str>) -> MessageQueue {
    MessageQueue::new(Arc::clone(topic), Arc::clone(queue.broker_name()), queue.queue_id())
}
