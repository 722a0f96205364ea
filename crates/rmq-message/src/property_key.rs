//! The names of properties that RocketMQ itself reads or writes (`MessageConst` of 5.5.0), and which of them are reserved.
//!
//! A name's constant is called after its text where that is readable, otherwise after the Java constant.

/// Stands between two keys in [`KEYS`].
pub const KEY_SEPARATOR: &str = " ";

/// The names that a user's property may not have, in the order of their coming: [4.x](RESERVED_SINCE_4), then
/// [5.x](RESERVED_SINCE_5), then [5.5.0](RESERVED_SINCE_5_5). All are reserved whatever the broker's version is, so
/// that a message means the same everywhere.
///
/// Not reserved in Java, and so not here: [`SHARDING_KEY`], [`INNER_MULTI_DISPATCH`],
/// [`CHECK_IMMUNITY_TIME_IN_SECONDS`], [`TRANSACTION_ID`].
#[doc(alias = "STRING_HASH_SET")]
pub const RESERVED: &[&str] = &RESERVED_NAMES;

/// Those 31 that are reserved since 4.x (4.9.7 has no more).
pub const RESERVED_SINCE_4: &[&str] = RESERVED.split_at(31).0;
/// Those 20 that came with 5.x.
pub const RESERVED_SINCE_5: &[&str] = RESERVED.split_at(31).1.split_at(20).0;
/// Those 3 that 5.5.0 has and 5.3.3 has not.
pub const RESERVED_SINCE_5_5: &[&str] = RESERVED.split_at(31).1.split_at(20).1;

/// Whether a user's property may not have this name: it is [`RESERVED`], or it begins with [`TRANSIENT_PREFIX`] and
/// would not be stored.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with(TRANSIENT_PREFIX)
}

// Set by users through their own setters, or by the producer.

/// Index keys, joined by [`KEY_SEPARATOR`].
#[doc(alias = "PROPERTY_KEYS")]
pub const KEYS: &str = "KEYS";
/// The tag by which consumers filter.
#[doc(alias = "PROPERTY_TAGS")]
pub const TAGS: &str = "TAGS";
/// Whether the broker answers only when the message is stored as safely as it is configured to: `true` or `false`.
#[doc(alias = "PROPERTY_WAIT_STORE_MSG_OK")]
pub const WAIT: &str = "WAIT";
/// The client's [`UniqueId`](crate::UniqueId).
#[doc(alias = "PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX")]
pub const UNIQ_KEY: &str = "UNIQ_KEY";
/// Delay level, decimal.
#[doc(alias = "PROPERTY_DELAY_TIME_LEVEL")]
pub const DELAY: &str = "DELAY";
/// Delay in seconds, decimal (5.x).
#[doc(alias = "PROPERTY_TIMER_DELAY_SEC")]
pub const TIMER_DELAY_SEC: &str = "TIMER_DELAY_SEC";
/// Delay in milliseconds, decimal (5.x).
#[doc(alias = "PROPERTY_TIMER_DELAY_MS")]
pub const TIMER_DELAY_MS: &str = "TIMER_DELAY_MS";
/// Time of delivery in milliseconds since 1970, decimal (5.x).
#[doc(alias = "PROPERTY_TIMER_DELIVER_MS")]
pub const TIMER_DELIVER_MS: &str = "TIMER_DELIVER_MS";
/// `true` on a half message.
#[doc(alias = "PROPERTY_TRANSACTION_PREPARED")]
pub const TRANSACTION_PREPARED: &str = "TRAN_MSG";
/// Producer group of a half message.
#[doc(alias = "PROPERTY_PRODUCER_GROUP")]
pub const PRODUCER_GROUP: &str = "PGROUP";
/// How long a half message waits for its first check, in seconds, decimal.
#[doc(alias = "PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS")]
pub const CHECK_IMMUNITY_TIME_IN_SECONDS: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
/// Transaction id of a half message.
#[doc(alias = "PROPERTY_TRANSACTION_ID")]
pub const TRANSACTION_ID: &str = "__transactionId__";
/// Namespace of the client.
#[doc(alias = "PROPERTY_INSTANCE_ID")]
pub const INSTANCE_ID: &str = "INSTANCE_ID";
/// For the application.
#[doc(alias = "PROPERTY_BUYER_ID")]
pub const BUYER_ID: &str = "BUYER_ID";
/// Which request a reply answers.
#[doc(alias = "PROPERTY_CORRELATION_ID")]
pub const CORRELATION_ID: &str = "CORRELATION_ID";
/// Client id that waits for the reply.
#[doc(alias = "PROPERTY_MESSAGE_REPLY_TO_CLIENT")]
pub const REPLY_TO_CLIENT: &str = "REPLY_TO_CLIENT";
/// How long the requester waits, in milliseconds, decimal.
#[doc(alias = "PROPERTY_MESSAGE_TTL")]
pub const TTL: &str = "TTL";
/// `reply` on a reply message.
#[doc(alias = "PROPERTY_MESSAGE_TYPE")]
pub const MESSAGE_TYPE: &str = "MSG_TYPE";
/// Sharding key of an ordered message.
#[doc(alias = "PROPERTY_SHARDING_KEY")]
pub const SHARDING_KEY: &str = "__SHARDINGKEY";
/// Further queues that get the message, joined by commas.
#[doc(alias = "PROPERTY_INNER_MULTI_DISPATCH")]
pub const INNER_MULTI_DISPATCH: &str = "INNER_MULTI_DISPATCH";
/// Priority, decimal (5.5.0).
#[doc(alias = "PROPERTY_PRIORITY")]
pub const PRIORITY: &str = "_SYS_MSG_PRIORITY_";
/// Lite topic (5.5.0).
#[doc(alias = "PROPERTY_LITE_TOPIC")]
pub const LITE_TOPIC: &str = "__LITE_TOPIC";

// Set by consumers that send a message back.

/// Topic of a message that is retried.
#[doc(alias = "PROPERTY_RETRY_TOPIC")]
pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
/// Id of the message that is retried.
#[doc(alias = "PROPERTY_ORIGIN_MESSAGE_ID")]
pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";
/// Group that a retried message came from (5.5.0).
#[doc(alias = "PROPERTY_ORIGIN_GROUP")]
pub const ORIGIN_GROUP: &str = "ORIGIN_GROUP";
/// How often it has been retried, decimal.
#[doc(alias = "PROPERTY_RECONSUME_TIME")]
pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
/// How often it may be retried, decimal.
#[doc(alias = "PROPERTY_MAX_RECONSUME_TIMES")]
pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";

// Set by clients on what they receive, never sent.

/// Lowest offset of the queue when it was pulled.
#[doc(alias = "PROPERTY_MIN_OFFSET")]
pub const MIN_OFFSET: &str = "MIN_OFFSET";
/// Highest offset of the queue when it was pulled.
#[doc(alias = "PROPERTY_MAX_OFFSET")]
pub const MAX_OFFSET: &str = "MAX_OFFSET";
/// When consuming began, in milliseconds since 1970.
#[doc(alias = "PROPERTY_CONSUME_START_TIMESTAMP")]
pub const CONSUME_START_TIME: &str = "CONSUME_START_TIME";
/// When a reply arrived, in milliseconds since 1970.
#[doc(alias = "PROPERTY_REPLY_MESSAGE_ARRIVE_TIME")]
pub const ARRIVE_TIME: &str = "ARRIVE_TIME";

// Set by brokers and proxies.

/// Region of the broker.
#[doc(alias = "PROPERTY_MSG_REGION")]
pub const MSG_REGION: &str = "MSG_REGION";
/// Whether the broker wants the message traced.
#[doc(alias = "PROPERTY_TRACE_SWITCH")]
pub const TRACE_ON: &str = "TRACE_ON";
/// Cluster of the broker.
#[doc(alias = "PROPERTY_CLUSTER")]
pub const CLUSTER: &str = "CLUSTER";
/// The topic that a waiting message is meant for.
#[doc(alias = "PROPERTY_REAL_TOPIC")]
pub const REAL_TOPIC: &str = "REAL_TOPIC";
/// The queue that a waiting message is meant for.
#[doc(alias = "PROPERTY_REAL_QUEUE_ID")]
pub const REAL_QUEUE_ID: &str = "REAL_QID";
/// Queue offset of the half message.
#[doc(alias = "PROPERTY_TRANSACTION_PREPARED_QUEUE_OFFSET")]
pub const TRANSACTION_PREPARED_QUEUE_OFFSET: &str = "TRAN_PREPARED_QUEUE_OFFSET";
/// How often a half message has been checked, decimal.
#[doc(alias = "PROPERTY_TRANSACTION_CHECK_TIMES")]
pub const TRANSACTION_CHECK_TIMES: &str = "TRANSACTION_CHECK_TIMES";
/// Offset of a transaction (5.5.0).
#[doc(alias = "PROPERTY_TRANS_OFFSET")]
pub const TRANS_OFFSET: &str = "TRANS_OFFSET";
/// When the broker handed on a reply, in milliseconds since 1970.
#[doc(alias = "PROPERTY_PUSH_REPLY_TIME")]
pub const PUSH_REPLY_TIME: &str = "PUSH_REPLY_TIME";
/// Address that a proxy received the message from (5.x).
#[doc(alias = "PROPERTY_BORN_HOST")]
pub const BORN_HOST: &str = "__BORNHOST";
/// When a proxy received the message, in milliseconds since 1970 (5.x).
#[doc(alias = "PROPERTY_BORN_TIMESTAMP")]
pub const BORN_TIMESTAMP: &str = "BORN_TIMESTAMP";
/// Trace context that a proxy passes on (5.x).
#[doc(alias = "PROPERTY_TRACE_CONTEXT")]
pub const TRACE_CONTEXT: &str = "TRACE_CONTEXT";
/// When a timer message was taken in, in milliseconds since 1970 (5.x).
#[doc(alias = "PROPERTY_TIMER_ENQUEUE_MS")]
pub const TIMER_ENQUEUE_MS: &str = "TIMER_ENQUEUE_MS";
/// When a timer message was let go, in milliseconds since 1970 (5.x).
#[doc(alias = "PROPERTY_TIMER_DEQUEUE_MS")]
pub const TIMER_DEQUEUE_MS: &str = "TIMER_DEQUEUE_MS";
/// How often a timer message was put back, decimal (5.x).
#[doc(alias = "PROPERTY_TIMER_ROLL_TIMES")]
pub const TIMER_ROLL_TIMES: &str = "TIMER_ROLL_TIMES";
/// Marks a timer message that was put back (5.5.0).
#[doc(alias = "PROPERTY_TIMER_ROLL_LABEL")]
pub const TIMER_ROLL_LABEL: &str = "TIMER_ROLL_LABEL";
/// When a timer message is due, in milliseconds since 1970 (5.x).
#[doc(alias = "PROPERTY_TIMER_OUT_MS")]
pub const TIMER_OUT_MS: &str = "TIMER_OUT_MS";
/// Which timer message is recalled (5.x).
#[doc(alias = "PROPERTY_TIMER_DEL_UNIQKEY")]
pub const TIMER_DEL_UNIQKEY: &str = "TIMER_DEL_UNIQKEY";
/// Delay level that a timer message was made from (5.x).
#[doc(alias = "PROPERTY_TIMER_DELAY_LEVEL")]
pub const TIMER_DELAY_LEVEL: &str = "TIMER_DELAY_LEVEL";
/// Which store a timer message waits in (5.5.0).
pub const TIMER_ENGINE_TYPE: &str = "E_T";
/// Messages in an inner batch, decimal (5.x).
#[doc(alias = "PROPERTY_INNER_NUM")]
pub const INNER_NUM: &str = "INNER_NUM";
/// First queue offset of an inner batch, decimal (5.x).
#[doc(alias = "PROPERTY_INNER_BASE")]
pub const INNER_BASE: &str = "INNER_BASE";
/// Offsets in the queues of a multi-dispatch, joined by commas.
#[doc(alias = "PROPERTY_INNER_MULTI_QUEUE_OFFSET")]
pub const INNER_MULTI_QUEUE_OFFSET: &str = "INNER_MULTI_QUEUE_OFFSET";
/// Topic of a message in a dead-letter queue (5.x).
#[doc(alias = "PROPERTY_DLQ_ORIGIN_TOPIC")]
pub const DLQ_ORIGIN_TOPIC: &str = "DLQ_ORIGIN_TOPIC";
/// Id of a message in a dead-letter queue (5.x).
#[doc(alias = "PROPERTY_DLQ_ORIGIN_MESSAGE_ID")]
pub const DLQ_ORIGIN_MESSAGE_ID: &str = "DLQ_ORIGIN_MESSAGE_ID";
/// Receipt of a popped message (5.x).
#[doc(alias = "PROPERTY_POP_CK")]
pub const POP_CK: &str = "POP_CK";
/// Offset behind that receipt (5.x).
#[doc(alias = "PROPERTY_POP_CK_OFFSET")]
pub const POP_CK_OFFSET: &str = "POP_CK_OFFSET";
/// When a message was popped first, in milliseconds since 1970 (5.x).
#[doc(alias = "PROPERTY_FIRST_POP_TIME")]
pub const FIRST_POP_TIME: &str = "1ST_POP_TIME";
/// Checksum of the stored message (5.x).
#[doc(alias = "PROPERTY_CRC32")]
pub const CRC32: &str = "__CRC32#";
/// Where a copied message came from (5.x).
pub const DUP_INFO: &str = "DUP_INFO";
/// Additions to the unique id (5.x).
#[doc(alias = "PROPERTY_EXTEND_UNIQ_INFO")]
pub const EXTEND_UNIQ_INFO: &str = "EXTEND_UNIQ_INFO";
/// Marks a message handed on (5.x).
#[doc(alias = "PROPERTY_REDIRECT")]
pub const REDIRECT: &str = "REDIRECT";
/// Queue that a message is handed on to (5.x).
#[doc(alias = "PROPERTY_FORWARD_QUEUE_ID")]
pub const FORWARD_QUEUE_ID: &str = "PROPERTY_FORWARD_QUEUE_ID";
/// Historical.
#[doc(alias = "PROPERTY_TRANSFER_FLAG")]
pub const TRANSFER_FLAG: &str = "TRANSFER_FLAG";
/// Historical.
#[doc(alias = "PROPERTY_CORRECTION_FLAG")]
pub const CORRECTION_FLAG: &str = "CORRECTION_FLAG";
/// Historical.
#[doc(alias = "PROPERTY_MQ2_FLAG")]
pub const MQ2_FLAG: &str = "MQ2_FLAG";

// Never stored.

/// How names begin whose properties are not stored (5.x).
#[doc(alias = "PROPERTY_TRANSIENT_PREFIX")]
pub const TRANSIENT_PREFIX: &str = "__RMQ.TRANSIENT.";
/// System flag of a topic that is created with the message (5.x).
#[doc(alias = "PROPERTY_TRANSIENT_TOPIC_CONFIG")]
pub const TRANSIENT_TOPIC_CONFIG: &str = "__RMQ.TRANSIENT.TOPIC_SYS_FLAG";
/// System flag of a group that is created with the message (5.x).
#[doc(alias = "PROPERTY_TRANSIENT_GROUP_CONFIG")]
pub const TRANSIENT_GROUP_CONFIG: &str = "__RMQ.TRANSIENT.GROUP_SYS_FLAG";

const RESERVED_NAMES: [&str; 54] = [
    // 4.x
    TRACE_ON,
    MSG_REGION,
    KEYS,
    TAGS,
    WAIT,
    DELAY,
    RETRY_TOPIC,
    REAL_TOPIC,
    REAL_QUEUE_ID,
    TRANSACTION_PREPARED,
    PRODUCER_GROUP,
    MIN_OFFSET,
    MAX_OFFSET,
    BUYER_ID,
    ORIGIN_MESSAGE_ID,
    TRANSFER_FLAG,
    CORRECTION_FLAG,
    MQ2_FLAG,
    RECONSUME_TIME,
    UNIQ_KEY,
    MAX_RECONSUME_TIMES,
    CONSUME_START_TIME,
    INSTANCE_ID,
    CORRELATION_ID,
    REPLY_TO_CLIENT,
    TTL,
    ARRIVE_TIME,
    PUSH_REPLY_TIME,
    CLUSTER,
    MESSAGE_TYPE,
    INNER_MULTI_QUEUE_OFFSET,
    // 5.x
    POP_CK,
    POP_CK_OFFSET,
    FIRST_POP_TIME,
    TRANSACTION_PREPARED_QUEUE_OFFSET,
    DUP_INFO,
    EXTEND_UNIQ_INFO,
    TIMER_DELAY_MS,
    TIMER_DELAY_SEC,
    TIMER_DELIVER_MS,
    TIMER_ENQUEUE_MS,
    TIMER_DEQUEUE_MS,
    TIMER_ROLL_TIMES,
    TIMER_OUT_MS,
    TIMER_DEL_UNIQKEY,
    TIMER_DELAY_LEVEL,
    BORN_HOST,
    BORN_TIMESTAMP,
    DLQ_ORIGIN_TOPIC,
    DLQ_ORIGIN_MESSAGE_ID,
    CRC32,
    // 5.5.0
    PRIORITY,
    LITE_TOPIC,
    ORIGIN_GROUP,
];
