//! One message as a broker keeps it.
//!
//! What tests assert on: every field of the stored layout, nothing interpreted away.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use super::stored_layout;

/// One message as a broker keeps it.
#[doc(alias = "MessageExt")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredCopy {
    /// Place in the order in which all brokers of the cluster stored messages, from 0.
    pub arrival: u64,
    /// Name of the broker.
    pub broker: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// The queue, the broker's choice where the producer made none.
    pub queue_id: i32,
    /// Offset within the queue.
    pub queue_offset: i64,
    /// Offset within the broker's log; what an offset message id names.
    #[doc(alias = "commitLogOffset")]
    pub physical_offset: i64,
    /// The body as it arrived, hence compressed where the producer compressed it; see [`plain_body`](Self::plain_body).
    pub body: Bytes,
    /// The user's flag.
    pub flag: i32,
    /// Compression, transaction and address family bits.
    pub sys_flag: i32,
    /// Milliseconds since 1970 by the producer's clock.
    pub born_timestamp: i64,
    /// Where the producer's connection came from.
    pub born_host: SocketAddr,
    /// Milliseconds since 1970 by the cluster's clock.
    pub store_timestamp: i64,
    /// The broker's advertised address.
    pub store_host: SocketAddr,
    /// How often consumers have sent the message back.
    pub reconsume_times: i32,
    /// Always 0 here: half messages are not kept.
    pub prepared_transaction_offset: i64,
    /// The properties as text, exactly as stored.
    pub properties_text: String,
    /// The properties as read from that text.
    pub properties: BTreeMap<String, String>,
}

impl StoredCopy {
    /// One property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The tag, property `TAGS`.
    pub fn tags(&self) -> Option<&str> {
        self.property("TAGS")
    }

    /// The keys, property `KEYS` split at spaces.
    pub fn keys(&self) -> Vec<&str> {
        self.property("KEYS").map(|keys| keys.split(' ').filter(|key| !key.is_empty()).collect()).unwrap_or_default()
    }

    /// The id that the producer made, property `UNIQ_KEY`.
    pub fn unique_id(&self) -> Option<&str> {
        self.property("UNIQ_KEY")
    }

    /// The id that the broker made: its address and the physical offset as 32 or 56 upper-case hex digits.
    #[doc(alias = "offsetMsgId")]
    pub fn offset_message_id(&self) -> String {
        let mut id: String = match self.store_host.ip() {
            IpAddr::V4(ip) => ip.octets().iter().map(|byte| format!("{byte:02X}")).collect(),
            IpAddr::V6(ip) => ip.octets().iter().map(|byte| format!("{byte:02X}")).collect(),
        };
        id.push_str(&format!("{:08X}{:016X}", self.store_host.port(), self.physical_offset));
        id
    }

    /// The body as the user gave it: decompressed where the sysFlag says zlib.
    ///
    /// # Errors
    /// The data is not zlib, or the sysFlag names LZ4 or zstd, which this crate cannot read ([`io::ErrorKind::Unsupported`]).
    pub fn plain_body(&self) -> io::Result<Bytes> {
        if self.sys_flag & COMPRESSED == 0 {
            return Ok(self.body.clone());
        }
        match (self.sys_flag & COMPRESSION_TYPE) >> 8 {
            0 | 3 => {
                let mut plain = Vec::new();
                flate2::read::ZlibDecoder::new(self.body.as_ref()).read_to_end(&mut plain)?;
                Ok(plain.into())
            }
            other => Err(io::Error::new(io::ErrorKind::Unsupported, format!("compression type {other}"))),
        }
    }

    /// The stored form, as a pull or view answer carries it.
    pub fn to_stored_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(stored_layout::size(self));
        stored_layout::write(self, &mut out);
        out.into()
    }
}

const COMPRESSED: i32 = 1;
const COMPRESSION_TYPE: i32 = 0x700;
