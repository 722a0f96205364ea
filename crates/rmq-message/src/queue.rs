//! One queue of a topic on one broker.
//!
//! Cheap to clone (both names are shared) and totally ordered: by topic, then broker, then queue id, as in Java.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names a queue: topic, broker name and the queue's number on that broker.
///
/// `Display` writes `topic@broker:id`. Its JSON form is that of Java: `{"topic":…,"brokerName":…,"queueId":…}`.
#[doc(alias = "org.apache.rocketmq.common.message.MessageQueue")]
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageQueue {
    topic: Arc<str>,
    broker_name: Arc<str>,
    queue_id: i32,
}

impl MessageQueue {
    /// Makes a queue name; nothing is checked or contacted.
    pub fn new(topic: impl Into<Arc<str>>, broker_name: impl Into<Arc<str>>, queue_id: i32) -> Self {
        Self { topic: topic.into(), broker_name: broker_name.into(), queue_id }
    }

    /// The topic.
    #[doc(alias = "getTopic")]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The broker's name (not its address), e.g. `broker-a`.
    #[doc(alias = "getBrokerName")]
    pub fn broker_name(&self) -> &Arc<str> {
        &self.broker_name
    }

    /// The number of the queue on that broker, from 0.
    #[doc(alias = "getQueueId")]
    pub fn queue_id(&self) -> i32 {
        self.queue_id
    }
}

impl fmt::Display for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.topic, self.broker_name, self.queue_id)
    }
}

/// As it is displayed: it stands in the `Debug` text of errors, which people read.
impl fmt::Debug for MessageQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MessageQueue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenQueue { topic: &self.topic, broker_name: &self.broker_name, queue_id: self.queue_id }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for MessageQueue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ReadQueue { topic, broker_name, queue_id } = ReadQueue::deserialize(deserializer)?;
        Ok(Self::new(topic, broker_name, queue_id))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenQueue<'a> {
    topic: &'a str,
    broker_name: &'a str,
    queue_id: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadQueue {
    topic: String,
    broker_name: String,
    queue_id: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_topic_then_broker_then_number() {
        let sorted = [
            MessageQueue::new("a", "z", 9),
            MessageQueue::new("b", "x", 1),
            MessageQueue::new("b", "x", 10),
            MessageQueue::new("b", "y", 0),
        ];
        assert!(sorted.is_sorted());
    }

    #[test]
    fn json_has_the_names_of_java() {
        let queue = MessageQueue::new("orders", "broker-a", 3);
        let json = serde_json::to_value(&queue).unwrap();
        assert_eq!(json, serde_json::json!({"topic": "orders", "brokerName": "broker-a", "queueId": 3}));
        assert_eq!(serde_json::from_value::<MessageQueue>(json).unwrap(), queue);
    }

    #[test]
    fn display_is_short_enough_for_a_log_line() {
        assert_eq!(MessageQueue::new("orders", "broker-a", 3).to_string(), "orders@broker-a:3");
    }
}
