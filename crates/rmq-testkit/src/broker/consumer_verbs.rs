//! What consumers need besides pulls: their offsets, their peers, and locks on queues.

use rmq_remoting::{RemotingCommand, ResponseCode};
use serde::{Deserialize, Serialize};

use super::core::BrokerCore;
use super::queue_locks::QueueName;
use crate::fields::Fields;
use crate::voice::Refusal;

/// QUERY_CONSUMER_OFFSET. A group that is new on a queue whose first message is still there starts at 0, whatever it wished
/// (`ConsumerManageProcessor#queryConsumerOffset`).
pub(super) fn query_offset(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "QueryConsumerOffsetRequestHeader");
    let (group, topic) = (fields.required_text("consumerGroup")?, fields.required_text("topic")?);
    let queue_id = fields.required_int("queueId")?;
    let found =
        |offset: i64| core.voice.answer(request, ResponseCode::SUCCESS).with_field("offset", offset.to_string());
    let missing = |remark: &str| {
        let mut answer = core.voice.answer(request, ResponseCode::QUERY_NOT_FOUND).with_remark(remark);
        answer.ext_fields_mut();
        answer
    };
    if let Some(offset) = core.consumer_offsets.committed(group, topic, queue_id) {
        return Ok(found(offset));
    }
    if fields.boolean("setZeroIfNotFound") == Some(false) {
        return Ok(missing("Not found, do not set to zero, maybe this group boot first"));
    }
    let range = core.store.range(topic, queue_id);
    let has_first = range.min == 0 && (range.max > 0 || !core.voice.dialect.is_v5());
    Ok(if has_first { found(0) } else { missing("Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first") })
}

/// UPDATE_CONSUMER_OFFSET.
pub(super) fn update_offset(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "UpdateConsumerOffsetRequestHeader");
    let (group, topic) = (fields.required_text("consumerGroup")?, fields.required_text("topic")?);
    let (queue_id, offset) = (fields.required_int("queueId")?, fields.required_long("commitOffset")?);
    core.consumer_offsets.commit(group, topic, queue_id, offset);
    let mut answer = core.voice.answer(request, ResponseCode::SUCCESS);
    answer.ext_fields_mut();
    Ok(answer)
}

/// GET_CONSUMER_LIST_BY_GROUP.
pub(super) fn list_group(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        consumer_id_list: Vec<String>,
    }
    let fields = Fields::of(request, core.voice.dialect, "GetConsumerListByGroupRequestHeader");
    let group = fields.required_text("consumerGroup")?;
    let consumer_id_list = core.clients.consumers(group);
    let mut answer = if consumer_id_list.is_empty() {
        core.voice
            .answer(request, ResponseCode::SYSTEM_ERROR)
            .with_remark(format!("no consumer for this group, {group}"))
    } else {
        core.voice.answer(request, ResponseCode::SUCCESS).with_body(json(&Body { consumer_id_list })?)
    };
    answer.ext_fields_mut();
    Ok(answer)
}

/// LOCK_BATCH_MQ.
pub(super) fn lock_queues(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    #[derive(Serialize)]
    struct Body {
        #[serde(rename = "lockOKMQSet")]
        locked: Vec<QueueName>,
    }
    let wish = LockRequest::read(request)?;
    let locked = core.queue_locks.lock(&wish.consumer_group, &wish.client_id, wish.queues);
    Ok(core.voice.answer(request, ResponseCode::SUCCESS).with_body(json(&Body { locked })?))
}

/// UNLOCK_BATCH_MQ.
pub(super) fn unlock_queues(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let wish = LockRequest::read(request)?;
    core.queue_locks.unlock(&wish.consumer_group, &wish.client_id, wish.queues);
    Ok(core.voice.answer(request, ResponseCode::SUCCESS))
}

/// Java: `LockBatchRequestBody`, `UnlockBatchRequestBody`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LockRequest {
    consumer_group: String,
    client_id: String,
    #[serde(rename = "mqSet")]
    queues: Vec<QueueName>,
}

impl LockRequest {
    fn read(request: &RemotingCommand) -> Result<Self, Refusal> {
        serde_json::from_slice(request.body())
            .map_err(|error| Refusal::exception(format!("com.alibaba.fastjson.JSONException: {error}")))
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|error| Refusal::exception(error.to_string()))
}
