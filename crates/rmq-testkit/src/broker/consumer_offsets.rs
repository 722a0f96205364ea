//! How far consumer groups have read.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Committed offsets by group, topic and queue.
#[derive(Debug, Default)]
pub(crate) struct ConsumerOffsets {
    committed: Mutex<HashMap<(String, String), HashMap<i32, i64>>>,
}

impl ConsumerOffsets {
    pub(crate) fn commit(&self, group: &str, topic: &str, queue_id: i32, offset: i64) {
        let key = (group.to_owned(), topic.to_owned());
        self.committed.lock().entry(key).or_default().insert(queue_id, offset);
    }

    pub(crate) fn committed(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let key = (group.to_owned(), topic.to_owned());
        self.committed.lock().get(&key)?.get(&queue_id).copied()
    }
}
