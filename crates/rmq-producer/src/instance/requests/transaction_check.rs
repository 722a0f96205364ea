//! TransactionCheck: a broker asks what became of a transaction.
//!
//! Read whole or not at all. Its text shows neither body nor properties.

use std::fmt;

use rmq_message::{StoredError, StoredMessage, property_key};
use rmq_remoting::{HeaderError, RemotingCommand};

use crate::protocol::CheckTransactionState;

/// A question of a broker, with the half message that it is about.
pub(crate) struct TransactionCheck {
    /// The broker that asks, and that waits for the answer.
    pub(crate) from: String,
    pub(crate) header: CheckTransactionState,
    pub(crate) message: StoredMessage,
}

/// Why a question cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableCheck {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("its message: {0}")]
    Message(#[from] StoredError),
}

impl TransactionCheck {
    pub(super) fn read(from: &str, request: &RemotingCommand) -> Result<Self, UnreadableCheck> {
        let header = request.header()?;
        let message = StoredMessage::decode(&mut request.body().clone())?;
        Ok(Self { from: from.to_owned(), header, message })
    }

    /// The group that the message names, in its namespace.
    pub(crate) fn group(&self) -> Option<&str> {
        self.message.properties().get(property_key::PRODUCER_GROUP)
    }
}

impl fmt::Display for TransactionCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.message.unique_id().or(self.header.msg_id.as_deref()).unwrap_or("without id");
        write!(f, "{id:?} of topic {:?}, asked by {}", &**self.message.topic(), self.from)
    }
}
