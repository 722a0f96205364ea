//! Answers to a send: what Java makes of them (`tests/golden`), and the table of refusals row by row.

use std::sync::Arc;
use std::time::Duration;

use rmq_message::UniqueIdGenerator;
use rmq_remoting::RequestCode;
use serde_json::Value;

use super::*;
use crate::attempts::{Destination, GoodAttempt};
use crate::namespace::Namespace;
use crate::send_result::{MessageId, Receipt, SendResult};

fn answer(code: i32, remark: Option<&str>) -> RemotingCommand {
    let answer = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).response_to(ResponseCode(code));
    match remark {
        Some(remark) => answer.with_remark(remark),
        None => answer,
    }
}

fn read_it(answer: &RemotingCommand) -> Result<Stored, AttemptError> {
    read(&answer.clone().into(), &Endpoint::parse("10.0.0.1:10911").expect("an address"), &Places::default())
}

fn class(code: i32, remark: &str) -> Outcome {
    match read_it(&answer(code, Some(remark))) {
        Err(error) => error.outcome(),
        Ok(stored) => panic!("{code} is no refusal: {stored:?}"),
    }
}

#[test]
fn an_answer_becomes_what_java_makes_of_it() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/golden/send_result.json")).unwrap();
    let mut left_out = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        if inputs["is_batch"] == true {
            left_out.push(name);
            continue;
        }
        let namespace = Namespace::v1(inputs["namespace"].as_str().unwrap_or_default());
        if let Some(topic) = expected["queue"]["topic"].as_str() {
            assert_eq!(namespace.unwrap(inputs["topic"].as_str().unwrap()), topic, "{name}");
        }
        let code = i32::try_from(inputs["code"].as_i64().unwrap()).unwrap();
        let mut command = answer(code, inputs["remark"].as_str());
        for (field, value) in inputs["ext_fields"].as_object().unwrap() {
            command = command.with_field(field.clone(), value.as_str().unwrap());
        }
        let text = |member: &str| expected[member].as_str();
        match read_it(&command) {
            Ok(Stored { status, queue_id, queue_offset }) => {
                let ids = Arc::new(UniqueIdGenerator::new([10, 9, 9, 9].into(), 1, 7));
                let destination = Destination {
                    topic: "T".into(),
                    broker_name: "broker-a".into(),
                    logical: None,
                    address: None,
                    ids,
                };
                let receipt = Receipt {
                    status,
                    message_id: MessageId::Given("".into()),
                    queue_id,
                    queue_offset,
                    stored_by: GoodAttempt {
                        destination: Arc::new(destination),
                        queue_id: 1,
                        elapsed: Duration::ZERO,
                        asked: None,
                    },
                    elapsed: Duration::ZERO,
                };
                let result = SendResult::new(receipt, command.into());
                assert_eq!(Some(result.status().name()), text("status"), "{name}");
                assert_eq!(Some(&**result.queue().broker_name()), expected["queue"]["broker"].as_str(), "{name}");
                assert_eq!(Some(i64::from(result.queue().queue_id())), expected["queue"]["id"].as_i64(), "{name}");
                assert_eq!(Some(result.queue_offset()), expected["queue_offset"].as_i64(), "{name}");
                assert_eq!(Some(result.offset_message_id()), text("offset_msg_id"), "{name}");
                // A 5.x broker sends the transaction id, and Java shows what was sent.
                assert_eq!(result.transaction_id(), text("transaction_id"), "{name}");
                assert_eq!(Some(result.region_id()), text("region_id"), "{name}");
                assert_eq!(Some(result.trace_on()), expected["trace_on"].as_bool(), "{name}");
                assert_eq!(result.recall_handle(), text("recall_handle"), "{name}");
            }
            Err(AttemptError::Refused { addr, code, remark, .. }) => {
                assert_eq!(text("error"), Some("MQBrokerException"), "{name}");
                assert_eq!(Some(i64::from(code.0)), expected["response_code"].as_i64(), "{name}");
                assert_eq!(Some(&*remark), text("message"), "{name}");
                assert_eq!(Some(addr.as_str()), text("broker_addr"), "{name}");
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    // Not written yet: batches.
    assert_eq!(left_out, ["batch", "inner batch (5.5.0)"]);
    assert_eq!(cases.len(), 12);
}

#[test]
fn every_code_that_a_producer_meets_has_its_class() {
    use Outcome::{Busy, MaybeStored, Rejected};
    for (code, outcome) in [
        (1, MaybeStored),
        (2, Busy),
        (3, Rejected),
        (4, MaybeStored),
        (13, Rejected),
        (14, Busy),
        (15, Rejected),
        (16, Rejected),
        (17, Rejected),
        (22, MaybeStored),
        (26, Rejected),
        (29, Rejected),
        (204, Rejected),
        (205, Rejected),
        (208, MaybeStored),
        (215, Busy),
        (501, Rejected),
        (604, Rejected),
        (1500, Busy),
        (2017, Rejected),
        (3001, Rejected),
        (-1, MaybeStored),
        (12_345, MaybeStored),
    ] {
        assert_eq!(class(code, ""), outcome, "{code}");
    }
}

#[test]
fn code_1_means_what_its_remark_proves() {
    for (remark, outcome) in [
        ("[PC_SYNCHRONIZED]broker busy, start flow control for a while", Outcome::Busy),
        ("[OVERLOAD]system busy, start flow control for a while", Outcome::Busy),
        ("broker unable to service, until 2026-01-01 00:00:00", Outcome::Busy),
        ("timer message is under flow control, max num limit is 100 or …", Outcome::Busy),
        ("org.apache.rocketmq.acl.common.AclException: No accessKey is configured, org.apache…", Outcome::Rejected),
        (
            "request queueId[99] is illegal, TopicConfig [topicName=T_raw, …] Producer: 10.0.0.9:48572",
            Outcome::Rejected,
        ),
        ("The specified topic is blank.", Outcome::Rejected),
        ("accurate timer message is not enabled, timerWheelEnable is false", Outcome::Rejected),
        ("java.lang.NullPointerException: Cannot invoke …", Outcome::MaybeStored),
        ("create mapped file failed, server is busy or broken.", Outcome::MaybeStored),
        ("UNKNOWN_ERROR DEFAULT", Outcome::MaybeStored),
        ("something about [OVERLOAD]", Outcome::MaybeStored),
        ("", Outcome::MaybeStored),
    ] {
        assert_eq!(class(1, remark), outcome, "{remark}");
    }
}

#[test]
fn a_success_without_its_place_is_maybe_stored() {
    for (code, missing) in [(0, "queueOffset"), (10, "msgId"), (11, "queueId")] {
        let mut command = answer(code, None);
        for (name, value) in [("msgId", "OFF"), ("queueId", "1"), ("queueOffset", "2")] {
            if name != missing {
                command = command.with_field(name, value);
            }
        }
        let error = read_it(&command).unwrap_err();
        assert!(
            matches!(&error, AttemptError::UnreadableAnswer { source, .. } if source.field() == missing),
            "{error:?}"
        );
        assert_eq!(error.outcome(), Outcome::MaybeStored);
    }
}

#[test]
fn a_remark_cannot_drive_a_terminal_and_is_cut() {
    let error = read_it(&answer(16, Some(&format!("no\u{1b}[31m\n{}", "x".repeat(1000))))).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("it answered NO_PERMISSION(16): no"), "{text}");
    assert!(!text.contains(['\u{1b}', '\n']) && text.len() < 400, "{text}");
}
