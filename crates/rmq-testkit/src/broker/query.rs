//! Finds single messages: VIEW_MESSAGE_BY_ID by log offset, QUERY_MESSAGE by key.

use rmq_remoting::{RemotingCommand, ResponseCode};

use super::core::BrokerCore;
use crate::fields::Fields;
use crate::store::{InsideMessage, StoredCopy, write_stored};
use crate::voice::Refusal;

/// The one message that starts at an offset of the log.
pub(super) fn by_offset(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "ViewMessageRequestHeader");
    let offset = fields.required_long("offset")?;
    match core.store.at(offset) {
        Ok(Some(message)) => {
            Ok(core.voice.own_answer(request, ResponseCode::SUCCESS).with_body(message.to_stored_bytes()))
        }
        Ok(None) => {
            Err(Refusal::new(ResponseCode::SYSTEM_ERROR, format!("can not find message by the offset, {offset}")))
        }
        // A Java broker takes whatever is there for a size; most often it is none.
        Err(InsideMessage) => Err(Refusal::exception(
            "java.lang.IllegalArgumentException: newLimit < 0: (-1558141096 < 0), \
             java.base/java.nio.Buffer.createLimitException(Buffer.java:395)",
        )),
    }
}

/// The newest messages of a topic with a key or unique id, oldest of them first.
pub(super) fn by_key(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "QueryMessageRequestHeader");
    let topic = fields.required_text("topic")?;
    let key = fields.required_text("key")?;
    let by_unique_id = fields.boolean("_UNIQUE_KEY_QUERY").unwrap_or(false);
    let wanted = if by_unique_id { MOST } else { fields.required_int("maxNum")? };
    let (begin, end) = (fields.required_long("beginTimestamp")?, fields.required_long("endTimestamp")?);
    let matches = |message: &StoredCopy| {
        (begin..=end).contains(&message.store_timestamp)
            && (message.unique_id() == Some(key) || message.keys().contains(&key))
    };
    let mut found = core.store.of_topic(topic);
    found.retain(|message| matches(message));
    let skip = found.len().saturating_sub(usize::try_from(wanted).unwrap_or(0));
    let found = &found[skip..];
    let newest = core.store.all().pop();
    let (last_time, last_offset) = match (found.is_empty(), newest) {
        (false, Some(newest)) => (newest.store_timestamp, newest.physical_offset),
        _ => (0, 0),
    };
    let answer = if found.is_empty() {
        core.voice
            .answer(request, ResponseCode::QUERY_NOT_FOUND)
            .with_remark("can not find message, maybe time range not correct")
    } else {
        let mut body = Vec::new();
        found.iter().for_each(|message| write_stored(message, &mut body));
        core.voice.own_answer(request, ResponseCode::SUCCESS).with_body(body)
    };
    Ok(answer
        .with_field("indexLastUpdateTimestamp", last_time.to_string())
        .with_field("indexLastUpdatePhyoffset", last_offset.to_string()))
}

/// `defaultQueryMaxNum`.
const MOST: i32 = 32;
