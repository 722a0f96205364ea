//! SelectError: why the queue that a caller named or chose cannot be used.

use rmq_message::MessageQueue;

/// Why there is no queue, although the topic has some. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The queue given belongs to another topic.
    #[error("the queue {queue} belongs to another topic than the message")]
    OtherTopic {
        /// The queue given.
        queue: MessageQueue,
    },
    /// The selector's position is outside of the topic's queues.
    #[error("the selector chose position {position} of {queues} queues")]
    OutOfRange {
        /// What the selector returned.
        position: usize,
        /// How many queues the topic has.
        queues: usize,
    },
    /// The selector panicked.
    #[error("the selector panicked")]
    Panicked,
}
