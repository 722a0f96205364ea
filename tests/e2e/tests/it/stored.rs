//! Stored: a message as a broker holds it, whoever read it.
//!
//! Nothing here is computed by the client under test.

use std::collections::BTreeMap;

use real_servers::ReadMessage;
use rmq_testkit::StoredCopy;
use sha2::{Digest as _, Sha256};

/// A message as a broker holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) topic: String,
    pub(crate) broker: String,
    pub(crate) queue_id: i32,
    pub(crate) queue_offset: i64,
    /// The unique id that the producer made; without one, the offset id.
    pub(crate) id: String,
    pub(crate) offset_id: Option<String>,
    /// Unpacked, where the producer packed it.
    pub(crate) body: Body,
    pub(crate) tags: Option<String>,
    pub(crate) keys: Option<String>,
    pub(crate) flag: i32,
    /// Without the bit that says that the body is packed, which the Java client of 5.x takes off when it unpacks; the bits of the type stay.
    pub(crate) sys_flag: i32,
    pub(crate) properties: BTreeMap<String, String>,
    /// Milliseconds since 1970 by the producer's clock.
    pub(crate) born_timestamp: i64,
    pub(crate) reconsume_times: i32,
}

/// The bit of the flag that says that the body is packed.
pub(crate) const PACKED: i32 = 0x1;

/// What identifies a body of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) length: usize,
    /// Lower hex.
    pub(crate) sha256: String,
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self { length: bytes.len(), sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

/// As the Java client read it.
impl From<ReadMessage> for Stored {
    fn from(read: ReadMessage) -> Self {
        if let Some(body) = &read.body {
            assert_eq!(Body::of(body).sha256, read.body_sha256, "Java's digest is that of the body it gives");
        }
        Self {
            topic: read.topic,
            broker: read.broker_name,
            queue_id: read.queue_id,
            queue_offset: read.queue_offset,
            id: read.msg_id,
            offset_id: read.offset_msg_id,
            body: Body { length: read.body_length, sha256: read.body_sha256 },
            tags: read.tags,
            keys: read.keys,
            flag: read.flag,
            sys_flag: read.sys_flag & !PACKED,
            properties: read.properties,
            born_timestamp: read.born_timestamp,
            reconsume_times: read.reconsume_times,
        }
    }
}

/// As a scripted cluster has it.
impl From<StoredCopy> for Stored {
    fn from(copy: StoredCopy) -> Self {
        let offset_id = copy.offset_message_id();
        Self {
            topic: copy.topic.to_string(),
            broker: copy.broker.to_string(),
            queue_id: copy.queue_id,
            queue_offset: copy.queue_offset,
            id: copy.unique_id().unwrap_or(&offset_id).to_owned(),
            offset_id: Some(offset_id),
            body: Body::of(&copy.plain_body().expect("what its flag says")),
            tags: copy.tags().map(str::to_owned),
            keys: copy.property("KEYS").map(str::to_owned),
            flag: copy.flag,
            sys_flag: copy.sys_flag & !PACKED,
            born_timestamp: copy.born_timestamp,
            reconsume_times: copy.reconsume_times,
            properties: copy.properties,
        }
    }
}
