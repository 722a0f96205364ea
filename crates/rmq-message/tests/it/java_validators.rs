//! Which names, messages and properties Java accepts: we accept no others, and with the same response codes.

use bytes::Bytes;
use rmq_message::validate::{
    MAX_OLD_GROUP_LENGTH, is_send_forbidden, is_system_topic, validate_group, validate_group_up_to,
    validate_producer_group, validate_topic, validate_user_property,
};
use rmq_message::{Message, MessageLimits, NameError};
use serde_json::Value;

use crate::golden::{Case, Listed, assert_listed_exist, cases, number, text, text_or_none};

/// What Java accepts and we refuse.
const STRICTER: &Listed = &[
    ("message: multi dispatch with a slash (4.9.7)", "5.5.0 refuses it; the queue becomes a folder of the broker"),
    ("user property 'TIMER_DELAY_SEC' = 'v' (4.9.7)", "reserved in 5.x; a message has to mean the same on both"),
    ("user property 'TIMER_DELAY_MS' = 'v' (4.9.7)", "reserved in 5.x; a message has to mean the same on both"),
    ("user property 'TIMER_DELIVER_MS' = 'v' (4.9.7)", "reserved in 5.x; a message has to mean the same on both"),
    ("producer group at start 121 chars 'gggggggg...' (4.9.7)", "5.5.0 takes 120; validate_group_up_to takes more"),
];

/// What cannot be said here.
const IMPOSSIBLE: &Listed = &[("message: null", "there is no null message")];

#[test]
fn we_accept_what_java_accepts() {
    let cases = cases(include_str!("../golden/validators.json"));
    assert_listed_exist(&cases, STRICTER);
    assert_listed_exist(&cases, IMPOSSIBLE);
    for case in cases {
        let of = |beginning| case.name.starts_with(beginning);
        if of("name ") {
            name(&case);
        } else if of("system or forbidden: ") {
            system_or_forbidden(&case);
        } else if of("broker side: ") {
            broker_side(&case);
        } else if of("message: ") {
            message(&case);
        } else if of("user property ") {
            let refused =
                validate_user_property(text_or_none(&case.inputs["name"]), text_or_none(&case.inputs["value"]));
            agree(&case, refused.err().map(|error| error.response_code()));
        } else {
            assert!(of("producer group at start "), "no test for {}", case.name);
            let refused = validate_producer_group(text_or_none(&case.inputs["group"]));
            agree(&case, refused.err().map(|_| -1));
        }
    }
}

/// Compares our refusal, by its code, with Java's. Exceptions without a code have −1 here.
fn agree(case: &Case, refused: Option<i32>) {
    let expected = match case.expected["accepted"].as_bool() {
        Some(true) => None,
        _ => Some(case.expected.get("response_code").map_or(-1, number)),
    };
    match case.listed(STRICTER) {
        Some(_) => assert!(expected.is_none() && refused.is_some(), "{} is not stricter", case.name),
        None => assert_eq!(refused, expected, "{}", case.name),
    }
}

fn name(case: &Case) {
    // null is blank in Java
    let given = text_or_none(&case.inputs["text"]);
    let accepted = |of: &str| case.expected[of]["accepted"].as_bool();
    let topic = validate_topic(given);
    assert_eq!(Some(topic.is_ok()), accepted("topic"), "{}", case.name);
    let group =
        if case.is_only("4.9.7") { validate_group_up_to(given, MAX_OLD_GROUP_LENGTH) } else { validate_group(given) };
    assert_eq!(Some(group.is_ok()), accepted("group"), "{}", case.name);
    let blank = matches!(topic, Err(NameError::Blank { .. }));
    assert_eq!(Some(blank), case.expected["blank"].as_bool(), "{}", case.name);
    if !blank {
        let illegal = matches!(topic, Err(NameError::IllegalCharacter { .. }));
        assert_eq!(Some(illegal), case.expected["illegal_characters"].as_bool(), "{}", case.name);
    }
}

fn system_or_forbidden(case: &Case) {
    let Some(topic) = case.inputs["text"].as_str() else {
        // Java fails on null; there is none here
        assert_eq!(case.name, "system or forbidden: null");
        return;
    };
    assert_eq!(Some(is_system_topic(topic)), case.expected["system_topic"].as_bool(), "{}", case.name);
    assert_eq!(Some(is_send_forbidden(topic)), case.expected["not_allowed_to_send"].as_bool(), "{}", case.name);
}

/// A 5.5.0 broker takes what we let pass.
fn broker_side(case: &Case) {
    let given = text_or_none(&case.inputs["text"]);
    let valid = |of: &str| case.expected[of]["valid"].as_bool();
    assert_eq!(Some(validate_topic(given).is_ok()), valid("topic"), "{}", case.name);
    assert_eq!(Some(validate_group(given).is_ok()), valid("group"), "{}", case.name);
}

fn message(case: &Case) {
    if case.listed(IMPOSSIBLE).is_some() {
        return;
    }
    let given = &case.inputs["message"];
    // a null topic is as blank as an empty one, a null body as empty: Java answers with the same code
    let body = vec![0; given["body_len"].as_u64().map_or(0, |length| usize::try_from(length).expect("a length"))];
    let mut message = Message::new(text_or_none(&given["topic"]), Bytes::from(body));
    for (name, value) in given["properties"].as_object().into_iter().flatten() {
        message.properties_mut().set(name.clone(), text(value));
    }
    let limits = MessageLimits::default().max_body_bytes(number(&case.inputs["max_message_size"]));
    agree(case, message.validate(&limits).err().map(|error| error.response_code()));
}

#[test]
fn groups_that_old_brokers_take_can_be_asked_for() {
    let case = cases(include_str!("../golden/validators.json"))
        .into_iter()
        .find(|case| case.name == "producer group at start 121 chars 'gggggggg...' (4.9.7)")
        .expect("the case");
    let Value::String(group) = &case.inputs["group"] else { panic!("a group") };
    assert_eq!(validate_group_up_to(group, MAX_OLD_GROUP_LENGTH), Ok(()));
}
