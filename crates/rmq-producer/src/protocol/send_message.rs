//! SEND_MESSAGE (10, long field names) and SEND_MESSAGE_V2 (310, one letter each): one message for one queue.
//!
//! Both headers say the same under different names. Java: `SendMessageRequestHeader`, `SendMessageRequestHeaderV2`,
//! `SendMessageResponseHeader`.

use std::borrow::Cow;

use rmq_remoting::{CommandHeader, ExtFields, HeaderError};

/// What both forms of the header say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendMessage<'a> {
    pub(crate) producer_group: Cow<'a, str>,
    pub(crate) topic: Cow<'a, str>,
    /// The topic whose settings a broker copies when it creates `topic`.
    pub(crate) default_topic: Cow<'a, str>,
    pub(crate) default_topic_queue_nums: i32,
    pub(crate) queue_id: i32,
    pub(crate) sys_flag: i32,
    /// Milliseconds since 1970 UTC, of this attempt.
    pub(crate) born_timestamp: i64,
    pub(crate) flag: i32,
    pub(crate) properties: Option<Cow<'a, str>>,
    pub(crate) reconsume_times: Option<i32>,
    pub(crate) unit_mode: Option<bool>,
    pub(crate) max_reconsume_times: Option<i32>,
    /// Makes the broker read the body as many messages; the code does not.
    pub(crate) batch: Option<bool>,
    /// Since 4.9.5.
    pub(crate) broker_name: Option<Cow<'a, str>>,
}

/// The header with long names, for SEND_MESSAGE and SEND_REPLY_MESSAGE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendMessageV1<'a>(pub(crate) SendMessage<'a>);

/// The header with one letter per field, for SEND_MESSAGE_V2, SEND_BATCH_MESSAGE and SEND_REPLY_MESSAGE_V2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendMessageV2<'a>(pub(crate) SendMessage<'a>);

impl CommandHeader for SendMessageV1<'_> {
    fn encode(&self, fields: &mut ExtFields) {
        self.0.encode_under(&LONG, fields);
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        SendMessage::decode_under(&LONG, fields).map(Self)
    }
}

impl CommandHeader for SendMessageV2<'_> {
    fn encode(&self, fields: &mut ExtFields) {
        self.0.encode_under(&SHORT, fields);
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        SendMessage::decode_under(&SHORT, fields).map(Self)
    }
}

impl SendMessage<'_> {
    fn encode_under(&self, names: &Names, fields: &mut ExtFields) {
        fields.set(names.producer_group, &self.producer_group);
        fields.set(names.topic, &self.topic);
        fields.set(names.default_topic, &self.default_topic);
        fields.set_display(names.default_topic_queue_nums, self.default_topic_queue_nums);
        fields.set_display(names.queue_id, self.queue_id);
        fields.set_display(names.sys_flag, self.sys_flag);
        fields.set_display(names.born_timestamp, self.born_timestamp);
        fields.set_display(names.flag, self.flag);
        if let Some(properties) = &self.properties {
            fields.set(names.properties, properties);
        }
        if let Some(times) = self.reconsume_times {
            fields.set_display(names.reconsume_times, times);
        }
        if let Some(unit_mode) = self.unit_mode {
            fields.set_display(names.unit_mode, unit_mode);
        }
        if let Some(times) = self.max_reconsume_times {
            fields.set_display(names.max_reconsume_times, times);
        }
        if let Some(batch) = self.batch {
            fields.set_display(names.batch, batch);
        }
        if let Some(broker_name) = &self.broker_name {
            fields.set(names.broker_name, broker_name);
        }
    }

    fn decode_under(names: &Names, fields: &ExtFields) -> Result<Self, HeaderError> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        Ok(Self {
            producer_group: owned(fields.require(names.producer_group)?),
            topic: owned(fields.require(names.topic)?),
            default_topic: owned(fields.require(names.default_topic)?),
            default_topic_queue_nums: fields.require_parse(names.default_topic_queue_nums)?,
            queue_id: fields.require_parse(names.queue_id)?,
            sys_flag: fields.require_parse(names.sys_flag)?,
            born_timestamp: fields.require_parse(names.born_timestamp)?,
            flag: fields.require_parse(names.flag)?,
            properties: fields.get(names.properties).map(owned),
            reconsume_times: fields.parse(names.reconsume_times)?,
            unit_mode: fields.boolean(names.unit_mode),
            max_reconsume_times: fields.parse(names.max_reconsume_times)?,
            batch: fields.boolean(names.batch),
            broker_name: fields.get(names.broker_name).map(owned),
        })
    }
}

/// What a broker says of a message that it stored. Java: `SendMessageResponseHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendMessageReply {
    /// The broker's own id: store address and offset in the commit log.
    pub(crate) msg_id: String,
    /// May differ from the queue asked for: priority messages, static topics.
    pub(crate) queue_id: i32,
    pub(crate) queue_offset: i64,
    /// Since 5.0, and then on every message, not only on half messages.
    pub(crate) transaction_id: Option<String>,
    pub(crate) batch_uniq_id: Option<String>,
    pub(crate) recall_handle: Option<String>,
    pub(crate) region_id: Option<String>,
    /// Off only by the exact text `false`.
    pub(crate) trace_on: bool,
}

impl CommandHeader for SendMessageReply {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set("msgId", &self.msg_id);
        fields.set_display("queueId", self.queue_id);
        fields.set_display("queueOffset", self.queue_offset);
        let texts = [
            ("transactionId", &self.transaction_id),
            ("batchUniqId", &self.batch_uniq_id),
            ("recallHandle", &self.recall_handle),
            ("MSG_REGION", &self.region_id),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
        fields.set_display("TRACE_ON", self.trace_on);
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        let text = |name| fields.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        Ok(Self {
            msg_id: fields.require("msgId")?.to_owned(),
            queue_id: fields.require_parse("queueId")?,
            queue_offset: fields.require_parse("queueOffset")?,
            transaction_id: text("transactionId"),
            batch_uniq_id: text("batchUniqId"),
            recall_handle: text("recallHandle"),
            region_id: text("MSG_REGION"),
            trace_on: fields.get("TRACE_ON") != Some("false"),
        })
    }
}

/// The fields that differ from message to message: queue id, sys flag, born time, flag, properties, reconsume times and their bound.
pub(crate) const VARIABLE_LONG: [&str; 7] = LONG.variable();
/// The same with one letter each.
pub(crate) const VARIABLE_SHORT: [&str; 7] = SHORT.variable();

impl Names {
    const fn variable(&self) -> [&'static str; 7] {
        [
            self.queue_id,
            self.sys_flag,
            self.born_timestamp,
            self.flag,
            self.properties,
            self.reconsume_times,
            self.max_reconsume_times,
        ]
    }
}

struct Names {
    producer_group: &'static str,
    topic: &'static str,
    default_topic: &'static str,
    default_topic_queue_nums: &'static str,
    queue_id: &'static str,
    sys_flag: &'static str,
    born_timestamp: &'static str,
    flag: &'static str,
    properties: &'static str,
    reconsume_times: &'static str,
    unit_mode: &'static str,
    max_reconsume_times: &'static str,
    batch: &'static str,
    broker_name: &'static str,
}

const LONG: Names = Names {
    producer_group: "producerGroup",
    topic: "topic",
    default_topic: "defaultTopic",
    default_topic_queue_nums: "defaultTopicQueueNums",
    queue_id: "queueId",
    sys_flag: "sysFlag",
    born_timestamp: "bornTimestamp",
    flag: "flag",
    properties: "properties",
    reconsume_times: "reconsumeTimes",
    unit_mode: "unitMode",
    max_reconsume_times: "maxReconsumeTimes",
    batch: "batch",
    broker_name: "bname",
};

const SHORT: Names = Names {
    producer_group: "a",
    topic: "b",
    default_topic: "c",
    default_topic_queue_nums: "d",
    queue_id: "e",
    sys_flag: "f",
    born_timestamp: "g",
    flag: "h",
    properties: "i",
    reconsume_times: "j",
    unit_mode: "k",
    max_reconsume_times: "l",
    batch: "m",
    broker_name: "n",
};
