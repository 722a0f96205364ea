//! Static topics (5.x): logical queues with a fixed number, of which each broker holds some as queues of its own.
//!
//! A producer names the logical queue; a broker that does not hold it refuses, one that does answers with logical numbers
//! (`TopicQueueMappingManager`).

use std::collections::BTreeMap;

use rmq_remoting::{RemotingCommand, ResponseCode};

use super::core::BrokerCore;
use crate::voice::Refusal;

/// What one broker holds of a topic's logical queues.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) total: i32,
    /// Grows with every change.
    pub(crate) epoch: i64,
    pub(crate) held: BTreeMap<i32, Held>,
}

/// Where a logical queue lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) queue_id: i32,
    /// The logical offset of its first message here.
    pub(crate) starts_at: i64,
}

/// Finds where a logical queue lies. `None`: the topic is no static one.
pub(super) fn find(core: &BrokerCore, topic: &str, logical: i32) -> Result<Option<Held>, Refusal> {
    let Some(mapping) = core.topics.get(topic).and_then(|topic| topic.mapping) else { return Ok(None) };
    mapping.held.get(&logical).copied().map(Some).ok_or_else(|| {
        let text = format!("{topic}-{logical} does not exit in request process of current broker {}", core.name);
        Refusal::new(ResponseCode::NOT_LEADER_FOR_QUEUE, text)
    })
}

/// Puts logical numbers into the answer to a send.
pub(super) fn rewrite(answer: &mut RemotingCommand, logical: i32, held: Held) {
    let offset = answer.field("queueOffset").and_then(|offset| offset.parse::<i64>().ok());
    if let Some(offset) = offset {
        answer.ext_fields_mut().set("queueId", logical.to_string());
        answer.ext_fields_mut().set("queueOffset", (held.starts_at + offset).to_string());
    }
}
