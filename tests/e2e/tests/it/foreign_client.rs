//! A client of another kind: the example `read_back` of rmq-remoting, which knows no producer, reads what the producer sent.
//!
//! It is a program of its own here as well; what it prints must be what Java says.

use std::collections::BTreeMap;
use std::io::Read as _;

use rmq_producer::Message;
use serde::Deserialize;

use crate::expectation::assert_holds;
use crate::place::{Place, everywhere_over_tcp, unique};
use crate::stored::{Body, PACKED, Stored};

#[test]
fn a_foreign_client_on_rmq_remoting_reads_what_java_reads() {
    everywhere_over_tcp(async |place| {
        let topic = place.topic("foreign", 3).await;
        let producer = place.producer().await;
        let bodies: [&[u8]; 4] = [b"hello", "Grüße, 世界 🚀".as_bytes(), b"\0\xff\xfe binary", &[0xab; 100_000]];
        let mut sent = Vec::new();
        // More than one pull takes (32), and queues of different lengths.
        for number in 0..100 {
            let message = Message::new(&*topic, bodies[number % bodies.len()])
                .tag("foreign")
                .keys([format!("key-{number}"), "all".to_owned()])
                .property("größe", "groß")
                .flag(i32::try_from(number).unwrap());
            let result = producer.send(message.clone()).await.expect("it is stored");
            sent.push((message, result));
        }
        let stored = assert_holds(place, &topic, &sent).await;
        let printed = read_back(place, &topic).await.expect("the example reads the topic");
        assert_eq!(printed.len(), stored.len());
        let printed: BTreeMap<_, _> =
            printed.into_iter().map(|message| (message.message_id.clone(), message)).collect();
        for stored in stored {
            let printed = printed.get(&stored.id).unwrap_or_else(|| panic!("{} is printed", stored.id));
            assert_eq!(printed.as_stored(stored.born_timestamp), stored);
        }
    });
}

#[test]
fn the_foreign_client_says_in_one_sentence_that_a_topic_is_unknown() {
    everywhere_over_tcp(async |place| {
        let topic = unique("unknown");
        let error = read_back(place, &topic).await.expect_err("nobody knows it");
        assert_eq!(error, format!("read_back: the name server {} knows no topic {topic}\n", place.name_servers()));
    });
}

/// Runs the example; `Err`: what it complained of.
async fn read_back(place: &Place, topic: &str) -> Result<Vec<Printed>, String> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_read_back"));
    command.args(["--namesrv", &place.name_servers(), "--topic", topic]).kill_on_drop(true);
    let output = command.output().await.expect("the example is built with the tests");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the example prints UTF-8");
    if !output.status.success() {
        return Err(text(output.stderr));
    }
    let lines = text(output.stdout);
    Ok(lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object per line")).collect())
}

fn unzipped(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(packed).read_to_end(&mut plain).expect("what the flag says");
    plain
}

/// A message as the example prints it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Printed {
    topic: String,
    broker_name: String,
    queue_id: i32,
    queue_offset: i64,
    message_id: String,
    offset_message_id: String,
    tags: Option<String>,
    keys: Option<String>,
    properties: BTreeMap<String, String>,
    flag: i32,
    sys_flag: i32,
    body_length: usize,
    body: Option<String>,
    body_hex: Option<String>,
}

impl Printed {
    /// The same in the terms of every other reader; when a message was born, and how often it was given back, is not printed.
    fn as_stored(&self, born_timestamp: i64) -> Stored {
        let body = match (&self.body, &self.body_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(digits)) => {
                let digit = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
                (0..digits.len()).step_by(2).map(digit).collect()
            }
            both_or_none => panic!("a body in one form, not {both_or_none:?}"),
        };
        assert_eq!(body.len(), self.body_length);
        // It prints bodies as brokers hold them.
        let body = if self.sys_flag & PACKED == 0 { body } else { unzipped(&body) };
        Stored {
            topic: self.topic.clone(),
            broker: self.broker_name.clone(),
            queue_id: self.queue_id,
            queue_offset: self.queue_offset,
            id: self.message_id.clone(),
            offset_id: Some(self.offset_message_id.clone()),
            body: Body::of(&body),
            tags: self.tags.clone(),
            keys: self.keys.clone(),
            flag: self.flag,
            sys_flag: self.sys_flag & !PACKED,
            properties: self.properties.clone(),
            born_timestamp,
            reconsume_times: 0,
        }
    }
}
