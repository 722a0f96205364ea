//! Hands messages out: PULL_MESSAGE, also as LITE_PULL_MESSAGE.
//!
//! A pull that finds nothing and may be suspended waits for a message in its queue; its answer is then the same as if it had come later.

use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{RemotingCommand, ResponseCode};
use tokio::time::Instant;

use super::clients::Subscribed;
use super::core::BrokerCore;
use super::subscription::{Subscription, Tags};
use super::topics::PERM_READ;
use crate::fields::Fields;
use crate::server::{Caller, Outcome};
use crate::store::{StoredCopy, stored_size, write_stored};
use crate::voice::Refusal;

/// Answers a pull, now or when there is something to answer.
pub(super) fn pull(core: &Arc<BrokerCore>, caller: &Caller, request: &RemotingCommand) -> Outcome {
    let empty = |refusal: Refusal| {
        let by_exception = refusal.by_exception;
        let mut answer = core.voice.refuse(request, refusal);
        if !by_exception {
            answer.ext_fields_mut();
        }
        Outcome::Answer(answer)
    };
    let wish = match Wish::read(core, caller, request) {
        Ok(wish) => wish,
        Err(refusal) => return empty(refusal),
    };
    if wish.commits {
        core.consumer_offsets.commit(&wish.group, &wish.topic, wish.queue_id, wish.commit_offset);
    }
    let found = wish.look(core);
    if found.code() != ResponseCode::PULL_NOT_FOUND || wish.suspend.is_zero() {
        return Outcome::Answer(found.answer(core, request));
    }
    let (core, request) = (Arc::clone(core), request.clone());
    Outcome::Later(Box::pin(async move { wish.wait(&core).await.answer(&core, &request) }))
}

/// What a consumer asks for.
struct Wish {
    group: String,
    topic: Arc<str>,
    queue_id: i32,
    offset: i64,
    at_most: usize,
    tags: Tags,
    commits: bool,
    commit_offset: i64,
    /// How long the pull may wait; zero when it may not.
    suspend: Duration,
}

impl Wish {
    fn read(core: &BrokerCore, caller: &Caller, request: &RemotingCommand) -> Result<Self, Refusal> {
        let dialect = core.voice.dialect;
        let fields = Fields::of(request, dialect, "PullMessageRequestHeader");
        let group = fields.required_text("consumerGroup")?;
        let name = fields.required_text("topic")?;
        let queue_id = fields.required_int("queueId")?;
        let offset = fields.required_long("queueOffset")?;
        let at_most = fields.required_int("maxMsgNums")?;
        let sys_flag = fields.required_int("sysFlag")?;
        let commit_offset = fields.long("commitOffset")?.unwrap_or(0);
        let suspend = fields.long("suspendTimeoutMillis")?.unwrap_or(0);
        let version = fields.long("subVersion")?.unwrap_or(0);
        let Some(topic) = core.topics.get(name) else {
            return Err(Refusal::new(
                ResponseCode::TOPIC_NOT_EXIST,
                format!("topic[{name}] not exist, apply first please! {}", dialect.see()),
            ));
        };
        if topic.perm & PERM_READ == 0 {
            let text = format!("the topic[{name}] pulling message is forbidden");
            return Err(Refusal::new(ResponseCode::NO_PERMISSION, text));
        }
        if queue_id < 0 || queue_id >= topic.read_queues {
            let text = format!(
                "queueId[{queue_id}] is illegal, topic:[{name}] topicConfig.readQueueNums:[{}] consumer:[/{}]",
                topic.read_queues, caller.address
            );
            return Err(Refusal::new(dialect.invalid_parameter(), text));
        }
        let subscription = if sys_flag & SUBSCRIPTION_GIVEN != 0 {
            Subscription {
                topic: name.to_owned(),
                version,
                tags: Tags::parse(fields.text("subscription").unwrap_or_default()),
                expression_type: fields.text("expressionType").map(str::to_owned),
            }
        } else {
            registered(core, group, name, version)?
        };
        if !subscription.is_by_tag() {
            let kind = subscription.expression_type.unwrap_or_default();
            let text = format!("The broker does not support consumer to filter message by {kind}");
            return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
        }
        Ok(Self {
            group: group.to_owned(),
            topic: topic.name,
            queue_id,
            offset,
            at_most: usize::try_from(at_most).unwrap_or(0).min(MOST_MESSAGES),
            tags: subscription.tags,
            commits: sys_flag & COMMITS_OFFSET != 0,
            commit_offset,
            suspend: if sys_flag & MAY_SUSPEND != 0 {
                Duration::from_millis(u64::try_from(suspend).unwrap_or(0)).min(LONGEST_WAIT)
            } else {
                Duration::ZERO
            },
        })
    }

    /// What is there now (`DefaultMessageStore#getMessage`).
    fn look(&self, core: &BrokerCore) -> Found {
        let range = core.store.range(&self.topic, self.queue_id);
        let found = |status, next| Found { status, asked: self.offset, next, range, messages: Vec::new() };
        if range.max == 0 {
            return found(Status::NoMessageInQueue, 0);
        }
        if self.offset < range.min {
            return found(Status::OffsetTooSmall, range.min);
        }
        if self.offset == range.max {
            return found(Status::OffsetOverflowOne, self.offset);
        }
        if self.offset > range.max {
            return found(Status::OffsetOverflowBadly, range.max);
        }
        let (mut messages, mut bytes, mut next): (Vec<Arc<StoredCopy>>, usize, i64) = (Vec::new(), 0, self.offset);
        for message in core.store.read(&self.topic, self.queue_id, self.offset, SCAN) {
            if messages.len() >= self.at_most {
                break;
            }
            if self.tags.pass(message.tags()) {
                let size = stored_size(&message);
                if !messages.is_empty() && bytes + size > MOST_BYTES {
                    break;
                }
                bytes += size;
                messages.push(Arc::clone(&message));
            }
            next = message.queue_offset + 1;
        }
        let status = if messages.is_empty() { Status::NoMatchedMessage } else { Status::Found };
        Found { messages, ..found(status, next) }
    }

    /// What is there once a message has come, or the time is over.
    async fn wait(&self, core: &BrokerCore) -> Found {
        let deadline = Instant::now() + self.suspend;
        let arrived = core.store.arrived(&self.topic, self.queue_id);
        loop {
            let mut arrival = std::pin::pin!(arrived.notified());
            // Enabled before looking, so that nothing slips in between.
            arrival.as_mut().enable();
            let found = self.look(core);
            if found.code() != ResponseCode::PULL_NOT_FOUND {
                return found;
            }
            if tokio::time::timeout_at(deadline, arrival).await.is_err() {
                return found;
            }
        }
    }
}

/// What a look into a queue yields.
struct Found {
    status: Status,
    asked: i64,
    next: i64,
    range: crate::store::Range,
    messages: Vec<Arc<StoredCopy>>,
}

/// Java: `GetMessageStatus`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Found,
    NoMatchedMessage,
    NoMessageInQueue,
    OffsetTooSmall,
    OffsetOverflowOne,
    OffsetOverflowBadly,
}

impl Found {
    /// `PullMessageProcessor#processRequest`.
    fn code(&self) -> ResponseCode {
        match self.status {
            Status::Found => ResponseCode::SUCCESS,
            Status::NoMatchedMessage => ResponseCode::PULL_RETRY_IMMEDIATELY,
            Status::NoMessageInQueue if self.asked != 0 => ResponseCode::PULL_OFFSET_MOVED,
            Status::NoMessageInQueue | Status::OffsetOverflowOne => ResponseCode::PULL_NOT_FOUND,
            Status::OffsetTooSmall | Status::OffsetOverflowBadly => ResponseCode::PULL_OFFSET_MOVED,
        }
    }

    fn answer(&self, core: &BrokerCore, request: &RemotingCommand) -> RemotingCommand {
        let code = self.code();
        let mut answer = if self.status == Status::Found {
            let mut body = Vec::with_capacity(self.messages.iter().map(|message| stored_size(message)).sum());
            self.messages.iter().for_each(|message| write_stored(message, &mut body));
            core.voice.own_answer(request, code).with_body(body)
        } else {
            core.voice.answer(request, code)
        };
        answer = answer.with_remark(match self.status {
            Status::Found => "FOUND",
            Status::NoMatchedMessage => "NO_MATCHED_MESSAGE",
            Status::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
            Status::OffsetTooSmall => "OFFSET_TOO_SMALL",
            Status::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
            Status::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
        });
        let fields = answer.ext_fields_mut();
        fields.set("suggestWhichBrokerId", "0");
        fields.set_display("nextBeginOffset", self.next);
        fields.set_display("minOffset", self.range.min);
        fields.set_display("maxOffset", self.range.max);
        if core.voice.dialect.is_v5() {
            fields.set("groupSysFlag", "0");
            fields.set("topicSysFlag", "0");
        }
        answer
    }
}

/// The subscription that the group's heartbeats registered.
fn registered(core: &BrokerCore, group: &str, topic: &str, version: i64) -> Result<Subscription, Refusal> {
    let see = core.voice.dialect.see();
    match core.clients.subscription(group, topic) {
        Subscribed::To(subscription) if subscription.version >= version => Ok(subscription),
        Subscribed::To(_) => {
            Err(Refusal::new(ResponseCode::SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest"))
        }
        Subscribed::NotToTopic => Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_NOT_EXIST,
            format!("the consumer's subscription not exist{see}"),
        )),
        Subscribed::NoSuchGroup => {
            Err(Refusal::new(ResponseCode::SUBSCRIPTION_NOT_EXIST, format!("the consumer's group info not exist{see}")))
        }
    }
}

const COMMITS_OFFSET: i32 = 1;
const MAY_SUSPEND: i32 = 2;
const SUBSCRIPTION_GIVEN: i32 = 4;
/// `maxTransferCountOnMessageInMemory` and `maxTransferBytesOnMessageInMemory`.
const MOST_MESSAGES: usize = 32;
const MOST_BYTES: usize = 256 * 1024;
/// No consumer asks for more; a number from the network must not overflow the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How many messages one pull looks at when few match (`maxFilterMessageCount` / 20 bytes of queue each).
const SCAN: usize = 800;
