//! Response code and header → stored, or why not.
//!
//! The one place where an answer is classified; whatever is not known for certain counts as maybe stored.

use std::sync::atomic::{AtomicU64, Ordering};

use rmq_remoting::{Answer, Endpoint, RemotingCommand, ResponseCode};

use crate::error::{ACL_REMARK, AttemptError, Outcome};
use crate::protocol::SendMessageReply;
use crate::send_result::SendStatus;

/// What a broker said of a message that it stored. All else is looked up in its answer when somebody asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(super) status: SendStatus,
    /// May differ from the queue asked for: priority messages, static topics.
    pub(super) queue_id: i32,
    pub(super) queue_offset: i64,
}

/// Where in the answers of a broker the fields are that every send reads: in all of those alike they are where they were.
///
/// The id of the answers' fields in the upper 40 bits; below them the places of the id, the offset and the queue, a byte each.
#[derive(Debug, Default)]
pub(super) struct Places(AtomicU64);

/// Takes a quick look at the answer to a send. `None`: the message is not stored, or a [closer look](read) has to say.
#[inline(always)]
pub(super) fn stored(answer: &Answer, places: &Places) -> Option<Stored> {
    let status = status(answer.response_code())?;
    let (queue_id, queue_offset) = places.read(answer)?;
    Some(Stored { status, queue_id, queue_offset })
}

/// Reads the answer to a send.
pub(super) fn read(answer: &Answer, addr: &Endpoint, places: &Places) -> Result<Stored, AttemptError> {
    if let Some(stored) = stored(answer, places) {
        return Ok(stored);
    }
    let code = answer.response_code();
    let Some(status) = status(code) else {
        let remark = answer.remark().unwrap_or_default();
        let outcome = classify(code, remark);
        return Err(AttemptError::Refused { addr: addr.clone(), code, remark: remark.to_owned(), outcome });
    };
    // What the quick look does not take, the header's own reader names; or takes.
    match RemotingCommand::from(answer.clone()).header::<SendMessageReply>() {
        Ok(reply) => Ok(Stored { status, queue_id: reply.queue_id, queue_offset: reply.queue_offset }),
        Err(source) => Err(AttemptError::UnreadableAnswer { addr: addr.clone(), code, source }),
    }
}

impl Places {
    /// Queue and place in it, if the header has them and an id.
    #[inline(always)]
    fn read(&self, answer: &Answer) -> Option<(i32, i64)> {
        let mut places = self.0.load(Ordering::Relaxed);
        if answer.fields_id() != Some(places >> ID_SHIFT) {
            places = self.look_up(answer)?;
        }
        let [queue_id, queue_offset, ..] = places.to_le_bytes();
        let queue_id = answer.field_at(queue_id.into())?.as_i64()?;
        let queue_offset = answer.field_at(queue_offset.into())?.as_i64()?;
        Some((i32::try_from(queue_id).ok()?, queue_offset))
    }

    /// Finds the fields by their names, and remembers where they are.
    #[cold]
    fn look_up(&self, answer: &Answer) -> Option<u64> {
        let place = |name| answer.field_place(name).and_then(|place| u8::try_from(place).ok());
        let id = answer.fields_id().filter(|id| *id <= u64::MAX >> ID_SHIFT).unwrap_or(NO_ID);
        let places = u64::from_le_bytes([place("queueId")?, place("queueOffset")?, place("msgId")?, 0, 0, 0, 0, 0]);
        let places = places | id << ID_SHIFT;
        if id != NO_ID {
            self.0.store(places, Ordering::Relaxed);
        }
        Some(places)
    }
}

/// What is below it belongs to the places.
const ID_SHIFT: u32 = 24;

/// The id of no answer.
const NO_ID: u64 = 0;

/// The four codes that say that the message is stored.
#[inline]
fn status(code: ResponseCode) -> Option<SendStatus> {
    // Before the others: it is what nearly all say.
    if code == ResponseCode::SUCCESS { Some(SendStatus::SendOk) } else { lesser_status(code) }
}

#[cold]
fn lesser_status(code: ResponseCode) -> Option<SendStatus> {
    match code {
        ResponseCode::FLUSH_DISK_TIMEOUT => Some(SendStatus::FlushDiskTimeout),
        ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(SendStatus::FlushSlaveTimeout),
        ResponseCode::SLAVE_NOT_AVAILABLE => Some(SendStatus::SlaveNotAvailable),
        _ => None,
    }
}

/// What a refusal says of the message.
pub(super) fn classify(code: ResponseCode, remark: &str) -> Outcome {
    match code {
        ResponseCode::SYSTEM_BUSY
        | ResponseCode::SERVICE_NOT_AVAILABLE
        | ResponseCode::FLOW_CONTROL
        | ResponseCode::GO_AWAY => Outcome::Busy,
        ResponseCode::REQUEST_CODE_NOT_SUPPORTED
        | ResponseCode::MESSAGE_ILLEGAL
        | ResponseCode::VERSION_NOT_SUPPORTED
        | ResponseCode::NO_PERMISSION
        | ResponseCode::TOPIC_NOT_EXIST
        | ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST
        | ResponseCode::INVALID_PARAMETER
        | ResponseCode::NO_BUYER_ID
        | ResponseCode::NOT_IN_CURRENT_UNIT
        | ResponseCode::NOT_LEADER_FOR_QUEUE
        | ResponseCode::ILLEGAL_OPERATION
        | ResponseCode::LMQ_QUOTA_EXCEEDED
        | ResponseCode::USER_NOT_EXIST
        | ResponseCode::POLICY_NOT_EXIST => Outcome::Rejected,
        ResponseCode::SYSTEM_ERROR => by_remark(remark),
        _ => Outcome::MaybeStored,
    }
}

/// Tells whether the broker says that it does not have the queue: one of another number might be taken, or by another broker.
pub(super) fn is_wrong_queue(code: ResponseCode, remark: &str) -> bool {
    match code {
        ResponseCode::SYSTEM_ERROR | ResponseCode::INVALID_PARAMETER => remark.starts_with(WRONG_QUEUE_REMARK),
        ResponseCode::NOT_LEADER_FOR_QUEUE => true, // of a static topic
        _ => false,
    }
}

/// SYSTEM_ERROR covers refusals, a full page cache, and stores that failed half-way; only the remark tells them apart.
fn by_remark(remark: &str) -> Outcome {
    if BUSY_REMARKS.iter().any(|start| remark.starts_with(start)) {
        Outcome::Busy
    } else if REFUSAL_REMARKS.iter().any(|start| remark.starts_with(start)) {
        Outcome::Rejected
    } else {
        Outcome::MaybeStored
    }
}

/// Remarks of a broker that had not begun to store.
const BUSY_REMARKS: &[&str] = &[
    "[PC_SYNCHRONIZED]", // 4.9, page cache busy; code 2 since 5.3.0 (AbstractSendMessageProcessor, SendMessageProcessor#handlePutMessageResult)
    "[REJECTREQUEST]",
    "[OVERLOAD]",
    "[TIMEOUT_CLEAN_QUEUE]",
    "[PCBUSY_CLEAN_QUEUE]",
    "timer message is under flow control", // 5.x (SendMessageProcessor#handlePutMessageResult)
    "broker unable to service, until ",    // its start time is not reached (SendMessageProcessor#preSend)
];

/// 4.9, under INVALID_PARAMETER since 5.3.2 (AbstractSendMessageProcessor#msgCheck).
const WRONG_QUEUE_REMARK: &str = "request queueId[";

/// Remarks of a broker that refused before it stored.
const REFUSAL_REMARKS: &[&str] = &[
    ACL_REMARK,
    WRONG_QUEUE_REMARK,
    "The specified topic",                   // 4.9, 29 since 5.3.2 (TopicValidator#validateTopic)
    "accurate timer message is not enabled", // 5.x
];

#[cfg(test)]
mod tests;
