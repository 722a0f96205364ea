//! Route → queue, where the caller or the message's sharding key chooses it.

use std::sync::Arc;

use rmq_message::{Message, MessageQueue};

use super::lane::Target;
use super::topics::Topic;
use super::{Sender, namespace};
use crate::error::SelectError;
use crate::selector::{JavaHash, QueueSelector, index_of};

/// Where a send shall go.
#[derive(Clone, Default)]
pub(crate) enum Aim {
    /// Wherever it is its turn.
    #[default]
    Any,
    /// To this queue, and no other.
    Queue(MessageQueue),
    /// To the queue that this selector chooses, once for all attempts.
    Selector(Arc<dyn QueueSelector>),
}

impl Sender {
    /// Settles the queue once for all attempts, where the caller or the message's sharding key chose it. `None`: the choice is ours.
    pub(super) fn fixed(&self, aim: &Aim, message: &Message, topic: &Topic) -> Result<Option<Target>, SelectError> {
        let queues = topic.route.publish.queues();
        let position = match aim {
            Aim::Any => match message.sharding() {
                Some(key) => index_of(key.java_hash(), queues.len()),
                None => return Ok(None),
            },
            Aim::Queue(queue) if *self.namespace.wrap(queue.topic()) != *topic.route.topic => {
                return Err(SelectError::OtherTopic { queue: queue.clone() });
            }
            Aim::Queue(queue) => return Ok(Some(self.target(topic, queue))),
            Aim::Selector(selector) => {
                let shown = namespace::unwrapped(queues, &topic.shown);
                let choose = std::panic::AssertUnwindSafe(|| selector(&shown, message));
                let position = std::panic::catch_unwind(choose).map_err(|_| SelectError::Panicked)?;
                if position >= queues.len() {
                    return Err(SelectError::OutOfRange { position, queues: queues.len() });
                }
                position
            }
        };
        Ok(self.target_at(topic, position))
    }
}
