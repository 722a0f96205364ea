//! ReadMessage and SentMessage: what the Java client says of a message.
//!
//! Names and values are Java's; nothing is computed here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A message as Apache's own consumer classes read it from a broker.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadMessage {
    /// The broker it was read from.
    pub broker_name: String,
    /// Its queue on that broker.
    pub queue_id: i32,
    /// Its place in the queue.
    pub queue_offset: i64,
    /// The unique id that the producer gave it; where it has none, the same as `offset_msg_id`.
    pub msg_id: String,
    /// The id made of the broker's address and its place in the commit log.
    pub offset_msg_id: Option<String>,
    /// Its topic.
    pub topic: String,
    /// Its tag.
    pub tags: Option<String>,
    /// Its keys, with spaces between them.
    pub keys: Option<String>,
    /// The user's flag.
    pub flag: i32,
    /// The system's flag. Java 5.x takes the compressed bit out when it unpacks a body, Java 4.9 leaves it in.
    pub sys_flag: i32,
    /// Bytes of the body, unpacked.
    pub body_length: usize,
    /// SHA-256 of the body, lower hex.
    pub body_sha256: String,
    /// The body, if it has at most 4 KiB.
    #[serde(rename = "bodyBase64", deserialize_with = "base64")]
    pub body: Option<Vec<u8>>,
    /// All properties that are stored with it, the client's own (UNIQ_KEY, …) too.
    pub properties: BTreeMap<String, String>,
    /// When it was born by the producer's clock, in milliseconds since 1970.
    pub born_timestamp: i64,
    /// The producer's address without port.
    pub born_host: Option<String>,
    /// When it was stored by the broker's clock, in milliseconds since 1970.
    pub store_timestamp: i64,
    /// How often a consumer has given it back.
    pub reconsume_times: i32,
    /// Whether the producer wanted to wait until it was stored.
    #[serde(rename = "waitStoreMsgOK")]
    pub wait_store_msg_ok: bool,
    /// Java's transaction id; for an ordinary message the unique id, or nothing.
    pub transaction_id: Option<String>,
    /// Where its prepared half lies, 0 if none.
    pub prepared_transaction_offset: i64,
}

/// What the Java producer says after one send.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMessage {
    /// `SEND_OK`, …
    pub status: String,
    /// The unique id.
    pub msg_id: String,
    /// The id made of the broker's address and its place in the commit log.
    pub offset_msg_id: Option<String>,
    /// The broker that took it.
    pub broker_name: String,
    /// Its queue there.
    pub queue_id: i32,
    /// Its place in the queue.
    pub queue_offset: i64,
}

/// A producer that a broker knows from its heartbeats.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownProducer {
    /// What it calls itself.
    pub client_id: String,
    /// Where its connection comes from.
    pub client_addr: String,
    /// Its language as Java names it: `JAVA`, `RUST`, …
    pub language: String,
    /// The number of the protocol version that it speaks.
    pub version: i32,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| decode(&text).ok_or_else(|| D::Error::custom("not in base64"))).transpose()
}

/// Standard base64 with padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in digits.bytes() {
        bits = bits << 6 | u32::from(value(byte)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length_is_decoded() {
        let pairs: [(&str, &[u8]); 6] = [
            ("", b""),
            ("AA==", &[0]),
            ("/w==", &[0xff]),
            ("+/8=", &[0xfb, 0xff]),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
        ];
        for (text, bytes) in pairs {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["A", "A===", "Zm9", "Zm9?", "Zm9 ", "===="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_of_the_java_program_is_read_whole() {
        let line = r#"{"brokerName":"broker-a","queueId":3,"queueOffset":7,"msgId":"AC","offsetMsgId":"7F","topic":"t",
            "tags":null,"keys":"a b","flag":-1,"sysFlag":769,"bodyLength":3,"bodySha256":"2c26","bodyBase64":"Zm9v",
            "properties":{"WAIT":"true","k\u0007":"ü"},"bornTimestamp":1,"bornHost":"127.0.0.1","storeTimestamp":2,
            "reconsumeTimes":0,"waitStoreMsgOK":true,"transactionId":null,"preparedTransactionOffset":0}"#;
        let message: ReadMessage = serde_json::from_str(line).unwrap();
        assert_eq!(message.body.as_deref(), Some(&b"foo"[..]));
        assert_eq!(message.properties["k\u{7}"], "ü");
        assert_eq!((message.tags, message.flag, message.wait_store_msg_ok), (None, -1, true));
    }

    #[test]
    fn a_long_body_has_only_its_digest() {
        let line = r#"{"brokerName":"b","queueId":0,"queueOffset":0,"msgId":"A","offsetMsgId":null,"topic":"t","tags":"x",
            "keys":null,"flag":0,"sysFlag":0,"bodyLength":4194304,"bodySha256":"00","bodyBase64":null,"properties":{},
            "bornTimestamp":1,"bornHost":null,"storeTimestamp":2,"reconsumeTimes":0,"waitStoreMsgOK":false,
            "transactionId":"A","preparedTransactionOffset":0}"#;
        let message: ReadMessage = serde_json::from_str(line).unwrap();
        assert_eq!((message.body, message.body_length), (None, 4_194_304));
    }
}
