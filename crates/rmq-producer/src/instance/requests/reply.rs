//! Reply: what a broker brings in answer to a request message.
//!
//! Its body is left as the replier packed it; who takes the reply unpacks it. Its text shows neither body nor properties.

use std::fmt;

use bytes::Bytes;
use rmq_message::{Properties, property_key};
use rmq_remoting::{HeaderError, RemotingCommand};

use crate::protocol::PushReplyMessage;

pub(crate) struct Reply {
    pub(crate) header: PushReplyMessage,
    pub(crate) properties: Properties,
    /// Packed, if the sys flag says so.
    pub(crate) body: Bytes,
}

impl Reply {
    pub(super) fn read(request: &RemotingCommand) -> Result<Self, HeaderError> {
        let header: PushReplyMessage = request.header()?;
        let properties = Properties::decode(header.properties.as_deref().unwrap_or_default());
        Ok(Self { header, properties, body: request.body().clone() })
    }

    /// Says which request it answers.
    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.properties.get(property_key::CORRELATION_ID)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.correlation_id().unwrap_or("without id");
        write!(
            f,
            "{id:?} of topic {:?}, {} bytes, from {:?}",
            self.header.topic,
            self.body.len(),
            self.header.born_host
        )
    }
}
