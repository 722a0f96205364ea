//! Bodies of every kind and size: what goes in comes out, bit for bit; what is too long is refused here.

use std::error::Error as _;

use bytes::Bytes;
use rmq_producer::{Message, MessageLimits, SendErrorKind};

use crate::expectation::assert_holds;
use crate::place::everywhere;

#[test]
fn bodies_of_every_kind_arrive_bit_for_bit() {
    everywhere(async |place| {
        let topic = place.topic("bodies", 4).await;
        let producer = place.producer().await;
        let every_byte: Vec<u8> = (0..=255).collect();
        let text = "Grüße, 世界, привет, 🚀\u{0}\u{1}\u{2}\u{feff}\r\n";
        let bodies: [(&str, Bytes); 12] = [
            ("one byte", Bytes::from_static(b"x")),
            ("a zero", Bytes::from_static(b"\0")),
            ("the highest byte", Bytes::from_static(b"\xff")),
            ("white space", Bytes::from_static(b" ")),
            ("every byte", every_byte.clone().into()),
            ("every byte, twice over", [&every_byte[..], &every_byte[..]].concat().into()),
            ("UTF-8", text.into()),
            ("JSON", r#"{"code":0,"body":"\u0000"}"#.into()),
            ("the start of a frame", Bytes::from_static(&[0, 0, 0, 9, 0, 0, 0, 5, b'{'])),
            ("a page and a byte", noise(4_097)),
            ("more than a socket holds", noise(3_000_001)),
            ("exactly the limit", noise(LIMIT)),
        ];
        let mut sent = Vec::new();
        for (what, body) in bodies {
            let message = Message::new(&*topic, body).tag("body").property("what", what);
            let result = producer.send(message.clone()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}

#[test]
fn a_body_of_one_byte_more_than_4_mib_is_refused_here_and_by_the_broker() {
    everywhere(async |place| {
        let topic = place.topic("long-bodies", 1).await;
        let too_long = || Message::new(&*topic, noise(LIMIT + 1));
        let producer = place.producer().await;
        let error = producer.send(too_long()).await.expect_err("it is over the limit");
        assert_eq!((error.kind(), error.code()), (SendErrorKind::InvalidMessage, Some(13)));
        assert!(error.attempts().is_empty() && !error.possibly_stored());
        let cause = error.source().expect("the defect").to_string();
        assert_eq!(cause, "the body of 4194305 bytes is over the limit of 4194304");

        // A producer that is told to try learns it from the broker.
        let limits = MessageLimits::default().max_body_bytes(8 << 20);
        let careless = place.builder().limits(limits).start().await.expect("the name server answers");
        let error = careless.send(too_long()).await.expect_err("the broker's limit is the same");
        assert_eq!((error.kind(), error.code()), (SendErrorKind::Refused, Some(13)), "{error}");
        assert!(!error.possibly_stored() && !error.is_retryable(), "{error}");
        assert_eq!(error.attempts().len(), 1);

        let small = Message::new(&*topic, "the line still works");
        let result = careless.send(small.clone()).await.expect("it is stored");
        assert_holds(place, &topic, &[(small, result)]).await;
    });
}

/// Bytes without any order in them (xorshift), the same for each length.
fn noise(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// 4 MiB, what client and broker allow if they are not told otherwise.
const LIMIT: usize = 4_194_304;
