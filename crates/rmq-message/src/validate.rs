//! The one validator: which topics, groups and properties are legal, whatever client asks.
//!
//! Never more lenient than the Java client of 5.5.0 (`Validators`, `TopicValidator`, `Message#putUserProperty`); the
//! separators that Java lets pass are refused here.

use crate::error::{MessageError, NameError, NameKind};
use crate::properties::{NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties};
use crate::property_key;

/// Longest topic, in characters (all legal ones are ASCII, so bytes as well).
#[doc(alias = "TOPIC_MAX_LENGTH")]
pub const MAX_TOPIC_LENGTH: usize = 127;
/// Longest group that brokers and clients of 5.5.0 accept.
#[doc(alias = "GROUP_MAX_LENGTH")]
pub const MAX_GROUP_LENGTH: usize = 120;
/// Longest group that brokers of 4.9.7 accept: see [`validate_group_up_to`].
#[doc(alias = "CHARACTER_MAX_LENGTH")]
pub const MAX_OLD_GROUP_LENGTH: usize = 255;
/// The group that a Java producer has when nobody named one.
pub const DEFAULT_PRODUCER_GROUP: &str = "DEFAULT_PRODUCER";

/// Checks a topic's name: not blank, only legal characters, at most 127 of them.
///
/// # Errors
/// [`NameError`] says what is wrong.
#[doc(alias = "checkTopic")]
pub fn validate_topic(topic: &str) -> Result<(), NameError> {
    validate_name(NameKind::Topic, topic, MAX_TOPIC_LENGTH)
}

/// Checks a topic's name, and that it takes messages from clients.
///
/// # Errors
/// [`MessageError::Topic`] or [`MessageError::ForbiddenTopic`].
#[doc(alias = "isNotAllowedSendTopic")]
pub fn validate_send_topic(topic: &str) -> Result<(), MessageError> {
    validate_topic(topic)?;
    if is_send_forbidden(topic) {
        return Err(MessageError::ForbiddenTopic { topic: topic.into() });
    }
    Ok(())
}

/// Checks a group's name: not blank, only legal characters, at most 120 of them as 5.5.0 demands.
///
/// # Errors
/// [`NameError`] says what is wrong.
#[doc(alias = "checkGroup")]
pub fn validate_group(group: &str) -> Result<(), NameError> {
    validate_group_up_to(group, MAX_GROUP_LENGTH)
}

/// Checks a group's name against another limit: brokers up to 5.3.3 take 255 characters
/// ([`MAX_OLD_GROUP_LENGTH`], beyond which the limit has no effect).
///
/// # Errors
/// [`NameError`] says what is wrong.
pub fn validate_group_up_to(group: &str, limit: usize) -> Result<(), NameError> {
    validate_name(NameKind::Group, group, limit.min(MAX_OLD_GROUP_LENGTH))
}

/// Checks the group of a producer: a legal group, and not `DEFAULT_PRODUCER`.
///
/// # Errors
/// [`NameError`] says what is wrong.
#[doc(alias = "checkConfig")]
pub fn validate_producer_group(group: &str) -> Result<(), NameError> {
    validate_group(group)?;
    if group == DEFAULT_PRODUCER_GROUP {
        return Err(NameError::DefaultGroup);
    }
    Ok(())
}

/// Whether RocketMQ has the topic for itself, in any version up to 5.5.0. Such a topic cannot be created.
#[must_use]
pub fn is_system_topic(topic: &str) -> bool {
    SYSTEM_TOPICS.contains(&topic) || topic.starts_with(SYSTEM_TOPIC_PREFIX)
}

/// Whether clients may not send to the topic, in any version up to 5.5.0.
#[doc(alias = "isNotAllowedSendTopic")]
#[must_use]
pub fn is_send_forbidden(topic: &str) -> bool {
    FORBIDDEN_TOPICS.contains(&topic)
}

/// Checks a property that a user sets: neither name nor value blank, no separators, the name not
/// [reserved](property_key::is_reserved).
///
/// # Errors
/// The [`MessageError`] of the first rule that is broken.
#[doc(alias = "putUserProperty")]
pub fn validate_user_property(name: &str, value: &str) -> Result<(), MessageError> {
    validate_property(name, value)?;
    if property_key::is_reserved(name) {
        return Err(MessageError::ReservedPropertyName { name: shown(name) });
    }
    Ok(())
}

/// Checks that a property survives its text form: not blank, no separators; and the queues of a multi-dispatch.
pub(crate) fn validate_property(name: &str, value: &str) -> Result<(), MessageError> {
    if is_blank(name) {
        return Err(MessageError::BlankPropertyName);
    }
    if is_blank(value) {
        return Err(MessageError::BlankPropertyValue { name: shown(name) });
    }
    if holds_separator(name) || holds_separator(value) {
        return Err(MessageError::SeparatorInProperty { name: shown(name) });
    }
    // 5.5.0 looks for the separator of the client's own system; the broker's counts, and it may be either
    if name == property_key::INNER_MULTI_DISPATCH && value.contains(['/', '\\']) {
        return Err(MessageError::PathInDispatch);
    }
    Ok(())
}

/// Checks what [`validate_property`] does, of all.
#[inline]
pub(crate) fn validate_properties(properties: &Properties) -> Result<(), MessageError> {
    // Many messages have none but those that cannot be wrong.
    if properties.unchecked().len() == 0 { Ok(()) } else { validate_pairs(properties) }
}

fn validate_pairs(properties: &Properties) -> Result<(), MessageError> {
    properties.unchecked().try_for_each(|(name, value)| validate_property(name, value))
}

fn holds_separator(text: &str) -> bool {
    // single bytes in UTF-8, and part of no other character
    text.bytes().any(|byte| matches!(char::from(byte), NAME_VALUE_SEPARATOR | PROPERTY_SEPARATOR))
}

/// Whether there is nothing but white space, by Unicode's idea or by Java's (`Character#isWhitespace`).
pub(crate) fn is_blank(text: &str) -> bool {
    let begins_visibly = text.as_bytes().first().is_some_and(u8::is_ascii_graphic); // nearly always
    !begins_visibly
        && text.chars().all(|character| character.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&character))
}

/// The beginning of a name, for an error.
pub(crate) fn shown(name: &str) -> String {
    const SHOWN: usize = 64;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn validate_name(kind: NameKind, name: &str, limit: usize) -> Result<(), NameError> {
    if is_blank(name) {
        return Err(NameError::Blank { kind });
    }
    // what stands before it is ASCII, so it begins a character
    let illegal = name.bytes().position(|byte| !is_legal(byte));
    if let Some(character) = illegal.and_then(|at| name[at..].chars().next()) {
        return Err(NameError::IllegalCharacter { kind, name: shown(name), character });
    }
    if name.len() > limit {
        return Err(NameError::TooLong { kind, length: name.len(), limit });
    }
    Ok(())
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'|' | b'_' | b'-')
}

const SYSTEM_TOPIC_PREFIX: &str = "rmq_sys_";

const SYSTEM_TOPICS: &[&str] = &[
    "TBW102",
    "SCHEDULE_TOPIC_XXXX",
    "BenchmarkTest",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRACE_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
    "CHECKPOINT_TOPIC",                    // 5.x
    "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",    // 5.5.0
    "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", // 5.5.0
];

const FORBIDDEN_TOPICS: &[&str] = &[
    "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC",
    "RMQ_SYS_TRANS_OP_HALF_TOPIC",
    "TRANS_CHECK_MAX_TIME_TOPIC",
    "SELF_TEST_TOPIC",
    "OFFSET_MOVED_EVENT",
    "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",    // 5.5.0
    "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", // 5.5.0
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_ascii_names_of_at_most_127_characters() {
        for good in ["a", "%RETRY%group", "a-b_c|d", &"t".repeat(127)] {
            assert_eq!(validate_topic(good), Ok(()), "{good}");
        }
        let kind = NameKind::Topic;
        for blank in ["", " ", "\t\n", "\u{1F}", "\u{2003}"] {
            assert_eq!(validate_topic(blank), Err(NameError::Blank { kind }), "{blank:?}");
        }
        for (bad, character) in [("..", '.'), ("a/b", '/'), ("a\\b", '\\'), ("a\0", '\0'), ("ä", 'ä'), ("a ", ' ')] {
            let name = bad.to_owned();
            assert_eq!(validate_topic(bad), Err(NameError::IllegalCharacter { kind, name, character }));
        }
        assert_eq!(validate_topic(&"t".repeat(128)), Err(NameError::TooLong { kind, length: 128, limit: 127 }));
    }

    #[test]
    fn a_group_may_be_longer_where_old_brokers_are_asked_for() {
        let length = MAX_GROUP_LENGTH + 1;
        let group = "g".repeat(length);
        let error = NameError::TooLong { kind: NameKind::Group, length, limit: MAX_GROUP_LENGTH };
        assert_eq!(validate_group(&group), Err(error));
        assert_eq!(validate_group_up_to(&group, MAX_OLD_GROUP_LENGTH), Ok(()));
        assert!(validate_group_up_to(&"g".repeat(256), usize::MAX).is_err());
        assert_eq!(validate_producer_group(DEFAULT_PRODUCER_GROUP), Err(NameError::DefaultGroup));
        assert_eq!(validate_group(DEFAULT_PRODUCER_GROUP), Ok(()));
    }

    #[test]
    fn separators_are_refused_in_names_and_values() {
        for (name, value) in [("a\u{1}", "v"), ("a\u{2}", "v"), ("a", "\u{1}v"), ("a", "v\u{2}")] {
            let error = validate_user_property(name, value).unwrap_err();
            assert_eq!(error, MessageError::SeparatorInProperty { name: name.to_owned() });
        }
    }

    #[test]
    fn a_long_name_is_cut_in_the_error() {
        let error = validate_user_property(&"ä".repeat(100), " ").unwrap_err();
        assert_eq!(error, MessageError::BlankPropertyValue { name: "ä".repeat(64) + "…" });
    }
}
