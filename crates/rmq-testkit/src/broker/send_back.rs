//! CONSUMER_SEND_MSG_BACK: a consumer could not use a message and wants it again, later.

use std::sync::Arc;

use rmq_remoting::{RemotingCommand, ResponseCode};

use super::core::BrokerCore;
use super::schedule::divert;
use super::topics::{PERM_READ, PERM_WRITE};
use crate::fields::Fields;
use crate::names;
use crate::property_text::PropertyText;
use crate::store::NewMessage;
use crate::voice::Refusal;

/// Stores the message once more for its group, later each time, and at last with the dead letters
/// (`AbstractSendMessageProcessor#consumerSendMsgBack`).
pub(super) fn send_back(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "ConsumerSendMsgBackRequestHeader");
    let group = fields.required_text("group")?;
    let offset = fields.required_long("offset")?;
    let level = fields.required_int("delayLevel")?;
    let limit = fields.int("maxReconsumeTimes")?.unwrap_or(MAX_RECONSUME_TIMES);
    let Ok(Some(stored)) = core.store.at(offset) else {
        let text = format!("look message by offset failed, {offset}");
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
    };
    let mut properties = PropertyText::parse(&stored.properties_text);
    if properties.get("RETRY_TOPIC").is_none() {
        properties.set("RETRY_TOPIC", &stored.topic);
    }
    if properties.get("ORIGIN_MESSAGE_ID").is_none() {
        let origin = stored.unique_id().map_or_else(|| stored.offset_message_id(), str::to_owned);
        properties.set("ORIGIN_MESSAGE_ID", &origin);
    }
    let dead = level < 0 || stored.reconsume_times >= limit;
    let topic = if dead {
        properties.remove("DELAY");
        core.topics.for_group(&names::dead_letter_topic(group), PERM_WRITE)
    } else {
        let level = if level == 0 { FIRST_LEVEL.saturating_add(stored.reconsume_times) } else { level };
        properties.set("DELAY", &level.to_string());
        core.topics.for_group(&names::retry_topic(group), PERM_READ | PERM_WRITE)
    };
    let mut message = NewMessage {
        topic: topic.name,
        queue_id: 0,
        body: stored.body.clone(),
        flag: stored.flag,
        sys_flag: stored.sys_flag,
        born_timestamp: stored.born_timestamp,
        born_host: stored.born_host,
        store_host: core.door.socket_address(),
        reconsume_times: stored.reconsume_times.saturating_add(1),
        properties_text: String::new(),
    };
    let delay = divert(&mut message, &mut properties);
    message.properties_text = properties.write(core.voice.dialect.is_v5());
    let again = core.store.append(message, core.clock.now_millis());
    if let Some(delay) = delay {
        core.schedule.add(Arc::clone(&again), delay);
    }
    Ok(core.voice.answer(request, ResponseCode::SUCCESS))
}

const MAX_RECONSUME_TIMES: i32 = 16;
/// The first time back takes 10 s, each further one a level more.
const FIRST_LEVEL: i32 = 3;
