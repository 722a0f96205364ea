//! The builder's promises, and every rule of the validator at its edge.

use super::*;
use crate::NameError;

fn message() -> Message {
    Message::new("orders", "hello")
}

fn refusal(message: &Message) -> Option<MessageError> {
    message.validate(&MessageLimits::default()).err()
}

#[test]
fn a_new_message_has_what_every_java_message_has() {
    let message = message();
    assert_eq!((message.topic(), &message.body()[..]), ("orders", &b"hello"[..]));
    assert_eq!(message.properties().iter().collect::<Vec<_>>(), [("WAIT", "true")]);
    assert!(message.waits_for_store());
    assert_eq!((message.tags(), message.key_text(), message.unique_id()), (None, None, None));
    assert_eq!((message.user_flag(), message.client_transaction_id(), message.buyer()), (0, None, None));
    assert_eq!(refusal(&message), None);
}

#[test]
fn setters_fill_what_getters_read() {
    let message = message().tag("paid").key("k1").keys(["k2", "k3"]).property("colour", "red").flag(-7);
    let message = message.wait_store_ok(false).transaction_id("t").buyer_id("b");
    assert_eq!((message.tags(), message.key_text()), (Some("paid"), Some("k1 k2 k3")));
    assert_eq!((message.user_property("colour"), message.user_flag()), (Some("red"), -7));
    assert!(!message.waits_for_store());
    assert_eq!((message.client_transaction_id(), message.buyer()), (Some("t"), Some("b")));
    assert!(!message.properties().contains(property_key::TRANSACTION_ID), "stays with the object");
    assert_eq!(refusal(&message), None);
}

#[test]
fn the_last_value_of_a_setter_counts() {
    let message =
        message().tag("a").tag("b").property("p", "1").property("p", "2").wait_store_ok(false).wait_store_ok(true);
    assert_eq!((message.tags(), message.user_property("p"), message.waits_for_store()), (Some("b"), Some("2"), true));
}

#[test]
fn a_sharding_key_is_a_property_and_the_last_one_counts() {
    let message = message().sharding_key("a").sharding_key("order-42");
    assert_eq!(message.sharding(), Some("order-42"));
    assert_eq!(message.user_property("__SHARDINGKEY"), Some("order-42"));
    assert_eq!(refusal(&message), None);
    for (key, expected) in [
        (" ", MessageError::BlankPropertyValue { name: "__SHARDINGKEY".to_owned() }),
        ("a\u{2}b", MessageError::SeparatorInProperty { name: "__SHARDINGKEY".to_owned() }),
    ] {
        assert_eq!(refusal(&Message::new("orders", "hello").sharding_key(key)), Some(expected));
    }
}

#[test]
fn an_absent_wait_reads_as_true() {
    let mut message = message();
    message.properties_mut().remove(property_key::WAIT);
    assert!(message.waits_for_store());
    message.properties_mut().set(property_key::WAIT, "TRUE");
    assert!(message.waits_for_store());
    message.properties_mut().set(property_key::WAIT, "yes");
    assert!(!message.waits_for_store());
}

#[test]
fn the_first_defect_is_reported_and_the_value_is_not_set() {
    let name = |name: &str| name.to_owned();
    for (message, expected) in [
        (message().tag(""), MessageError::BlankPropertyValue { name: name("TAGS") }),
        (message().tag(" "), MessageError::BlankPropertyValue { name: name("TAGS") }),
        (message().tag("a\u{1}b"), MessageError::SeparatorInProperty { name: name("TAGS") }),
        (message().key(""), MessageError::BlankPropertyValue { name: name("KEYS") }),
        (message().key("a b"), MessageError::SpaceInKey),
        (message().keys(["a", "b\u{2}"]), MessageError::SeparatorInProperty { name: name("KEYS") }),
        (message().buyer_id(" "), MessageError::BlankPropertyValue { name: name("BUYER_ID") }),
        (message().property("", "v"), MessageError::BlankPropertyName),
        (message().property(" ", "v"), MessageError::BlankPropertyName),
        (message().property("a", ""), MessageError::BlankPropertyValue { name: name("a") }),
        (message().property("a\u{2}", "v"), MessageError::SeparatorInProperty { name: name("a\u{2}") }),
        (message().property("UNIQ_KEY", "v"), MessageError::ReservedPropertyName { name: name("UNIQ_KEY") }),
        (
            message().property("__RMQ.TRANSIENT.X", "v"),
            MessageError::ReservedPropertyName { name: name("__RMQ.TRANSIENT.X") },
        ),
        (message().property("INNER_MULTI_DISPATCH", "%LMQ%a,..\\b"), MessageError::PathInDispatch),
        (message().key("a b").tag(""), MessageError::SpaceInKey),
    ] {
        assert_eq!(refusal(&message), Some(expected.clone()));
        assert_eq!(refusal(&message.clone().tag("good").key("good")), Some(expected), "a later good one heals nothing");
    }
    assert_eq!(message().property("TAGS", "v").tags(), None);
}

#[test]
fn what_a_library_adds_is_checked_but_for_reserved_names() {
    let mut message = message();
    message.properties_mut().set(property_key::UNIQ_KEY, "id");
    assert_eq!(refusal(&message), None);
    message.properties_mut().set("p", "a\u{2}b");
    assert_eq!(refusal(&message), Some(MessageError::SeparatorInProperty { name: "p".to_owned() }));
    message.properties_mut().set("p", "");
    assert_eq!(refusal(&message), Some(MessageError::BlankPropertyValue { name: "p".to_owned() }));
}

#[test]
fn topics_of_rocketmq_take_no_messages() {
    let to = |topic: &str| refusal(&Message::new(topic, "hello"));
    let topic = "SCHEDULE_TOPIC_XXXX";
    assert_eq!(to(topic), Some(MessageError::ForbiddenTopic { topic: topic.into() }));
    assert_eq!(to("TBW102"), None);
    assert!(matches!(to(""), Some(MessageError::Topic(NameError::Blank { .. }))));
    assert!(matches!(to("../up"), Some(MessageError::Topic(NameError::IllegalCharacter { character: '.', .. }))));
    assert_eq!(to("../up").map(|error| error.response_code()), Some(-1));
}

#[test]
fn a_body_has_one_byte_to_four_mebibytes() {
    const LIMIT: usize = 4 * 1024 * 1024;
    let of = |length| refusal(&Message::new("orders", vec![0; length]));
    assert_eq!(of(0), Some(MessageError::EmptyBody));
    assert_eq!(of(1), None);
    assert_eq!(of(LIMIT), None);
    let error = of(LIMIT + 1).unwrap();
    assert_eq!(error, MessageError::BodyTooLarge { bytes: LIMIT + 1, limit: LIMIT });
    assert_eq!((error.response_code(), MessageError::EmptyBody.response_code()), (13, 13));
    let small = MessageLimits::default().max_body_bytes(4);
    assert_eq!(message().validate(&small), Err(MessageError::BodyTooLarge { bytes: 5, limit: 4 }));
}

#[test]
fn properties_fill_their_limit_to_the_byte_with_those_that_the_client_adds() {
    let client = MessageLimits::default().adds_property(property_key::UNIQ_KEY, 32);
    // WAIT, UNIQ_KEY and the name and separators of this one take 10, 42 and 3 bytes
    let of = |value: usize| message().property("p", "v".repeat(value));
    for (limits, limit) in [(client.clone(), 32_705), (client.max_properties_bytes(usize::MAX), 32_745)] {
        assert_eq!(of(limit - 55).validate(&limits), Ok(()));
        let error = of(limit - 54).validate(&limits).unwrap_err();
        assert_eq!(error, MessageError::PropertiesTooLarge { bytes: limit + 1, limit });
        assert_eq!(error.response_code(), 13);
    }
}

#[test]
fn limits_count_bytes_and_not_characters() {
    let limits = MessageLimits::default().max_properties_bytes(10 + 3 + 6);
    assert_eq!(message().property("p", "äöü").validate(&limits), Ok(()));
    assert!(message().property("p", "äöüx").validate(&limits).is_err());
}

#[test]
fn debug_and_errors_show_no_content() {
    let message =
        Message::new("orders", "secret body").key("secret-key").property("p", "secret value").key("secret key");
    let shown = format!("{message:?} {}", refusal(&message).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("orders") && shown.contains("body_bytes: 11") && shown.contains("SpaceInKey"), "{shown}");
}

#[test]
fn a_pair_is_a_message_and_a_clone_shares() {
    let message = Message::from(("orders", vec![1, 2, 3]));
    let clone = message.clone();
    assert_eq!(message, clone);
    assert!(Arc::ptr_eq(message.topic_shared(), clone.topic_shared()));
    assert_eq!(message.body().as_ptr(), clone.body().as_ptr());
}
