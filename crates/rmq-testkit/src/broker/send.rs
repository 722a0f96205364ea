//! Takes messages in: SEND_MESSAGE, SEND_MESSAGE_V2, SEND_BATCH_MESSAGE.
//!
//! The checks and their order are those of `SendMessageProcessor`; what a Java broker throws for is answered with an exception text and without
//! region fields, what it refuses has them.

use std::sync::Arc;

use rmq_remoting::{RemotingCommand, RequestCode, ResponseCode};

use super::core::BrokerCore;
use super::schedule::divert;
use super::static_topic;
use super::topics::{PERM_READ, PERM_WRITE, TopicConfig};
use crate::dialect::Dialect;
use crate::fields::Fields;
use crate::names::{self, RETRY_PREFIX};
use crate::property_text::PropertyText;
use crate::server::Caller;
use crate::store::{BatchEntry, NewMessage, StoredCopy, split_batch};
use crate::voice::Refusal;

/// Stores the message or messages of one send.
pub(super) fn send(core: &BrokerCore, caller: &Caller, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let dialect = core.voice.dialect;
    let mut header = Header::read(request, dialect)?;
    if dialect.is_v5() {
        header.fields.required_text(header.names.topic)?;
        if request.body().is_empty() {
            return Err(Refusal::exception(NO_BODY));
        }
    }
    let logical = header.queue_id.unwrap_or_default();
    let held = match static_topic::find(core, header.topic.unwrap_or_default(), logical) {
        Ok(held) => held,
        Err(refusal) => return Ok(core.voice.refuse(request, refusal)),
    };
    if let Some(held) = held {
        header.queue_id = Some(held.queue_id);
    }
    match accept(core, caller, request, &header) {
        Ok(mut answer) => {
            if let Some(held) = held {
                static_topic::rewrite(&mut answer, logical, held);
            }
            Ok(with_region(request, answer))
        }
        Err(refusal) if refusal.by_exception => Err(refusal),
        Err(refusal) => Ok(with_region(request, core.voice.refuse(request, refusal))),
    }
}

/// Adds what the send processor puts on each of its answers; others stay as they are.
pub(super) fn with_region(request: &RemotingCommand, answer: RemotingCommand) -> RemotingCommand {
    match request.request_code() {
        RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE => {
            answer.with_field("TRACE_ON", "true").with_field("MSG_REGION", REGION)
        }
        _ => answer,
    }
}

fn accept(
    core: &BrokerCore,
    caller: &Caller,
    request: &RemotingCommand,
    header: &Header<'_>,
) -> Result<RemotingCommand, Refusal> {
    let topic = find_topic(core, caller, header)?;
    let sys_flag = header.sys_flag.ok_or_else(|| header.null("sysFlag", "Integer.intValue"))?
        | if topic.multi_tag { MULTI_TAGS } else { 0 };
    let mut message = NewMessage {
        topic: Arc::clone(&topic.name),
        queue_id: queue(core, caller, header, &topic)?,
        body: request.body().clone(),
        flag: header.flag.ok_or_else(|| header.null("flag", "Integer.intValue"))?,
        sys_flag,
        born_timestamp: header.born_timestamp.ok_or_else(|| header.null("bornTimestamp", "Long.longValue"))?,
        born_host: caller.address,
        store_host: core.door.socket_address(),
        reconsume_times: header.reconsume_times.unwrap_or(0),
        properties_text: String::new(),
    };
    if let Some(dead) = dead_letter_queue(core, header, &topic, request.version()) {
        message.topic = dead.name;
        message.queue_id = 0;
    }
    let properties = PropertyText::parse(header.properties.unwrap_or_default());
    if header.batch {
        return store_batch(core, request, &message, properties);
    }
    store_one(core, request, message, properties)
}

fn store_one(
    core: &BrokerCore,
    request: &RemotingCommand,
    mut message: NewMessage,
    mut properties: PropertyText,
) -> Result<RemotingCommand, Refusal> {
    let dialect = core.voice.dialect;
    if properties.get("TRAN_MSG").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        // What a broker with rejectTransactionMessage=true says.
        let ip = message.store_host.ip();
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{ip}] sending transaction message is forbidden"),
        ));
    }
    if dialect.is_v5() {
        if TIMER_PROPERTIES.iter().any(|name| properties.get(name).is_some()) {
            // What a broker with timerWheelEnable=false says.
            return Err(Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                "accurate timer message is not enabled, timerWheelEnable is false",
            ));
        }
        if properties.get("UNIQ_KEY").is_none() {
            properties.set("UNIQ_KEY", &made_up_id(core));
        }
        properties.set("MSG_REGION", REGION);
        properties.set("TRACE_ON", "true");
        properties.remove("POP_CK");
    }
    properties.set("CLUSTER", &core.cluster);
    let transaction_id = properties.get("UNIQ_KEY").map(str::to_owned);
    let queue_id = message.queue_id;
    let delay = divert(&mut message, &mut properties);
    if delay.is_none() && !dialect.is_v5() {
        // The log of 4.9 does not keep a property that only the waiting producer needs.
        properties.remove("WAIT");
    }
    message.properties_text = properties.write(dialect.is_v5());
    check_size(core, &message)?;
    let stored = core.store.append(message, core.clock.now_millis());
    if let Some(delay) = delay {
        core.schedule.add(Arc::clone(&stored), delay);
    }
    let ids = stored.offset_message_id();
    Ok(stored_answer(core, request, queue_id, stored.queue_offset, &ids, transaction_id.as_deref()))
}

fn store_batch(
    core: &BrokerCore,
    request: &RemotingCommand,
    frame: &NewMessage,
    mut properties: PropertyText,
) -> Result<RemotingCommand, Refusal> {
    let dialect = core.voice.dialect;
    let timed = dialect.is_v5() && TIMER_PROPERTIES.iter().any(|name| properties.get(name).is_some());
    if frame.topic.starts_with(RETRY_PREFIX) || properties.get("DELAY").is_some() || timed {
        return Err(illegal(core));
    }
    if frame.body.len() > core.settings().max_body_bytes {
        return Err(Refusal::exception("java.lang.RuntimeException: message body size exceeded"));
    }
    let batch_id = properties.get("UNIQ_KEY").map(str::to_owned);
    properties.set("CLUSTER", &core.cluster);
    // Brokers from 4.8.0 to 5.3.3 append the properties of the header to every message (apache/rocketmq#9416).
    let appended = if dialect.is_v5() { String::new() } else { properties.write(false) };
    let entries = split_batch(frame.body.clone()).filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| Refusal::exception("java.nio.BufferUnderflowException"))?;
    let messages: Vec<NewMessage> = entries.into_iter().map(|entry| unwrap(frame, entry, &appended)).collect();
    if messages.iter().any(|message| message.properties_text.len() > MAX_PROPERTIES) {
        return Err(Refusal::exception("java.lang.RuntimeException: message properties size exceeded"));
    }
    let now = core.clock.now_millis();
    let stored: Vec<Arc<StoredCopy>> = messages.into_iter().map(|message| core.store.append(message, now)).collect();
    let ids: Vec<String> = stored.iter().map(|stored| stored.offset_message_id()).collect();
    let first = stored.first().ok_or_else(|| illegal(core))?;
    Ok(stored_answer(core, request, first.queue_id, first.queue_offset, &ids.join(","), batch_id.as_deref()))
}

fn unwrap(frame: &NewMessage, entry: BatchEntry, appended: &str) -> NewMessage {
    let mut properties_text = entry.properties_text;
    if !appended.is_empty() {
        if !properties_text.is_empty() && !properties_text.ends_with('\u{2}') {
            properties_text.push('\u{2}');
        }
        properties_text.push_str(appended);
    }
    NewMessage { body: entry.body, flag: entry.flag, properties_text, ..frame.clone() }
}

fn stored_answer(
    core: &BrokerCore,
    request: &RemotingCommand,
    queue_id: i32,
    queue_offset: i64,
    offset_ids: &str,
    transaction_id: Option<&str>,
) -> RemotingCommand {
    let mut answer = core
        .voice
        .answer(request, ResponseCode::SUCCESS)
        .with_field("queueId", queue_id.to_string())
        .with_field("msgId", offset_ids)
        .with_field("queueOffset", queue_offset.to_string());
    if let (true, Some(id)) = (core.voice.dialect.is_v5(), transaction_id) {
        answer.ext_fields_mut().set("transactionId", id);
    }
    answer
}

/// The topic that the message goes to, made now if it may be (`AbstractSendMessageProcessor#msgCheck`).
fn find_topic(core: &BrokerCore, caller: &Caller, header: &Header<'_>) -> Result<TopicConfig, Refusal> {
    let dialect = core.voice.dialect;
    let settings = core.settings();
    let name = header.topic.unwrap_or_default();
    let known = core.topics.get(name);
    if settings.perm & PERM_WRITE == 0 && known.as_ref().is_some_and(|topic| topic.order) {
        let ip = core.door.socket_address().ip();
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{ip}] sending message is forbidden"),
        ));
    }
    names::check_topic(name, dialect)?;
    names::check_may_send(name, dialect)?;
    let topic = match known {
        Some(topic) => topic,
        None => {
            let model = header.fields.required_text(header.names.default_topic)?;
            let queues =
                header.default_topic_queues.ok_or_else(|| header.null("defaultTopicQueueNums", "Integer.intValue"))?;
            let made = core.topics.for_message(name, model, queues, settings.auto_create_topics);
            let made = made.or_else(|| {
                name.starts_with(RETRY_PREFIX).then(|| core.topics.for_group(name, PERM_READ | PERM_WRITE))
            });
            made.ok_or_else(|| {
                Refusal::new(
                    ResponseCode::TOPIC_NOT_EXIST,
                    format!("topic[{name}] not exist, apply first please!{}", dialect.see()),
                )
            })?
        }
    };
    let queue_id = header.queue_id.ok_or_else(|| header.null("queueId", "Integer.intValue"))?;
    // The larger of the two counts: a queue that is only read yet takes messages too.
    if queue_id >= topic.write_queues.max(topic.read_queues) {
        let text = format!(
            "request queueId[{queue_id}] is illegal, {} Producer: {}",
            topic.java_text(dialect),
            caller.address
        );
        return Err(Refusal::new(dialect.invalid_parameter(), text));
    }
    Ok(topic)
}

fn queue(core: &BrokerCore, caller: &Caller, header: &Header<'_>, topic: &TopicConfig) -> Result<i32, Refusal> {
    let wanted = header.queue_id.ok_or_else(|| header.null("queueId", "Integer.intValue"))?;
    if wanted >= 0 {
        return Ok(wanted);
    }
    if topic.write_queues <= 0 {
        let from = caller.address;
        return Err(Refusal::exception(format!("java.lang.ArithmeticException: / by zero (a queue for {from})")));
    }
    Ok(core.random.below(topic.write_queues))
}

/// Where a message ends that its consumer group has failed on too often (`SendMessageProcessor#handleRetryAndDLQ`).
fn dead_letter_queue(
    core: &BrokerCore,
    header: &Header<'_>,
    topic: &TopicConfig,
    client_version: i32,
) -> Option<TopicConfig> {
    let group = topic.name.strip_prefix(RETRY_PREFIX)?;
    let limit =
        header.max_reconsume_times.filter(|_| client_version >= FIRST_WITH_OWN_LIMIT).unwrap_or(MAX_RECONSUME_TIMES);
    (header.reconsume_times.unwrap_or(0) >= limit)
        .then(|| core.topics.for_group(&names::dead_letter_topic(group), PERM_WRITE))
}

fn check_size(core: &BrokerCore, message: &NewMessage) -> Result<(), Refusal> {
    let too_large =
        message.body.len() > core.settings().max_body_bytes || message.properties_text.len() > MAX_PROPERTIES;
    if too_large { Err(illegal(core)) } else { Ok(()) }
}

fn illegal(core: &BrokerCore) -> Refusal {
    Refusal::new(
        ResponseCode::MESSAGE_ILLEGAL,
        format!(
            "the message is illegal, maybe msg body or properties length not matched. msg body length limit {}B, msg properties length limit 32KB.",
            core.settings().max_body_bytes
        ),
    )
}

/// The id that a 5.x broker gives a message without one.
fn made_up_id(core: &BrokerCore) -> String {
    format!("0A4D00020001{:020X}", core.random.next_u64())
}

/// The header of a send under its long names or its letters.
struct Header<'a> {
    fields: Fields<'a>,
    names: &'static Names,
    topic: Option<&'a str>,
    default_topic_queues: Option<i32>,
    queue_id: Option<i32>,
    sys_flag: Option<i32>,
    born_timestamp: Option<i64>,
    flag: Option<i32>,
    properties: Option<&'a str>,
    reconsume_times: Option<i32>,
    max_reconsume_times: Option<i32>,
    batch: bool,
}

struct Names {
    topic: &'static str,
    default_topic: &'static str,
    default_topic_queues: &'static str,
    queue_id: &'static str,
    sys_flag: &'static str,
    born_timestamp: &'static str,
    flag: &'static str,
    properties: &'static str,
    reconsume_times: &'static str,
    max_reconsume_times: &'static str,
    batch: &'static str,
}

impl<'a> Header<'a> {
    fn read(request: &'a RemotingCommand, dialect: Dialect) -> Result<Self, Refusal> {
        let names = if request.request_code() == RequestCode::SEND_MESSAGE { &LONG_NAMES } else { &LETTERS };
        let fields = Fields::of(request, dialect, "SendMessageRequestHeader");
        Ok(Self {
            topic: fields.text(names.topic),
            default_topic_queues: fields.int(names.default_topic_queues)?,
            queue_id: fields.int(names.queue_id)?,
            sys_flag: fields.int(names.sys_flag)?,
            born_timestamp: fields.long(names.born_timestamp)?,
            flag: fields.int(names.flag)?,
            properties: fields.text(names.properties),
            reconsume_times: fields.int(names.reconsume_times)?,
            max_reconsume_times: fields.int(names.max_reconsume_times)?,
            batch: fields.boolean(names.batch).unwrap_or(false),
            fields,
            names,
        })
    }

    fn null(&self, member: &str, unboxing: &str) -> Refusal {
        self.fields.unboxed_null(member, unboxing)
    }
}

const LONG_NAMES: Names = Names {
    topic: "topic",
    default_topic: "defaultTopic",
    default_topic_queues: "defaultTopicQueueNums",
    queue_id: "queueId",
    sys_flag: "sysFlag",
    born_timestamp: "bornTimestamp",
    flag: "flag",
    properties: "properties",
    reconsume_times: "reconsumeTimes",
    max_reconsume_times: "maxReconsumeTimes",
    batch: "batch",
};

const LETTERS: Names = Names {
    topic: "b",
    default_topic: "c",
    default_topic_queues: "d",
    queue_id: "e",
    sys_flag: "f",
    born_timestamp: "g",
    flag: "h",
    properties: "i",
    reconsume_times: "j",
    max_reconsume_times: "l",
    batch: "m",
};

const REGION: &str = "DefaultRegion";
const TIMER_PROPERTIES: [&str; 3] = ["TIMER_DELAY_SEC", "TIMER_DELAY_MS", "TIMER_DELIVER_MS"];
const MULTI_TAGS: i32 = 2;
const MAX_PROPERTIES: usize = 32_767;
const MAX_RECONSUME_TIMES: i32 = 16;
/// Clients of 3.4.9 and newer say themselves how often a message may come back.
const FIRST_WITH_OWN_LIMIT: i32 = 121;
const NO_BODY: &str = "java.lang.NullPointerException: Cannot read the array length because the return value of \
    \"org.apache.rocketmq.remoting.protocol.RemotingCommand.getBody()\" is null, \
    org.apache.rocketmq.broker.processor.AbstractSendMessageProcessor.buildMsgContext(AbstractSendMessageProcessor.java:361)";
