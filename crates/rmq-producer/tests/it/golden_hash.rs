//! Hash codes and the queues that they choose are Java's.

use rmq_message::{Message, MessageQueue};
use rmq_producer::selector::{JavaHash, QueueSelector, by_hash};
use serde_json::Value;

#[test]
fn a_key_chooses_the_queue_that_java_chooses() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/hash.json")).expect("a list of cases");
    assert_eq!(cases.len(), 21);
    for case in &cases {
        let value = &case["inputs"]["value"];
        match case["inputs"]["kind"].as_str().unwrap() {
            "String" => agrees(case, value.as_str().unwrap()),
            "Integer" => agrees(case, i32::try_from(value.as_i64().unwrap()).unwrap()),
            "Long" => agrees(case, value.as_i64().unwrap()),
            "Boolean" => agrees(case, value.as_bool().unwrap()),
            kind => panic!("no test for {kind}"),
        }
    }
}

fn agrees(case: &Value, key: impl JavaHash) {
    let expected = &case["expected"];
    assert_eq!(i64::from(key.java_hash()), expected["hash_code"], "{}", case["name"]);
    let selector: Box<dyn QueueSelector> = Box::new(by_hash(key));
    let indexes = expected["index_by_queue_count"].as_object().expect("an object");
    assert!(!indexes.is_empty());
    for (count, index) in indexes {
        let queues: Vec<_> = (0..count.parse().expect("a number")).map(|id| MessageQueue::new("T", "b", id)).collect();
        let chosen = selector(&queues, &Message::new("T", "body"));
        assert_eq!(*index, chosen, "{} of {count} queues", case["name"]);
    }
}
