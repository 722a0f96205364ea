//! Messages as a broker stores them and hands them out: one behind the other, in two layouts.
//!
//! A list that cannot be read to its end never ends in silence: what was read comes with the reason why it stopped.
//!
//! ```text
//! size magic crc queue flag | queue offset, log offset | sys flag | born time, host | store time, host | …
//! … retries | prepared offset | body: 4 + n | topic: 1 + n (V1) or 2 + n (V2) | properties: 2 + n
//! ```

mod layout;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use thiserror::Error;

use crate::{OffsetId, Properties, SysFlag, property_key};

/// Reads messages that stand one behind the other, as in the body of an answer to PULL_MESSAGE, QUERY_MESSAGE or
/// VIEW_MESSAGE_BY_ID.
///
/// Returns those before the first that cannot be read, and why that one cannot; `None` when all were read. (Java ends
/// there too, and says nothing.)
#[doc(alias = "decodes")]
#[must_use]
pub fn decode_all(list: Bytes) -> (Vec<StoredMessage>, Option<StoredError>) {
    let mut rest = list;
    let whole = rest.len();
    let mut messages = Vec::new();
    while rest.has_remaining() {
        match StoredMessage::decode(&mut rest) {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, Some(StoredError { at: whole - rest.len(), ..error })),
        }
    }
    (messages, None)
}

/// The checksum of a body that a broker stores with it: CRC-32 as in zlib, without its highest bit.
#[doc(alias = "UtilAll#crc32")]
#[must_use]
pub fn body_crc(body: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(body);
    crc.sum() & 0x7FFF_FFFF
}

/// A message as a broker stores it, with its place in the store.
///
/// Body and bytes are slices of what was decoded and keep all of it in memory. `Debug` shows neither body nor any
/// property's value.
#[doc(alias = "MessageExt")]
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    layout: StoredLayout,
    store_size: u32,
    body_crc: u32,
    queue_id: i32,
    flag: i32,
    queue_offset: i64,
    commit_log_offset: i64,
    sys_flag: SysFlag,
    born_timestamp_ms: i64,
    born_host: SocketAddr,
    store_timestamp_ms: i64,
    store_host: SocketAddr,
    reconsume_times: i32,
    prepared_transaction_offset: i64,
    body: Bytes,
    topic: Arc<str>,
    properties: Properties,
}

/// How a stored message is laid out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredLayout {
    /// One byte for the topic's length.
    V1,
    /// Two bytes for it: brokers since 5.1.0, for topics over 127 characters.
    V2,
}

impl StoredMessage {
    /// Reads one message and moves `input` behind it. On an error `input` stays where it was.
    ///
    /// # Errors
    /// [`StoredError`] says what is wrong with the first message in `input`.
    pub fn decode(input: &mut Bytes) -> Result<Self, StoredError> {
        layout::decode(input).map_err(|kind| StoredError { at: 0, kind })
    }

    /// Compares the body with the checksum that the broker stored. Only this method does: like Java's, the decoder
    /// leaves it to the reader.
    ///
    /// # Errors
    /// [`BodyDamaged`] when they differ.
    pub fn check_body(&self) -> Result<(), BodyDamaged> {
        let (stored, computed) = (self.body_crc, body_crc(&self.body));
        if stored == computed { Ok(()) } else { Err(BodyDamaged { stored, computed }) }
    }

    /// Which layout it was stored in.
    #[must_use]
    pub fn layout(&self) -> StoredLayout {
        self.layout
    }

    /// Bytes that it takes in the store.
    #[doc(alias = "getStoreSize")]
    #[must_use]
    pub fn store_size(&self) -> u32 {
        self.store_size
    }

    /// The checksum that the broker stored: see [`body_crc`] and [`check_body`](Self::check_body).
    #[doc(alias = "getBodyCRC")]
    #[must_use]
    pub fn stored_body_crc(&self) -> u32 {
        self.body_crc
    }

    /// The topic.
    #[doc(alias = "getTopic")]
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The queue on the broker.
    #[doc(alias = "getQueueId")]
    #[must_use]
    pub fn queue_id(&self) -> i32 {
        self.queue_id
    }

    /// The place in that queue.
    #[doc(alias = "getQueueOffset")]
    #[must_use]
    pub fn queue_offset(&self) -> i64 {
        self.queue_offset
    }

    /// The byte offset in the broker's commit log.
    #[doc(alias = "getCommitLogOffset")]
    #[must_use]
    pub fn commit_log_offset(&self) -> i64 {
        self.commit_log_offset
    }

    /// The user's flag word.
    #[doc(alias = "getFlag")]
    #[must_use]
    pub fn user_flag(&self) -> i32 {
        self.flag
    }

    /// RocketMQ's flag word, as stored.
    #[doc(alias = "getSysFlag")]
    #[must_use]
    pub fn sys_flag(&self) -> SysFlag {
        self.sys_flag
    }

    /// When the producer sent it, by the producer's clock, in milliseconds since 1970 UTC.
    #[doc(alias = "getBornTimestamp")]
    #[must_use]
    pub fn born_timestamp_ms(&self) -> i64 {
        self.born_timestamp_ms
    }

    /// The producer's address as the broker saw it.
    #[doc(alias = "getBornHost")]
    #[must_use]
    pub fn born_host(&self) -> SocketAddr {
        self.born_host
    }

    /// When the broker stored it, by the broker's clock, in milliseconds since 1970 UTC.
    #[doc(alias = "getStoreTimestamp")]
    #[must_use]
    pub fn store_timestamp_ms(&self) -> i64 {
        self.store_timestamp_ms
    }

    /// The broker's address.
    #[doc(alias = "getStoreHost")]
    #[must_use]
    pub fn store_host(&self) -> SocketAddr {
        self.store_host
    }

    /// How often consumers have sent it back.
    #[doc(alias = "getReconsumeTimes")]
    #[must_use]
    pub fn reconsume_times(&self) -> i32 {
        self.reconsume_times
    }

    /// The log offset of the half message that it was committed from; 0 if none.
    #[doc(alias = "getPreparedTransactionOffset")]
    #[must_use]
    pub fn prepared_transaction_offset(&self) -> i64 {
        self.prepared_transaction_offset
    }

    /// The body as stored: still compressed when [`sys_flag`](Self::sys_flag) says so.
    #[doc(alias = "getBody")]
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All properties, those of the broker included.
    #[doc(alias = "getProperties")]
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The tag.
    #[doc(alias = "getTags")]
    #[must_use]
    pub fn tags(&self) -> Option<&str> {
        self.properties.get(property_key::TAGS)
    }

    /// All keys, joined by one space.
    #[doc(alias = "getKeys")]
    #[must_use]
    pub fn key_text(&self) -> Option<&str> {
        self.properties.get(property_key::KEYS)
    }

    /// The client's id of the message.
    #[doc(alias = "getUniqID")]
    #[must_use]
    pub fn unique_id(&self) -> Option<&str> {
        self.properties.get(property_key::UNIQ_KEY)
    }

    /// The broker's id of the message.
    #[doc(alias = "getOffsetMsgId")]
    #[must_use]
    pub fn offset_id(&self) -> OffsetId {
        OffsetId::new(self.store_host, self.commit_log_offset)
    }

    /// The client's id, or the broker's where the message has none.
    #[doc(alias = "getMsgId")]
    #[must_use]
    pub fn message_id(&self) -> String {
        self.unique_id().map_or_else(|| self.offset_id().to_string(), str::to_owned)
    }
}

impl fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessage")
            .field("topic", &self.topic)
            .field("queue_id", &self.queue_id)
            .field("queue_offset", &self.queue_offset)
            .field("commit_log_offset", &self.commit_log_offset)
            .field("store_host", &self.store_host)
            .field("sys_flag", &self.sys_flag)
            .field("body_bytes", &self.body.len())
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

/// A stored message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stored message at byte {at} cannot be read")]
pub struct StoredError {
    at: usize,
    #[source]
    kind: StoredErrorKind,
}

impl StoredError {
    /// Where in the decoded bytes the message begins.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> StoredErrorKind {
        self.kind
    }
}

/// What is wrong with a stored message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoredErrorKind {
    /// The bytes end before the message does.
    #[error("the message has {needed} bytes, of which {present} are here")]
    Truncated {
        /// Bytes that the message says it has.
        needed: usize,
        /// Bytes that are left.
        present: usize,
    },
    /// The size is too small for any message, or its fields do not fill it.
    #[error("the fields of the message do not fit its size of {size} bytes")]
    Size {
        /// The size that the message claims, as a signed number.
        size: i32,
    },
    /// The word after the size is that of no known layout.
    #[error("{magic:#010X} marks no known layout")]
    UnknownMagic {
        /// The word.
        magic: u32,
    },
    /// A host has a port over 65,535.
    #[error("port {port} is impossible")]
    Port {
        /// The number read, as a signed one.
        port: i32,
    },
    /// The topic is no UTF-8 text.
    #[error("the topic is no UTF-8 text")]
    Topic,
}

/// The body is not the one that the checksum was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body has checksum {computed:#010X}, and {stored:#010X} was stored")]
pub struct BodyDamaged {
    /// The checksum that the broker stored.
    pub stored: u32,
    /// The checksum of the body that is here.
    pub computed: u32,
}

#[cfg(test)]
mod tests;
