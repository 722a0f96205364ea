//! Stored messages, as Java reads them.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};

use rmq_message::stored::{StoredErrorKind, decode_all};
use rmq_message::{CompressionType, StoredMessage};
use serde_json::Value;

use crate::golden::{Listed, assert_listed_exist, bytes, cases, number, properties, text};

/// What 4.9.7 reads wrongly and we read as 5.5.0 does: it does not look at the word that marks the layout.
const MISREAD_BY_4_9_7: &Listed = &[
    ("stored: V2, topic of 130 characters (4.9.7)", "read as the first layout: the topic is lost"),
    ("stored: V2 with a short topic (4.9.7)", "read as the first layout: not readable"),
    ("stored: V2 behind V1 (4.9.7)", "read as the first layout: the second topic is lost"),
    ("stored: unknown magic (4.9.7)", "taken for the first layout"),
];

#[test]
fn stored_messages_are_read_as_java_reads_them() {
    let cases = cases(include_str!("../golden/stored.json"));
    assert_listed_exist(&cases, MISREAD_BY_4_9_7);
    for case in cases.iter().filter(|case| case.listed(MISREAD_BY_4_9_7).is_none()) {
        let (messages, error) = decode_all(bytes(&case.inputs["bytes"]).into());
        let expected = case.expected["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), expected.len(), "{}", case.name);
        for (message, expected) in messages.iter().zip(expected) {
            compare(&case.name, message, expected);
        }
        // Java ends in silence, we say why
        let stopped = ["truncated", "unknown magic"].iter().any(|what| case.name.contains(what));
        assert_eq!(error.is_some(), stopped, "{}", case.name);
    }
}

#[test]
fn what_4_9_7_misreads_is_read_by_its_layout() {
    let cases = cases(include_str!("../golden/stored.json"));
    let read = |name: &str| {
        let case = cases.iter().find(|case| case.name == name).expect("the case");
        let (messages, error) = decode_all(bytes(&case.inputs["bytes"]).into());
        (messages.iter().map(|message| message.topic().len()).collect::<Vec<_>>(), error.map(|error| error.kind()))
    };
    let [long, short, behind, unknown] = MISREAD_BY_4_9_7 else { panic!("four cases") };
    assert_eq!(read(long.0), (vec![130], None));
    assert_eq!(read(short.0), (vec![1], None));
    assert_eq!(read(behind.0), (vec![9, 200], None));
    assert_eq!(read(unknown.0), (vec![], Some(StoredErrorKind::UnknownMagic { magic: 0xCBD4_3194 })));
}

fn compare(name: &str, message: &StoredMessage, expected: &Value) {
    assert_eq!(message.store_size(), number::<u32>(&expected["store_size"]), "{name}");
    assert_eq!(message.stored_body_crc(), number::<u32>(&expected["body_crc"]), "{name}");
    assert_eq!(message.queue_id(), number::<i32>(&expected["queue_id"]), "{name}");
    assert_eq!(message.user_flag(), number::<i32>(&expected["flag"]), "{name}");
    assert_eq!(message.queue_offset(), number::<i64>(&expected["queue_offset"]), "{name}");
    assert_eq!(message.commit_log_offset(), number::<i64>(&expected["commit_log_offset"]), "{name}");
    assert_eq!(message.born_timestamp_ms(), number::<i64>(&expected["born_timestamp"]), "{name}");
    assert_eq!(message.born_host(), host(&expected["born_host"]), "{name}");
    assert_eq!(message.store_timestamp_ms(), number::<i64>(&expected["store_timestamp"]), "{name}");
    assert_eq!(message.store_host(), host(&expected["store_host"]), "{name}");
    assert_eq!(message.reconsume_times(), number::<i32>(&expected["reconsume_times"]), "{name}");
    let prepared = number::<i64>(&expected["prepared_transaction_offset"]);
    assert_eq!(message.prepared_transaction_offset(), prepared, "{name}");
    assert_eq!(&**message.topic(), text(&expected["topic"]), "{name}");
    assert_eq!(*message.properties(), properties(&expected["properties"]), "{name}");
    assert_eq!(message.message_id(), text(&expected["msg_id"]), "{name}");
    assert_eq!(message.offset_id().to_string(), text(&expected["offset_msg_id"]), "{name}");
    assert_eq!(message.check_body(), Ok(()), "{name}");
    compare_body(name, message, expected);
}

/// Java hands out the plain body and, since 5.5.0, clears the compressed bit; we hand out what is stored.
fn compare_body(name: &str, message: &StoredMessage, expected: &Value) {
    let sys_flag = number::<i32>(&expected["sys_flag"]);
    let plain = if expected["body"].is_null() { Vec::new() } else { bytes(&expected["body"]) };
    if !message.sys_flag().is_compressed() {
        assert_eq!((message.sys_flag().0, &message.body()[..]), (sys_flag, &plain[..]), "{name}");
        return;
    }
    let cleared = message.sys_flag().without_compression();
    assert!([message.sys_flag().0, cleared.0].contains(&sys_flag), "{name}");
    match message.sys_flag().compression_type().expect("a known type") {
        CompressionType::Zlib => {
            let mut read = Vec::new();
            flate2::read::ZlibDecoder::new(&message.body()[..]).read_to_end(&mut read).expect("a zlib stream");
            assert_eq!(read, plain, "{name}");
        }
        // no reader for these here: the container's first bytes, and the checksum above, have to do
        CompressionType::Lz4 => assert_eq!(message.body()[..4], [0x04, 0x22, 0x4D, 0x18], "{name}"),
        CompressionType::Zstd => assert_eq!(message.body()[..4], [0x28, 0xB5, 0x2F, 0xFD], "{name}"),
        other => panic!("{name}: {other}"),
    }
}

/// `hex:port`.
fn host(value: &Value) -> SocketAddr {
    let (ip, port) = text(value).split_once(':').expect("address and port");
    let ip = bytes(&Value::from(ip));
    let ip: IpAddr = match <[u8; 4]>::try_from(&*ip) {
        Ok(ip) => ip.into(),
        Err(_) => <[u8; 16]>::try_from(ip).expect("4 or 16 bytes").into(),
    };
    SocketAddr::new(ip, port.parse().expect("a port"))
}
