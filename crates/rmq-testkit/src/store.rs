//! What a broker has stored: one log, and queues that point into it.
//!
//! The log's order is the order of arrival, and each queue is a part of it in the same order; dropping the oldest messages therefore only ever
//! takes them from the front of both.

mod batch;
mod stored_copy;
mod stored_layout;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use batch::{BatchEntry, split as split_batch};
pub use stored_copy::StoredCopy;
pub(crate) use stored_layout::{size as stored_size, write as write_stored};

use crate::property_text::PropertyText;

/// The messages of one broker.
#[derive(Debug)]
pub(crate) struct Store {
    broker: Arc<str>,
    arrivals: Arc<Arrivals>,
    limit_bytes: Option<usize>,
    shelves: Mutex<Shelves>,
}

/// A message before the broker has given it its place.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) topic: Arc<str>,
    pub(crate) queue_id: i32,
    pub(crate) body: Bytes,
    pub(crate) flag: i32,
    pub(crate) sys_flag: i32,
    pub(crate) born_timestamp: i64,
    pub(crate) born_host: SocketAddr,
    pub(crate) store_host: SocketAddr,
    pub(crate) reconsume_times: i32,
    pub(crate) properties_text: String,
}

/// Counts the messages of all brokers of a cluster and wakes who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    next: AtomicU64,
    arrived: Notify,
}

/// The first and the next offset of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Range {
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl Store {
    pub(crate) fn new(broker: Arc<str>, arrivals: Arc<Arrivals>, limit_bytes: Option<usize>) -> Self {
        Self { broker, arrivals, limit_bytes, shelves: Mutex::default() }
    }

    /// Stores one message.
    pub(crate) fn append(&self, message: NewMessage, now_millis: i64) -> Arc<StoredCopy> {
        let properties = PropertyText::parse(&message.properties_text);
        let mut shelves = self.shelves.lock();
        let shelves = &mut *shelves;
        let queue = shelves.topics.entry(Arc::clone(&message.topic)).or_default().entry(message.queue_id).or_default();
        let copy = StoredCopy {
            arrival: self.arrivals.next.fetch_add(1, Ordering::Relaxed),
            broker: Arc::clone(&self.broker),
            queue_offset: queue.range().max,
            physical_offset: shelves.next_physical,
            sys_flag: message.sys_flag | stored_layout::host_bits(message.born_host, message.store_host),
            topic: message.topic,
            queue_id: message.queue_id,
            body: message.body,
            flag: message.flag,
            born_timestamp: message.born_timestamp,
            born_host: message.born_host,
            store_timestamp: now_millis,
            store_host: message.store_host,
            reconsume_times: message.reconsume_times,
            prepared_transaction_offset: 0,
            properties: properties.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            properties_text: message.properties_text,
        };
        let size = stored_layout::size(&copy);
        let copy = Arc::new(copy);
        queue.messages.push_back(Arc::clone(&copy));
        queue.arrived.notify_waiters();
        shelves.next_physical = shelves.next_physical.saturating_add(i64::try_from(size).unwrap_or(i64::MAX));
        shelves.bytes += size;
        *shelves.counts.entry(Arc::clone(&copy.topic)).or_default() += 1;
        shelves.log.push_back(Arc::clone(&copy));
        shelves.drop_oldest(self.limit_bytes);
        self.arrivals.arrived.notify_waiters();
        copy
    }

    /// First and next offset of a queue; zero both for one that has no messages.
    pub(crate) fn range(&self, topic: &str, queue_id: i32) -> Range {
        self.shelves.lock().queue(topic, queue_id).map_or_else(Range::default, Queue::range)
    }

    /// The messages of a queue from `offset` on.
    pub(crate) fn read(&self, topic: &str, queue_id: i32, offset: i64, at_most: usize) -> Vec<Arc<StoredCopy>> {
        let shelves = self.shelves.lock();
        let Some(queue) = shelves.queue(topic, queue_id) else { return Vec::new() };
        let skip = usize::try_from(offset.saturating_sub(queue.first)).unwrap_or(0);
        queue.messages.iter().skip(skip).take(at_most).cloned().collect()
    }

    /// Every message of a queue, oldest first.
    pub(crate) fn queue(&self, topic: &str, queue_id: i32) -> Vec<Arc<StoredCopy>> {
        self.read(topic, queue_id, 0, usize::MAX)
    }

    /// What wakes when a message comes into the queue.
    pub(crate) fn arrived(&self, topic: &Arc<str>, queue_id: i32) -> Arc<Notify> {
        let mut shelves = self.shelves.lock();
        let queue = shelves.topics.entry(Arc::clone(topic)).or_default().entry(queue_id).or_default();
        Arc::clone(&queue.arrived)
    }

    /// The message that starts at `physical_offset`; `Err` when the offset is inside of one.
    pub(crate) fn at(&self, physical_offset: i64) -> Result<Option<Arc<StoredCopy>>, InsideMessage> {
        let shelves = self.shelves.lock();
        let after = shelves.log.partition_point(|message| message.physical_offset <= physical_offset);
        let Some(message) = after.checked_sub(1).and_then(|at| shelves.log.get(at)) else { return Ok(None) };
        if message.physical_offset == physical_offset {
            Ok(Some(Arc::clone(message)))
        } else if physical_offset < shelves.next_physical {
            Err(InsideMessage)
        } else {
            Ok(None)
        }
    }

    /// Every message of `topic`, oldest first.
    pub(crate) fn of_topic(&self, topic: &str) -> Vec<Arc<StoredCopy>> {
        self.shelves.lock().log.iter().filter(|message| &*message.topic == topic).cloned().collect()
    }

    /// How many messages of `topic` there are.
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.shelves.lock().counts.get(topic).copied().unwrap_or(0)
    }

    /// Every message, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<StoredCopy>> {
        self.shelves.lock().log.iter().cloned().collect()
    }

    /// Forgets the queues of a deleted topic; the log keeps the messages, as a broker's does.
    pub(crate) fn forget_topic(&self, topic: &str) {
        self.shelves.lock().topics.remove(topic);
    }
}

impl Arrivals {
    /// What wakes when any broker of the cluster stores a message.
    pub(crate) fn arrived(&self) -> &Notify {
        &self.arrived
    }
}

/// An offset that points into the middle of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InsideMessage;

#[derive(Debug, Default)]
struct Shelves {
    log: VecDeque<Arc<StoredCopy>>,
    bytes: usize,
    next_physical: i64,
    /// How many messages of the log each topic has.
    counts: HashMap<Arc<str>, usize>,
    topics: HashMap<Arc<str>, HashMap<i32, Queue>>,
}

impl Shelves {
    fn queue(&self, topic: &str, queue_id: i32) -> Option<&Queue> {
        self.topics.get(topic)?.get(&queue_id)
    }

    /// Keeps the log under its limit, but never without its newest message.
    fn drop_oldest(&mut self, limit_bytes: Option<usize>) {
        let Some(limit) = limit_bytes else { return };
        while self.bytes > limit && self.log.len() > 1 {
            let Some(oldest) = self.log.pop_front() else { return };
            self.bytes -= stored_layout::size(&oldest);
            if let Some(count) = self.counts.get_mut(&oldest.topic) {
                *count -= 1;
            }
            let queue = self.topics.get_mut(&oldest.topic).and_then(|queues| queues.get_mut(&oldest.queue_id));
            // A topic that was deleted and made anew starts at 0 again, so its front need not be this message.
            let is_front = |queue: &Queue| queue.messages.front().is_some_and(|front| Arc::ptr_eq(front, &oldest));
            if let Some(queue) = queue.filter(|queue| is_front(queue)) {
                queue.messages.pop_front();
                queue.first += 1;
            }
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    /// Offset of the first message that is still there.
    first: i64,
    messages: VecDeque<Arc<StoredCopy>>,
    arrived: Arc<Notify>,
}

impl Queue {
    fn range(&self) -> Range {
        Range { min: self.first, max: self.first + i64::try_from(self.messages.len()).unwrap_or(i64::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, queue_id: i32, body: &'static str) -> NewMessage {
        NewMessage {
            topic: topic.into(),
            queue_id,
            body: Bytes::from_static(body.as_bytes()),
            flag: 0,
            sys_flag: 0,
            born_timestamp: 1,
            born_host: "127.0.0.1:1".parse().expect("an address"),
            store_host: "127.0.0.1:2".parse().expect("an address"),
            reconsume_times: 0,
            properties_text: "KEYS\u{1}k".into(),
        }
    }

    fn store(limit_bytes: Option<usize>) -> Store {
        Store::new("broker-a".into(), Arc::default(), limit_bytes)
    }

    #[test]
    fn offsets_count_per_queue_and_bytes_over_all() {
        let store = store(None);
        let first = store.append(message("t", 0, "a"), 5);
        let second = store.append(message("t", 1, "bb"), 6);
        let third = store.append(message("t", 0, "c"), 7);
        assert_eq!((first.queue_offset, second.queue_offset, third.queue_offset), (0, 0, 1));
        assert_eq!(first.physical_offset, 0);
        assert_eq!(second.physical_offset, i64::try_from(stored_size(&first)).unwrap());
        assert_eq!(store.range("t", 0), Range { min: 0, max: 2 });
        assert_eq!(store.range("none", 0), Range::default());
        assert_eq!(store.read("t", 0, 1, 9)[0].body, "c");
        assert_eq!(third.store_timestamp, 7);
    }

    #[test]
    fn a_physical_offset_finds_exactly_its_message() {
        let store = store(None);
        let first = store.append(message("t", 0, "a"), 5);
        let second = store.append(message("t", 0, "b"), 5);
        assert!(Arc::ptr_eq(&store.at(second.physical_offset).unwrap().unwrap(), &second));
        assert_eq!(store.at(first.physical_offset + 1).unwrap_err(), InsideMessage);
        assert!(store.at(-1).unwrap().is_none());
        assert!(store.at(10_000).unwrap().is_none());
    }

    #[test]
    fn the_oldest_messages_go_when_the_limit_is_reached() {
        let size = stored_size(&store(None).append(message("t", 0, "a"), 5));
        let store = store(Some(2 * size));
        for body in ["a", "b", "c"] {
            store.append(message("t", 0, body), 5);
        }
        store.append(message("t", 1, "d"), 5);
        assert_eq!(store.range("t", 0), Range { min: 2, max: 3 });
        assert_eq!(store.queue("t", 0)[0].body, "c");
        assert_eq!((store.all().len(), store.count("t"), store.count("none")), (2, 2, 0));
    }

    #[test]
    fn a_deleted_topic_starts_at_zero_again() {
        let store = store(None);
        store.append(message("t", 0, "a"), 5);
        store.forget_topic("t");
        assert_eq!(store.append(message("t", 0, "b"), 5).queue_offset, 0);
        assert_eq!(store.of_topic("t").len(), 2);
    }
}
