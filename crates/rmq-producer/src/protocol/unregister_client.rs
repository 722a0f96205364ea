//! UNREGISTER_CLIENT (35): a client leaves; told to every broker that knows it.

use std::borrow::Cow;

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// Java: `UnregisterClientRequestHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnregisterClient<'a> {
    pub(crate) client_id: Cow<'a, str>,
    pub(crate) producer_group: Option<Cow<'a, str>>,
    pub(crate) consumer_group: Option<Cow<'a, str>>,
}

impl CommandHeader for UnregisterClient<'_> {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set(CLIENT_ID, &self.client_id);
        if let Some(group) = &self.producer_group {
            fields.set(PRODUCER_GROUP, group);
        }
        if let Some(group) = &self.consumer_group {
            fields.set(CONSUMER_GROUP, group);
        }
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        let owned = |name| fields.get(name).map(|group| Cow::Owned(group.to_owned()));
        Ok(Self {
            client_id: fields.require(CLIENT_ID)?.to_owned().into(),
            producer_group: owned(PRODUCER_GROUP),
            consumer_group: owned(CONSUMER_GROUP),
        })
    }
}

const CLIENT_ID: &str = "clientID";
const PRODUCER_GROUP: &str = "producerGroup";
const CONSUMER_GROUP: &str = "consumerGroup";
