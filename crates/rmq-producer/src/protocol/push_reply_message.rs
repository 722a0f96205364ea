//! PUSH_REPLY_MESSAGE_TO_CLIENT (326): a broker brings the reply to a request; its body is the reply's, as the replier sent it.

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// Java: `ReplyMessageRequestHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushReplyMessage {
    /// The replier's.
    pub(crate) producer_group: String,
    pub(crate) topic: String,
    pub(crate) default_topic: String,
    pub(crate) default_topic_queue_nums: i32,
    pub(crate) queue_id: i32,
    pub(crate) sys_flag: i32,
    pub(crate) born_timestamp: i64,
    pub(crate) flag: i32,
    pub(crate) properties: Option<String>,
    pub(crate) reconsume_times: Option<i32>,
    pub(crate) unit_mode: Option<bool>,
    /// `ip:port`.
    pub(crate) born_host: String,
    /// `ip:port`.
    pub(crate) store_host: String,
    pub(crate) store_timestamp: i64,
}

impl CommandHeader for PushReplyMessage {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set("producerGroup", &self.producer_group);
        fields.set("topic", &self.topic);
        fields.set("defaultTopic", &self.default_topic);
        fields.set_display("defaultTopicQueueNums", self.default_topic_queue_nums);
        fields.set_display("queueId", self.queue_id);
        fields.set_display("sysFlag", self.sys_flag);
        fields.set_display("bornTimestamp", self.born_timestamp);
        fields.set_display("flag", self.flag);
        if let Some(properties) = &self.properties {
            fields.set("properties", properties);
        }
        if let Some(times) = self.reconsume_times {
            fields.set_display("reconsumeTimes", times);
        }
        if let Some(unit_mode) = self.unit_mode {
            fields.set_display("unitMode", unit_mode);
        }
        fields.set("bornHost", &self.born_host);
        fields.set("storeHost", &self.store_host);
        fields.set_display("storeTimestamp", self.store_timestamp);
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        let required = |name: &'static str| fields.require(name).map(str::to_owned);
        Ok(Self {
            producer_group: required("producerGroup")?,
            topic: required("topic")?,
            default_topic: required("defaultTopic")?,
            default_topic_queue_nums: fields.require_parse("defaultTopicQueueNums")?,
            queue_id: fields.require_parse("queueId")?,
            sys_flag: fields.require_parse("sysFlag")?,
            born_timestamp: fields.require_parse("bornTimestamp")?,
            flag: fields.require_parse("flag")?,
            properties: fields.get("properties").map(str::to_owned),
            reconsume_times: fields.parse("reconsumeTimes")?,
            unit_mode: fields.boolean("unitMode"),
            born_host: required("bornHost")?,
            store_host: required("storeHost")?,
            store_timestamp: fields.require_parse("storeTimestamp")?,
        })
    }
}
