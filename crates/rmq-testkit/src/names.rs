//! Which names of topics and groups a broker takes.
//!
//! The broker's rules (`TopicValidator`), not the client's; the wording of a refusal differs by release.

use rmq_remoting::ResponseCode;

use crate::dialect::Dialect;
use crate::voice::Refusal;

/// The topic whose configuration new topics are made after.
pub(crate) const DEFAULT_TOPIC: &str = "TBW102";
pub(crate) const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
pub(crate) const RETRY_PREFIX: &str = "%RETRY%";
pub(crate) const DEAD_LETTER_PREFIX: &str = "%DLQ%";

/// Checks the form of a topic name.
pub(crate) fn check_topic(topic: &str, dialect: Dialect) -> Result<(), Refusal> {
    let refuse = |remark: String| Err(Refusal::new(dialect.invalid_parameter(), remark));
    if topic.trim().is_empty() {
        return refuse("The specified topic is blank.".into());
    }
    if !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%|_-".contains(&byte)) {
        return refuse(if dialect.is_v5() {
            format!("The specified topic: {topic}, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
        } else {
            "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$".into()
        });
    }
    let internal = topic.starts_with(RETRY_PREFIX) || topic.starts_with(DEAD_LETTER_PREFIX);
    let longest = if dialect.is_v5() && internal { LONGEST_INTERNAL_TOPIC } else { LONGEST_TOPIC };
    if topic.len() > longest {
        return refuse(if dialect.is_v5() {
            format!("The specified topic: {topic}, is longer than topic max length: {longest}")
        } else {
            "The specified topic is longer than topic max length.".into()
        });
    }
    Ok(())
}

/// Refuses names that only the broker itself may create.
pub(crate) fn check_not_system(topic: &str, dialect: Dialect) -> Result<(), Refusal> {
    if is_system(topic, dialect) {
        return Err(Refusal::new(
            dialect.invalid_parameter(),
            format!("The topic[{topic}] is conflict with system topic."),
        ));
    }
    Ok(())
}

/// Refuses topics that clients may not send to.
pub(crate) fn check_may_send(topic: &str, dialect: Dialect) -> Result<(), Refusal> {
    if NOT_TO_SEND.contains(&topic) || dialect.is_v5() && NOT_TO_SEND_V5.contains(&topic) {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("Sending message to topic[{topic}] is forbidden."),
        ));
    }
    Ok(())
}

pub(crate) fn is_system(topic: &str, dialect: Dialect) -> bool {
    topic.starts_with("rmq_sys_")
        || NOT_TO_SEND.contains(&topic)
        || [DEFAULT_TOPIC, "BenchmarkTest", "RMQ_SYS_TRACE_TOPIC"].contains(&topic)
        || dialect.is_v5() && (NOT_TO_SEND_V5.contains(&topic) || topic == "CHECKPOINT_TOPIC")
}

/// The topic that a consumer group's failed messages come back on.
pub(crate) fn retry_topic(group: &str) -> String {
    format!("{RETRY_PREFIX}{group}")
}

/// The topic that a consumer group's hopeless messages end on.
pub(crate) fn dead_letter_topic(group: &str) -> String {
    format!("{DEAD_LETTER_PREFIX}{group}")
}

const LONGEST_TOPIC: usize = 127;
const LONGEST_INTERNAL_TOPIC: usize = 255;
const NOT_TO_SEND: [&str; 6] = [
    SCHEDULE_TOPIC,
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
];
const NOT_TO_SEND_V5: [&str; 2] = ["RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_refused_in_each_release_s_words() {
        let old = check_topic("bad topic", Dialect::V4_9).unwrap_err();
        assert_eq!(old.code, ResponseCode::SYSTEM_ERROR);
        assert_eq!(old.remark, "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$");
        let new = check_topic("bad topic", Dialect::V5).unwrap_err();
        assert_eq!(new.code, ResponseCode::INVALID_PARAMETER);
        assert!(new.remark.starts_with("The specified topic: bad topic, contains"));
    }

    #[test]
    fn lengths_stop_at_127_and_internal_ones_of_5_x_at_255() {
        assert!(check_topic(&"T".repeat(127), Dialect::V4_9).is_ok());
        assert!(check_topic(&"T".repeat(128), Dialect::V5).is_err());
        let retry = retry_topic(&"g".repeat(240));
        assert!(check_topic(&retry, Dialect::V5).is_ok());
        assert!(check_topic(&retry, Dialect::V4_9).is_err());
        assert!(check_topic(" ", Dialect::V5).is_err());
    }

    #[test]
    fn system_topics_are_not_created_and_some_are_not_sent_to() {
        for topic in ["TBW102", "SELF_TEST_TOPIC", "rmq_sys_x"] {
            assert!(check_not_system(topic, Dialect::V4_9).is_err(), "{topic}");
        }
        assert!(check_not_system("orders", Dialect::V5).is_ok());
        assert!(check_may_send("TBW102", Dialect::V5).is_ok());
        assert_eq!(check_may_send("SELF_TEST_TOPIC", Dialect::V5).unwrap_err().code, ResponseCode::NO_PERMISSION);
        let rocks = "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC";
        assert!(check_may_send(rocks, Dialect::V4_9).is_ok() && check_may_send(rocks, Dialect::V5).is_err());
    }
}
