//! Property names, reserved names, flag bits and system topics: the tables of Java, in full.

use std::collections::BTreeSet;

use rmq_message::validate::{is_send_forbidden, is_system_topic};
use rmq_message::{CompressionType, SysFlag, TransactionType, property_key};
use serde_json::Value;

use crate::golden::{cases, number, text};

#[test]
fn every_name_of_java_is_here() {
    for (name, table) in tables("message property names") {
        for (java, value) in table.as_object().expect("names") {
            if NO_NAMES.iter().any(|(no_name, _)| no_name == java) {
                continue;
            }
            let ours = NAMES.iter().find(|(known, _)| known == java).map(|(_, value)| *value);
            assert_eq!(ours, value.as_str(), "{java} in {name}");
        }
    }
}

#[test]
fn the_reserved_names_are_those_of_each_version() {
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let tables = tables("reserved property names");
    let java = |at: usize| names(&tables[at].1["names"]);
    assert_eq!(set(property_key::RESERVED_SINCE_4), java(0).iter().map(String::as_str).collect());
    assert_eq!(set(property_key::RESERVED), java(1).iter().map(String::as_str).collect());
    let parts = [property_key::RESERVED_SINCE_4, property_key::RESERVED_SINCE_5, property_key::RESERVED_SINCE_5_5];
    assert_eq!(parts.concat(), property_key::RESERVED);
    assert_eq!(parts.map(<[_]>::len), [31, 20, 3]);
    for name in property_key::RESERVED {
        assert!(property_key::is_reserved(name), "{name}");
    }
    assert!(!property_key::is_reserved("keys") && !property_key::is_reserved(property_key::SHARDING_KEY));
    assert!(property_key::is_reserved(property_key::TRANSIENT_TOPIC_CONFIG), "never stored");
}

#[test]
fn flag_bits_are_those_of_java() {
    let [(_, table)] = &tables("message sysFlag")[..] else { panic!("one table") };
    let compression = |kind| SysFlag::default().with_compression(kind).without_compression().0;
    let ours = [
        ("COMPRESSED_FLAG", SysFlag::COMPRESSED.0),
        ("MULTI_TAGS_FLAG", SysFlag::MULTI_TAGS.0),
        ("TRANSACTION_NOT_TYPE", TransactionType::None.bits()),
        ("TRANSACTION_PREPARED_TYPE", TransactionType::Prepared.bits()),
        ("TRANSACTION_COMMIT_TYPE", TransactionType::Commit.bits()),
        ("TRANSACTION_ROLLBACK_TYPE", TransactionType::Rollback.bits()),
        ("BORNHOST_V6_FLAG", SysFlag::BORN_HOST_V6.0),
        ("STOREHOSTADDRESS_V6_FLAG", SysFlag::STORE_HOST_V6.0),
        ("NEED_UNWRAP_FLAG", SysFlag::NEED_UNWRAP.0),
        ("INNER_BATCH_FLAG", SysFlag::INNER_BATCH.0),
        ("COMPRESSION_LZ4_TYPE", compression(CompressionType::Lz4)),
        ("COMPRESSION_ZSTD_TYPE", compression(CompressionType::Zstd)),
        ("COMPRESSION_ZLIB_TYPE", compression(CompressionType::Zlib)),
        // a word of ones keeps all bits but those of the type
        ("COMPRESSION_TYPE_COMPARATOR", !SysFlag(-1).with_compression(CompressionType::Lz4).0 | 0x100),
    ];
    let table = table.as_object().expect("flags");
    assert_eq!(table.len(), ours.len());
    for (name, bits) in ours {
        assert_eq!(bits, number::<i32>(&table[name]), "{name}");
    }
}

#[test]
fn system_topics_are_those_of_all_versions() {
    for (version, table) in tables("system topics") {
        for topic in names(&table["system"]) {
            assert!(is_system_topic(&topic), "{topic} in {version}");
            let forbidden = names(&table["not_allowed_to_send"]).contains(&topic);
            if version.ends_with("(5.5.0)") || forbidden {
                assert_eq!(is_send_forbidden(&topic), forbidden, "{topic} in {version}");
            }
        }
    }
}

/// Name and table of each case that begins so, older version first.
fn tables(beginning: &str) -> Vec<(String, Value)> {
    let cases = cases(include_str!("../golden/constants.json"));
    let tables = cases.into_iter().filter(|case| case.name.starts_with(beginning));
    let mut tables: Vec<_> = tables.map(|case| (case.name, case.expected)).collect();
    tables.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(!tables.is_empty(), "{beginning}");
    tables
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().expect("names").iter().map(|name| text(name).to_owned()).collect()
}

/// Constants of the Java class that are no names of properties.
const NO_NAMES: &[(&str, &str)] = &[
    ("INDEX_KEY_TYPE", "a value of a request field"),
    ("INDEX_UNIQUE_TYPE", "a value of a request field"),
    ("INDEX_TAG_TYPE", "a value of a request field"),
    ("TIMER_ENGINE_ROCKSDB_TIMELINE", "a value of TIMER_ENGINE_TYPE"),
    ("TIMER_ENGINE_FILE_TIME_WHEEL", "a value of TIMER_ENGINE_TYPE"),
];

/// Java constant, our constant.
const NAMES: &[(&str, &str)] = &[
    ("PROPERTY_KEYS", property_key::KEYS),
    ("PROPERTY_TAGS", property_key::TAGS),
    ("PROPERTY_WAIT_STORE_MSG_OK", property_key::WAIT),
    ("PROPERTY_DELAY_TIME_LEVEL", property_key::DELAY),
    ("PROPERTY_RETRY_TOPIC", property_key::RETRY_TOPIC),
    ("PROPERTY_ORIGIN_GROUP", property_key::ORIGIN_GROUP),
    ("PROPERTY_REAL_TOPIC", property_key::REAL_TOPIC),
    ("PROPERTY_REAL_QUEUE_ID", property_key::REAL_QUEUE_ID),
    ("PROPERTY_TRANSACTION_PREPARED", property_key::TRANSACTION_PREPARED),
    ("PROPERTY_PRODUCER_GROUP", property_key::PRODUCER_GROUP),
    ("PROPERTY_MIN_OFFSET", property_key::MIN_OFFSET),
    ("PROPERTY_MAX_OFFSET", property_key::MAX_OFFSET),
    ("PROPERTY_BUYER_ID", property_key::BUYER_ID),
    ("PROPERTY_ORIGIN_MESSAGE_ID", property_key::ORIGIN_MESSAGE_ID),
    ("PROPERTY_TRANSFER_FLAG", property_key::TRANSFER_FLAG),
    ("PROPERTY_CORRECTION_FLAG", property_key::CORRECTION_FLAG),
    ("PROPERTY_MQ2_FLAG", property_key::MQ2_FLAG),
    ("PROPERTY_RECONSUME_TIME", property_key::RECONSUME_TIME),
    ("PROPERTY_MSG_REGION", property_key::MSG_REGION),
    ("PROPERTY_TRACE_SWITCH", property_key::TRACE_ON),
    ("PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX", property_key::UNIQ_KEY),
    ("PROPERTY_TRANS_OFFSET", property_key::TRANS_OFFSET),
    ("PROPERTY_EXTEND_UNIQ_INFO", property_key::EXTEND_UNIQ_INFO),
    ("PROPERTY_MAX_RECONSUME_TIMES", property_key::MAX_RECONSUME_TIMES),
    ("PROPERTY_CONSUME_START_TIMESTAMP", property_key::CONSUME_START_TIME),
    ("PROPERTY_PRIORITY", property_key::PRIORITY),
    ("PROPERTY_INNER_NUM", property_key::INNER_NUM),
    ("PROPERTY_INNER_BASE", property_key::INNER_BASE),
    ("DUP_INFO", property_key::DUP_INFO),
    ("PROPERTY_CHECK_IMMUNITY_TIME_IN_SECONDS", property_key::CHECK_IMMUNITY_TIME_IN_SECONDS),
    ("PROPERTY_TRANSACTION_PREPARED_QUEUE_OFFSET", property_key::TRANSACTION_PREPARED_QUEUE_OFFSET),
    ("PROPERTY_TRANSACTION_ID", property_key::TRANSACTION_ID),
    ("PROPERTY_TRANSACTION_CHECK_TIMES", property_key::TRANSACTION_CHECK_TIMES),
    ("PROPERTY_INSTANCE_ID", property_key::INSTANCE_ID),
    ("PROPERTY_CORRELATION_ID", property_key::CORRELATION_ID),
    ("PROPERTY_MESSAGE_REPLY_TO_CLIENT", property_key::REPLY_TO_CLIENT),
    ("PROPERTY_MESSAGE_TTL", property_key::TTL),
    ("PROPERTY_REPLY_MESSAGE_ARRIVE_TIME", property_key::ARRIVE_TIME),
    ("PROPERTY_PUSH_REPLY_TIME", property_key::PUSH_REPLY_TIME),
    ("PROPERTY_CLUSTER", property_key::CLUSTER),
    ("PROPERTY_MESSAGE_TYPE", property_key::MESSAGE_TYPE),
    ("PROPERTY_POP_CK", property_key::POP_CK),
    ("PROPERTY_POP_CK_OFFSET", property_key::POP_CK_OFFSET),
    ("PROPERTY_FIRST_POP_TIME", property_key::FIRST_POP_TIME),
    ("PROPERTY_SHARDING_KEY", property_key::SHARDING_KEY),
    ("PROPERTY_LITE_TOPIC", property_key::LITE_TOPIC),
    ("PROPERTY_FORWARD_QUEUE_ID", property_key::FORWARD_QUEUE_ID),
    ("PROPERTY_REDIRECT", property_key::REDIRECT),
    ("PROPERTY_INNER_MULTI_DISPATCH", property_key::INNER_MULTI_DISPATCH),
    ("PROPERTY_INNER_MULTI_QUEUE_OFFSET", property_key::INNER_MULTI_QUEUE_OFFSET),
    ("PROPERTY_TRACE_CONTEXT", property_key::TRACE_CONTEXT),
    ("PROPERTY_TIMER_DELAY_SEC", property_key::TIMER_DELAY_SEC),
    ("PROPERTY_TIMER_DELIVER_MS", property_key::TIMER_DELIVER_MS),
    ("PROPERTY_BORN_HOST", property_key::BORN_HOST),
    ("PROPERTY_BORN_TIMESTAMP", property_key::BORN_TIMESTAMP),
    ("PROPERTY_TRANSIENT_PREFIX", property_key::TRANSIENT_PREFIX),
    ("PROPERTY_TRANSIENT_TOPIC_CONFIG", property_key::TRANSIENT_TOPIC_CONFIG),
    ("PROPERTY_TRANSIENT_GROUP_CONFIG", property_key::TRANSIENT_GROUP_CONFIG),
    ("KEY_SEPARATOR", property_key::KEY_SEPARATOR),
    ("TIMER_ENGINE_TYPE", property_key::TIMER_ENGINE_TYPE),
    ("PROPERTY_TIMER_ENQUEUE_MS", property_key::TIMER_ENQUEUE_MS),
    ("PROPERTY_TIMER_DEQUEUE_MS", property_key::TIMER_DEQUEUE_MS),
    ("PROPERTY_TIMER_ROLL_TIMES", property_key::TIMER_ROLL_TIMES),
    ("PROPERTY_TIMER_OUT_MS", property_key::TIMER_OUT_MS),
    ("PROPERTY_TIMER_DEL_UNIQKEY", property_key::TIMER_DEL_UNIQKEY),
    ("PROPERTY_TIMER_ROLL_LABEL", property_key::TIMER_ROLL_LABEL),
    ("PROPERTY_TIMER_DELAY_LEVEL", property_key::TIMER_DELAY_LEVEL),
    ("PROPERTY_TIMER_DELAY_MS", property_key::TIMER_DELAY_MS),
    ("PROPERTY_CRC32", property_key::CRC32),
    ("PROPERTY_DLQ_ORIGIN_TOPIC", property_key::DLQ_ORIGIN_TOPIC),
    ("PROPERTY_DLQ_ORIGIN_MESSAGE_ID", property_key::DLQ_ORIGIN_MESSAGE_ID),
];
