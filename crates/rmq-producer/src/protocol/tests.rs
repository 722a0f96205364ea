//! The typed headers against frames that the Java classes wrote (`tests/golden`).

use bytes::BytesMut;
use rmq_remoting::{CommandHeader, ExtFields, FrameCodec, RemotingCommand};
use serde_json::Value;
use tokio_util::codec::Decoder as _;

use super::*;

fn cases(file: &str) -> Vec<Value> {
    serde_json::from_str(file).expect("a golden file is JSON")
}

fn text<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{}: no text at {pointer}", case["name"]))
}

/// Reads a frame that Java wrote.
fn decoded(case: &Value) -> RemotingCommand {
    let digits = text(case, "/expected/frame");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    let mut frame: BytesMut = (0..digits.len()).step_by(2).map(byte).collect();
    FrameCodec::default().decode(&mut frame).expect("a legal frame").expect("a whole frame")
}

fn java_fields(case: &Value) -> ExtFields {
    let fields = case.pointer("/expected/decoded/ext_fields").and_then(Value::as_object);
    let pairs = fields.into_iter().flatten().map(|(name, value)| (name.clone(), value.as_str().expect("a text")));
    pairs.collect()
}

fn encoded(header: &impl CommandHeader) -> ExtFields {
    let mut fields = ExtFields::new();
    header.encode(&mut fields);
    fields
}

/// The header read from Java's frame writes the same fields that Java wrote.
fn round_trip<H: CommandHeader + std::fmt::Debug + PartialEq>(case: &Value) -> H {
    let header: H = decoded(case).header().unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
    assert_eq!(encoded(&header), java_fields(case), "{}", case["name"]);
    assert_eq!(H::decode(&java_fields(case)).as_ref(), Ok(&header), "{}", case["name"]);
    header
}

/// What a member of Java's header object is, as text.
fn member(case: &Value, name: &str) -> Option<String> {
    match &case["inputs"]["header"][name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn check_send(case: &Value, header: &SendMessage<'_>, names: [&str; 14]) {
    let said = [
        Some(header.producer_group.to_string()),
        Some(header.topic.to_string()),
        Some(header.default_topic.to_string()),
        Some(header.default_topic_queue_nums.to_string()),
        Some(header.queue_id.to_string()),
        Some(header.sys_flag.to_string()),
        Some(header.born_timestamp.to_string()),
        Some(header.flag.to_string()),
        header.properties.as_ref().map(ToString::to_string),
        header.reconsume_times.map(|times| times.to_string()),
        header.unit_mode.map(|unit| unit.to_string()),
        header.max_reconsume_times.map(|times| times.to_string()),
        header.batch.map(|batch| batch.to_string()),
        header.broker_name.as_ref().map(ToString::to_string),
    ];
    for (name, said) in names.into_iter().zip(said) {
        assert_eq!(said, member(case, name), "{}: {name}", case["name"]);
    }
}

#[test]
fn every_header_says_what_java_says() {
    const LONG: [&str; 14] = [
        "producerGroup",
        "topic",
        "defaultTopic",
        "defaultTopicQueueNums",
        "queueId",
        "sysFlag",
        "bornTimestamp",
        "flag",
        "properties",
        "reconsumeTimes",
        "unitMode",
        "maxReconsumeTimes",
        "batch",
        "bname",
    ];
    const SHORT: [&str; 14] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];
    let mut seen = [0; 8];
    for case in cases(include_str!("../../tests/golden/commands.json")) {
        let name = text(&case, "/name");
        if name.starts_with("get route with namespace") {
            // The namespace fields are an addition to the header and written by whoever adds them.
            assert_eq!(
                decoded(&case).header::<GetRouteInfo<'_>>().expect(name).topic,
                member(&case, "topic").expect(name)
            );
            continue;
        }
        if name.starts_with("get route") {
            let header: GetRouteInfo<'_> = round_trip(&case);
            assert_eq!(Some(header.topic.to_string()), member(&case, "topic"));
            assert_eq!(
                header.accept_standard_json_only.map(|only| only.to_string()),
                member(&case, "acceptStandardJsonOnly")
            );
            seen[0] += 1;
        } else if name.starts_with("send V1") || name.starts_with("send reply V1") {
            check_send(&case, &round_trip::<SendMessageV1<'_>>(&case).0, LONG);
            seen[1] += 1;
        } else if name.starts_with("send V2") || name.starts_with("send reply V2") || name.starts_with("send batch") {
            check_send(&case, &round_trip::<SendMessageV2<'_>>(&case).0, SHORT);
            seen[2] += 1;
        } else if name.starts_with("unregister") {
            let header: UnregisterClient<'_> = round_trip(&case);
            assert_eq!(Some(header.client_id.to_string()), member(&case, "clientID"));
            assert_eq!(header.producer_group.map(|group| group.to_string()), member(&case, "producerGroup"));
            assert_eq!(header.consumer_group.map(|group| group.to_string()), member(&case, "consumerGroup"));
            seen[3] += 1;
        } else if name.starts_with("send response") {
            let header: SendMessageReply = round_trip(&case);
            assert_eq!(Some(header.msg_id), member(&case, "msgId"), "{name}");
            assert_eq!(Some(header.queue_id.to_string()), member(&case, "queueId"), "{name}");
            assert_eq!(Some(header.queue_offset.to_string()), member(&case, "queueOffset"), "{name}");
            assert_eq!(header.transaction_id, member(&case, "transactionId"), "{name}");
            seen[4] += 1;
        } else if name.starts_with("check transaction state") {
            let header: CheckTransactionState = round_trip(&case);
            assert_eq!(header.topic, member(&case, "topic"), "{name}");
            let offsets = [header.tran_state_table_offset, header.commit_log_offset].map(|offset| offset.to_string());
            let named = ["tranStateTableOffset", "commitLogOffset"].map(|offset| member(&case, offset).expect(name));
            assert_eq!(offsets, named, "{name}");
            assert_eq!(header.msg_id, member(&case, "msgId"), "{name}");
            assert_eq!(header.transaction_id, member(&case, "transactionId"), "{name}");
            assert_eq!(header.offset_msg_id, member(&case, "offsetMsgId"), "{name}");
            assert_eq!(header.broker_name, member(&case, "bname"), "{name}");
            seen[6] += 1;
        } else if name.starts_with("push reply") {
            let header: PushReplyMessage = round_trip(&case);
            assert_eq!(Some(header.topic), member(&case, "topic"), "{name}");
            assert_eq!(Some(header.producer_group), member(&case, "producerGroup"), "{name}");
            assert_eq!(header.properties, member(&case, "properties"), "{name}");
            assert_eq!(Some(header.born_host), member(&case, "bornHost"), "{name}");
            assert_eq!(Some(header.store_host), member(&case, "storeHost"), "{name}");
            assert_eq!(Some(header.sys_flag.to_string()), member(&case, "sysFlag"), "{name}");
            seen[7] += 1;
        } else if name.starts_with("heartbeat") {
            let command = decoded(&case);
            let body: HeartbeatData<'_> = serde_json::from_slice(command.body()).expect(name);
            assert_eq!(
                HeartbeatData::of_producers(&body.client_id, body.producers.iter().map(|one| &*one.group)),
                body
            );
            seen[5] += 1;
        } else {
            panic!("{name} is not looked at");
        }
    }
    assert!(seen.iter().all(|count| *count >= 4), "{seen:?}");
}

#[test]
fn our_route_request_asks_for_standard_json() {
    let fields = encoded(&GetRouteInfo::of("TopicTest"));
    assert_eq!((fields.get("topic"), fields.get("acceptStandardJsonOnly")), (Some("TopicTest"), Some("true")));
}

#[test]
fn a_heartbeat_is_the_one_that_java_5_writes() {
    let (mut written, mut fingerprints) = (0, 0);
    for case in cases(include_str!("../../tests/golden/heartbeat.json")) {
        let name = text(&case, "/name");
        if name.starts_with("read by a broker") {
            let read: HeartbeatData<'_> = serde_json::from_str(text(&case, "/inputs/json")).expect(name);
            let groups: Vec<&str> = read.producers.iter().map(|producer| &*producer.group).collect();
            assert_eq!(&*read.client_id, text(&case, "/expected/client_id"), "{name}");
            assert_eq!(Value::from(groups), case["expected"]["producer_groups"], "{name}");
        } else if name.ends_with("(5.5.0)") {
            let inputs = &case["inputs"];
            let groups =
                inputs["producer_groups"].as_array().expect(name).iter().map(|group| group.as_str().expect(name));
            let mut data = HeartbeatData::of_producers(text(&case, "/inputs/client_id"), groups);
            data.fingerprint = i32::try_from(inputs["heartbeat_fingerprint"].as_i64().expect(name)).expect(name);
            data.without_sub = inputs["without_sub"].as_bool().expect(name);
            assert_eq!(data.to_json(), text(&case, "/expected/json"), "{name}");
            if let Some(fingerprint) = case["expected"]["computed_fingerprint"].as_i64() {
                assert_eq!(i64::from(data.compute_fingerprint()), fingerprint, "{name}");
                fingerprints += 1;
            }
            written += 1;
        }
    }
    // Of several groups Java's fingerprint changes from run to run: its set of them has no order.
    assert_eq!((written, fingerprints), (5, 4));
}

#[test]
fn a_header_without_a_required_field_names_it() {
    let mut fields = encoded(&SendMessageReply {
        msg_id: "OFF".to_owned(),
        queue_id: 1,
        queue_offset: 2,
        transaction_id: None,
        batch_uniq_id: None,
        recall_handle: None,
        region_id: None,
        trace_on: true,
    });
    for field in ["queueOffset", "queueId", "msgId"] {
        fields.remove(field);
        assert_eq!(SendMessageReply::decode(&fields).unwrap_err().field(), field);
    }
    assert_eq!(SendMessageV2::decode(&ExtFields::new()).unwrap_err().field(), "a");
    assert_eq!(SendMessageV1::decode(&ExtFields::new()).unwrap_err().field(), "producerGroup");
}
