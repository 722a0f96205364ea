//! Properties: many of them, up to the last byte a broker can store, and of any script.

use rmq_producer::{HeaderEncoding, Message, MessageLimits, SendErrorKind};

use crate::expectation::assert_holds;
use crate::place::{Release, everywhere};

#[test]
fn properties_up_to_the_limit_arrive_and_one_byte_more_is_refused() {
    everywhere(async |place| {
        let topic = place.topic("many-properties", 2).await;
        let mut sent = Vec::new();
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let producer = place.builder().header_encoding(encoding).start().await.expect("the name server answers");
            let full = filled_up_to(MOST_FOR_ALL, &topic);
            assert!(full.properties().len() > 1_000);
            let over = filled_up_to(MOST_FOR_ALL + 1, &topic);
            let error = producer.send(over).await.expect_err("no 5.x broker could store it");
            assert_eq!((error.kind(), error.code()), (SendErrorKind::InvalidMessage, Some(13)), "{error}");
            assert!(error.attempts().is_empty());
            let result = producer.send(full.clone()).await.expect("exactly the limit passes");
            sent.push((full, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}

#[test]
fn properties_that_only_4_9_brokers_can_store_are_stored_there_and_refused_by_5() {
    everywhere(async |place| {
        let topic = place.topic("most-properties", 1).await;
        let limits = MessageLimits::default().max_properties_bytes(usize::MAX);
        let producer = place.builder().limits(limits).start().await.expect("the name server answers");
        let message = filled_up_to(MOST_FOR_4_9, &topic);
        let mut sent = Vec::new();
        match (place.release(), producer.send(message.clone()).await) {
            (Release::V4, stored) => sent.push((message, stored.expect("it is just not too much"))),
            (Release::V5, Ok(result)) => panic!("stored: {result:?}"),
            (Release::V5, Err(error)) => {
                assert_eq!((error.kind(), error.code()), (SendErrorKind::Refused, Some(13)), "{error}");
                assert!(!error.possibly_stored(), "{error}");
            }
        }
        assert_holds(place, &topic, &sent).await;
    });
}

#[test]
fn property_text_of_any_script_arrives() {
    everywhere(async |place| {
        let topic = place.topic("property-text", 2).await;
        let mut sent = Vec::new();
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let producer = place.builder().header_encoding(encoding).start().await.expect("the name server answers");
            let mut message =
                Message::new(&*topic, "odd properties").tag("标签 || ярлык").keys(["ключ", "🔑", "a\"b\\c"]);
            for (name, value) in [
                ("plain", "value"),
                ("with space", " leading and trailing "),
                ("quotes\"and\\slashes/", "\"}{[]:,\\\"\\u0041"),
                ("lines\nand\ttabs\r", "one\ntwo\r\n\tthree"),
                ("controls\u{3}\u{7f}", "\u{0}\u{1f}\u{85}\u{feff}"),
                ("名前", "値"),
                ("emoji 🚀", "👩‍👩‍👧‍👦"),
                ("=", "a=b&c=d;e:f"),
                ("null", "null"),
                ("number", "-1.5e300"),
            ] {
                message = message.property(name, value);
            }
            let result = producer.send(message.clone()).await.expect("it is stored");
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}

/// A message whose properties take so many bytes, the id included that the producer adds.
fn filled_up_to(bytes: usize, topic: &str) -> Message {
    let limits = MessageLimits::default().adds_property("UNIQ_KEY", 32);
    let taken = |message: &Message| limits.properties_bytes(message.properties());
    let mut message = Message::new(topic, "many properties").tag("many").keys(["a", "b"]);
    for number in 0.. {
        let next = message.clone().property(format!("property-{number}"), format!("value {number}"));
        if taken(&next) + 16 > bytes {
            break;
        }
        message = next;
    }
    let rest = bytes - taken(&message) - "last".len() - 2;
    let message = message.property("last", "x".repeat(rest));
    assert_eq!(taken(&message), bytes);
    message
}

/// What brokers of every release can store: `Short.MAX_VALUE` less the 62 bytes that those of 5.x add.
const MOST_FOR_ALL: usize = 32_705;
/// The same less the 22 bytes that those of 4.9 add.
const MOST_FOR_4_9: usize = 32_745;
