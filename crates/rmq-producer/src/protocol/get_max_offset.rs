//! GET_MAX_OFFSET (30): where a queue ends; asked of a broker to see whether it answers at all.

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// Java: `GetMaxOffsetRequestHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GetMaxOffset {
    pub(crate) topic: String,
    pub(crate) queue_id: i32,
    pub(crate) broker_name: Option<String>,
}

impl CommandHeader for GetMaxOffset {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set("topic", &self.topic);
        fields.set_display("queueId", self.queue_id);
        if let Some(broker_name) = &self.broker_name {
            fields.set("bname", broker_name);
        }
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        Ok(Self {
            topic: fields.require("topic")?.to_owned(),
            queue_id: fields.require_parse("queueId")?,
            broker_name: fields.get("bname").map(str::to_owned),
        })
    }
}
