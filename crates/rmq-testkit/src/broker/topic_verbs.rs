//! Administration of topics: UPDATE_AND_CREATE_TOPIC and GET_TOPIC_STATS_INFO.

use std::fmt::Write as _;

use rmq_remoting::{RemotingCommand, ResponseCode};

use super::core::BrokerCore;
use super::topics::{TopicConfig, change_attributes, check_new_name};
use crate::fields::Fields;
use crate::java_json::{self, Escapes};
use crate::voice::Refusal;

/// UPDATE_AND_CREATE_TOPIC. Permissions and queue counts are taken as they are, also impossible ones.
pub(super) fn create(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let dialect = core.voice.dialect;
    let fields = Fields::of(request, dialect, "CreateTopicRequestHeader");
    let read_queues = fields.required_int("readQueueNums")?;
    let write_queues = fields.required_int("writeQueueNums")?;
    let perm = fields.required_int("perm")?;
    let sys_flag = fields.int("topicSysFlag")?.unwrap_or(0);
    let filter = fields.text("topicFilterType").unwrap_or_default();
    if !["SINGLE_TAG", "MULTI_TAG"].contains(&filter) {
        return Err(Refusal::exception(format!(
            "org.apache.rocketmq.remoting.exception.RemotingCommandException: topicFilterType = [{filter}] value invalid"
        )));
    }
    let name = fields.text("topic").unwrap_or_default();
    check_new_name(name, dialect)?;
    let known = core.topics.get(name);
    let mut config = TopicConfig { read_queues, write_queues, perm, sys_flag, ..TopicConfig::new(name, 0) };
    config.multi_tag = filter == "MULTI_TAG";
    if dialect.is_v5() {
        config.order = fields.boolean("order").unwrap_or(false);
        let current = known.as_ref().map(|topic| topic.attributes.clone()).unwrap_or_default();
        let changes = fields.text("attributes").unwrap_or_default();
        config.attributes = change_attributes(&current, known.is_none(), changes)?;
    }
    core.topics.put(config);
    Ok(core.voice.answer(request, ResponseCode::SUCCESS).with_remark("not set any response code"))
}

/// GET_TOPIC_STATS_INFO: a table whose keys are objects, as fastjson writes it (`TopicStatsTable`).
pub(super) fn stats(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "GetTopicStatsInfoRequestHeader");
    let name = fields.required_text("topic")?;
    let Some(topic) = core.topics.get(name) else {
        return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("topic[{name}] not exist")));
    };
    let quote = |text: &str| java_json::quote(text, Escapes::Few);
    let mut body = String::from("{\"offsetTable\":{");
    for queue_id in 0..topic.read_queues.max(topic.write_queues) {
        let range = core.store.range(name, queue_id);
        let last = core.store.read(name, queue_id, range.max - 1, 1);
        let last_time = last.first().map_or(0, |message| message.store_timestamp);
        let comma = if queue_id == 0 { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(
            body,
            "{comma}{{\"brokerName\":{},\"queueId\":{queue_id},\"topic\":{}}}:\
             {{\"lastUpdateTimestamp\":{last_time},\"maxOffset\":{},\"minOffset\":{}}}",
            quote(&core.name),
            quote(name),
            range.max,
            range.min,
        );
    }
    body.push_str("}}");
    Ok(core.voice.answer(request, ResponseCode::SUCCESS).with_body(body))
}
