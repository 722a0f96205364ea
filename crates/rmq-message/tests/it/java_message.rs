//! What message setters write and what flag bits mean, as in Java.

use rmq_message::{CompressionType, Message, SysFlag, TransactionType, property_key};

use crate::golden::{Case, Listed, assert_listed_exist, cases, number, properties, text};

/// Setters that are not here yet.
const LATER: &Listed = &[
    ("message properties: setDelayTimeLevel(3)", "delays come with their own setter"),
    ("message properties: setDelayTimeSec(5) (5.5.0)", "delays come with their own setter"),
    ("message properties: setDelayTimeMs(1500) (5.5.0)", "delays come with their own setter"),
    ("message properties: setDeliverTimeMs(1700000000000) (5.5.0)", "delays come with their own setter"),
    ("message properties: setPriority(7) (5.5.0)", "priorities come with their own setter"),
];

#[test]
fn setters_and_flags_are_those_of_java() {
    let cases = cases(include_str!("../golden/message.json"));
    assert_listed_exist(&cases, LATER);
    for case in cases.iter().filter(|case| case.listed(LATER).is_none()) {
        let of = |beginning| case.name.starts_with(beginning);
        if of("message properties: ") {
            setters(case);
        } else if of("transaction bits of ") {
            transaction_bits(case);
        } else if of("sysFlag ") {
            compression_bits(case);
        } else if of("type name ") {
            let kind = text(&case.inputs["name"]).parse::<CompressionType>();
            let expected = case.expected.get("type").map(text);
            assert_eq!(kind.ok().map(CompressionType::name), expected, "{}", case.name);
        } else {
            assert!(of("type code "), "no test for {}", case.name);
            let kind: CompressionType = text(&case.inputs["type"]).parse().expect("a type");
            assert_eq!(kind.code(), number::<i32>(&case.expected["value"]), "{}", case.name);
            let flag = SysFlag::default().with_compression(kind);
            assert_eq!(flag.without_compression().0, number::<i32>(&case.expected["flag"]), "{}", case.name);
        }
    }
}

fn setters(Case { name, inputs, expected }: &Case) {
    let message = match text(&inputs["how"]) {
        "new Message(T, body)" => Message::new("T", "body"),
        "new Message(T, tags, keys, 5, body, false)" => {
            Message::new("T", "body").tag("tags").keys(["k1", "k2"]).flag(5).wait_store_ok(false)
        }
        "new Message(T, tags, body)" => Message::new("T", "body").tag("tags"),
        "setKeys of the collection a, b, c" => Message::new("T", "body").keys(["a", "b", "c"]),
        "setBuyerId(buyer), setInstanceId(inst)" => {
            let mut message = Message::new("T", "body").buyer_id("buyer");
            // the namespace is the client's to set
            message.properties_mut().set(property_key::INSTANCE_ID, "inst");
            message
        }
        how => panic!("no test for {how}"),
    };
    assert_eq!(*message.properties(), properties(&expected["properties"]), "{name}");
    assert_eq!(message.user_flag(), number::<i32>(&expected["flag"]), "{name}");
    assert_eq!(Some(message.waits_for_store()), expected["wait_store_ok"].as_bool(), "{name}");
    assert_eq!(message.tags(), expected["tags"].as_str(), "{name}");
    assert_eq!(message.key_text(), expected["keys"].as_str(), "{name}");
    assert_eq!(0, number::<i32>(&expected["delay_level"]), "{name}");
}

fn transaction_bits(Case { name, inputs, expected }: &Case) {
    let flag = SysFlag(number(&inputs["sys_flag"]));
    assert_eq!(flag.transaction().bits(), number::<i32>(&expected["transaction_value"]), "{name}");
    for (kind, key) in [
        (TransactionType::None, "reset_to_none"),
        (TransactionType::Prepared, "reset_to_prepared"),
        (TransactionType::Commit, "reset_to_commit"),
        (TransactionType::Rollback, "reset_to_rollback"),
    ] {
        assert_eq!(flag.with_transaction(kind).0, number::<i32>(&expected[key]), "{name}");
    }
}

fn compression_bits(Case { name, inputs, expected }: &Case) {
    let flag = SysFlag(number(&inputs["sys_flag"]));
    assert_eq!(Some(flag.is_compressed()), expected["compressed"].as_bool(), "{name}");
    let kind = flag.compression_type().map(CompressionType::name);
    assert_eq!(kind, expected["type"].as_str(), "{name}");
    assert_eq!(flag.without_compression().0, number::<i32>(&expected["cleared"]), "{name}");
}
