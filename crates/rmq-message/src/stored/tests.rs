//! The layouts byte by byte: what stands where, and each way in which it can be wrong.

use bytes::BufMut;

use super::*;

/// A stored message field by field; by default the one that `sample` reads back.
struct Written {
    size: Option<i32>,
    magic: u32,
    sys_flag: i32,
    born_host: Vec<u8>,
    store_host: Vec<u8>,
    body: (i32, Vec<u8>),
    topic: (Vec<u8>, Vec<u8>),
    properties: (i16, Vec<u8>),
    behind: Vec<u8>,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            size: None,
            magic: 0xDAA3_20A7,
            sys_flag: 0,
            born_host: vec![10, 0, 0, 9, 0, 0, 0xC3, 0x50],
            store_host: vec![10, 0, 0, 1, 0, 0, 0x2A, 0x9F],
            body: (5, b"hello".to_vec()),
            topic: (vec![9], b"TopicTest".to_vec()),
            properties: (10, b"TAGS\x01TagA\x02".to_vec()),
            behind: Vec::new(),
        }
    }
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        fields.put_u32(self.magic);
        fields.put_u32(0x3610_A686); // crc
        fields.put_i32(1); // queue
        fields.put_i32(2); // flag
        fields.put_i64(7); // queue offset
        fields.put_i64(123_456); // log offset
        fields.put_i32(self.sys_flag);
        fields.put_i64(1_700_000_000_000);
        fields.put_slice(&self.born_host);
        fields.put_i64(1_700_000_000_005);
        fields.put_slice(&self.store_host);
        fields.put_i32(3); // retries
        fields.put_i64(4); // prepared offset
        fields.put_i32(self.body.0);
        fields.put_slice(&self.body.1);
        fields.put_slice(&self.topic.0);
        fields.put_slice(&self.topic.1);
        fields.put_i16(self.properties.0);
        fields.put_slice(&self.properties.1);
        fields.put_slice(&self.behind);
        let size = self.size.unwrap_or_else(|| i32::try_from(fields.len() + 4).expect("a small message"));
        [&size.to_be_bytes(), fields.as_slice()].concat()
    }

    fn decode(&self) -> Result<StoredMessage, StoredErrorKind> {
        StoredMessage::decode(&mut self.bytes().into()).map_err(|error| error.kind())
    }
}

#[test]
fn every_field_stands_where_the_layout_says() {
    let message = Written::default().decode().unwrap();
    assert_eq!(message.layout(), StoredLayout::V1);
    assert_eq!(message.store_size(), 115);
    assert_eq!(message.stored_body_crc(), 0x3610_A686);
    assert_eq!((message.queue_id(), message.user_flag(), message.queue_offset()), (1, 2, 7));
    assert_eq!((message.commit_log_offset(), message.sys_flag()), (123_456, SysFlag(0)));
    assert_eq!((message.born_timestamp_ms(), message.store_timestamp_ms()), (1_700_000_000_000, 1_700_000_000_005));
    assert_eq!(message.born_host(), "10.0.0.9:50000".parse().unwrap());
    assert_eq!(message.store_host(), "10.0.0.1:10911".parse().unwrap());
    assert_eq!((message.reconsume_times(), message.prepared_transaction_offset()), (3, 4));
    assert_eq!((&message.body()[..], &**message.topic()), (&b"hello"[..], "TopicTest"));
    assert_eq!((message.tags(), message.key_text(), message.unique_id()), (Some("TagA"), None, None));
    assert_eq!(message.message_id(), "0A00000100002A9F000000000001E240");
    assert_eq!(message.check_body(), Ok(()));
}

#[test]
fn the_second_layout_holds_long_topics() {
    let topic = (vec![0, 130], vec![b't'; 130]);
    let message = Written { magic: 0xDAA3_20AB, topic, ..Written::default() }.decode().unwrap();
    assert_eq!((message.layout(), message.topic().len()), (StoredLayout::V2, 130));
}

#[test]
fn lengths_beyond_the_message_are_refused_and_move_nothing() {
    let size = |size| Err(StoredErrorKind::Size { size });
    let refused = [
        (Written { body: (-1, Vec::new()), ..Written::default() }, size(110)),
        (Written { body: (i32::MAX, b"hello".to_vec()), ..Written::default() }, size(115)),
        (Written { topic: (vec![0xFF], b"TopicTest".to_vec()), ..Written::default() }, size(115)),
        (Written { properties: (-1, Vec::new()), ..Written::default() }, size(105)),
        (Written { properties: (11, b"TAGS\x01TagA\x02".to_vec()), ..Written::default() }, size(115)),
        (Written { behind: vec![0], ..Written::default() }, size(116)),
        (Written { size: Some(114), ..Written::default() }, size(114)),
        (Written { size: Some(91), ..Written::default() }, size(91)),
        (Written { size: Some(7), ..Written::default() }, size(7)),
        (Written { size: Some(0), ..Written::default() }, size(0)),
        (Written { size: Some(-1), ..Written::default() }, size(-1)),
        (
            Written { size: Some(116), ..Written::default() },
            Err(StoredErrorKind::Truncated { needed: 116, present: 115 }),
        ),
        (
            Written { magic: 0xCBD4_3194, ..Written::default() },
            Err(StoredErrorKind::UnknownMagic { magic: 0xCBD4_3194 }),
        ),
        (Written { topic: (vec![2], vec![0xC3, 0x28]), ..Written::default() }, Err(StoredErrorKind::Topic)),
        (
            Written { store_host: vec![10, 0, 0, 1, 0, 1, 0, 0], ..Written::default() },
            Err(StoredErrorKind::Port { port: 65_536 }),
        ),
        (
            Written { born_host: vec![10, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], ..Written::default() },
            Err(StoredErrorKind::Port { port: -1 }),
        ),
    ];
    for (written, expected) in refused {
        assert_eq!(written.decode(), expected);
        let mut input = Bytes::from(written.bytes());
        StoredMessage::decode(&mut input).unwrap_err();
        assert_eq!(input, written.bytes());
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = Bytes::from(Written::default().bytes());
    for end in 1..bytes.len() {
        let (messages, error) = decode_all(bytes.slice(..end));
        assert!(messages.is_empty());
        let needed = if end < 8 { 8 } else { 115 };
        assert_eq!(error.unwrap().kind(), StoredErrorKind::Truncated { needed, present: end });
    }
}

#[test]
fn a_list_says_where_it_stopped() {
    let good = Written::default().bytes();
    let bad = Written { magic: 0, ..Written::default() }.bytes();
    let (messages, error) = decode_all([&good[..], &good, &bad, &good].concat().into());
    assert_eq!(messages.len(), 2);
    let error = error.unwrap();
    assert_eq!((error.at(), error.kind()), (230, StoredErrorKind::UnknownMagic { magic: 0 }));
    assert_eq!(error.to_string(), "the stored message at byte 230 cannot be read");
}

#[test]
fn bad_characters_in_properties_do_not_hide_the_message() {
    let message = Written { properties: (4, b"a\x01\xFFb".to_vec()), ..Written::default() }.decode().unwrap();
    assert_eq!(message.properties().get("a"), Some("\u{FFFD}b"));
}

#[test]
fn a_damaged_body_is_found_by_its_checksum() {
    let message = Written { body: (5, b"hallo".to_vec()), ..Written::default() }.decode().unwrap();
    let stored = 0x3610_A686;
    assert_eq!(message.check_body(), Err(BodyDamaged { stored, computed: body_crc(b"hallo") }));
}

#[test]
fn debug_shows_neither_body_nor_values() {
    let shown = format!("{:?}", Written::default().decode().unwrap());
    assert!(!shown.contains("hello") && !shown.contains("TagA"), "{shown}");
}
