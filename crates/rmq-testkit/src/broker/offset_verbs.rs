//! Where queues begin and end, and what lies at a time: codes 29 to 32.
//!
//! A topic or queue that is not there is no error; it is empty.

use rmq_remoting::{RemotingCommand, ResponseCode};

use super::core::BrokerCore;
use crate::fields::Fields;
use crate::voice::Refusal;

/// GET_MAX_OFFSET: the next offset to be written.
pub(super) fn max(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let (topic, queue_id) = place(core, request, "GetMaxOffsetRequestHeader")?;
    Ok(offset_answer(core, request, core.store.range(topic, queue_id).max))
}

/// GET_MIN_OFFSET: the first offset that is still there.
pub(super) fn min(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let (topic, queue_id) = place(core, request, "GetMinOffsetRequestHeader")?;
    let answer = offset_answer(core, request, core.store.range(topic, queue_id).min);
    Ok(if core.voice.dialect.is_v5() { answer.with_remark("") } else { answer })
}

/// GET_EARLIEST_MSG_STORETIME: when the first message that is still there was stored.
pub(super) fn earliest(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let (topic, queue_id) = place(core, request, "GetEarliestMsgStoretimeRequestHeader")?;
    let first = core.store.read(topic, queue_id, 0, 1);
    let time = first.first().map_or(-1, |message| message.store_timestamp);
    Ok(core.voice.answer(request, ResponseCode::SUCCESS).with_field("timestamp", time.to_string()))
}

/// SEARCH_OFFSET_BY_TIMESTAMP.
pub(super) fn search(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let (topic, queue_id) = place(core, request, "SearchOffsetRequestHeader")?;
    let fields = Fields::of(request, core.voice.dialect, "SearchOffsetRequestHeader");
    let time = fields.required_long("timestamp")?;
    let upper = fields.text("boundaryType").is_some_and(|kind| kind.eq_ignore_ascii_case("upper"));
    let range = core.store.range(topic, queue_id);
    let times: Vec<i64> = core.store.queue(topic, queue_id).iter().map(|message| message.store_timestamp).collect();
    let at = if !core.voice.dialect.is_v5() {
        nearest(&times, time)
    } else if upper {
        times.partition_point(|&stored| stored <= time).saturating_sub(1)
    } else {
        times.partition_point(|&stored| stored < time)
    };
    Ok(offset_answer(core, request, range.min + i64::try_from(at).unwrap_or(0)))
}

/// 4.9 answers the nearest message, hence the last one for a time in the future (`ConsumeQueue#getOffsetInQueueByTime`).
fn nearest(times: &[i64], time: i64) -> usize {
    let right = times.partition_point(|&stored| stored < time);
    match (right.checked_sub(1).and_then(|left| times.get(left)), times.get(right)) {
        (Some(before), Some(after)) if after.abs_diff(time) > before.abs_diff(time) => right - 1,
        (Some(_), None) => right - 1,
        _ => right,
    }
}

fn place<'a>(core: &BrokerCore, request: &'a RemotingCommand, class: &'static str) -> Result<(&'a str, i32), Refusal> {
    let fields = Fields::of(request, core.voice.dialect, class);
    if core.voice.dialect.is_v5() {
        let topic = fields.required_text("topic")?;
        return Ok((topic, fields.required_int("queueId")?));
    }
    let queue_id = fields.required_int("queueId")?;
    Ok((fields.text("topic").unwrap_or_default(), queue_id))
}

fn offset_answer(core: &BrokerCore, request: &RemotingCommand, offset: i64) -> RemotingCommand {
    core.voice.answer(request, ResponseCode::SUCCESS).with_field("offset", offset.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_message_is_found() {
        let times = [100, 200, 300];
        for (time, at) in [(0, 0), (100, 0), (140, 0), (160, 1), (150, 1), (300, 2), (9000, 2)] {
            assert_eq!(nearest(&times, time), at, "{time}");
        }
        assert_eq!(nearest(&[], 5), 0);
    }
}
