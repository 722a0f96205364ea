//! The id that a broker gives to a stored message: its own address and the place in its log.
//!
//! 32 hexadecimal digits with an IPv4 address, 56 with IPv6; no other length is one.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::{IdError, hex};

/// Where a message is stored: the broker's advertised address and the byte offset in its commit log.
///
/// `Display` writes upper-case hex as Java does; `FromStr` reads either case. A [`UniqueId`](crate::UniqueId) has the
/// same lengths but is no offset id: read as one, its port is usually impossible.
///
/// # Examples
/// ```
/// use rmq_message::OffsetId;
///
/// let id: OffsetId = "0A00000100002A9F000000000001E240".parse()?;
/// assert_eq!((id.store_host().to_string().as_str(), id.offset()), ("10.0.0.1:10911", 123_456));
/// # Ok::<(), rmq_message::IdError>(())
/// ```
#[doc(alias = "offsetMsgId")]
#[doc(alias = "org.apache.rocketmq.common.message.MessageId")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OffsetId {
    store_host: SocketAddr,
    offset: i64,
}

impl OffsetId {
    /// Names a place in a broker's log.
    #[doc(alias = "createMessageId")]
    #[must_use]
    pub const fn new(store_host: SocketAddr, offset: i64) -> Self {
        Self { store_host, offset }
    }

    /// The broker's advertised address.
    #[must_use]
    pub const fn store_host(&self) -> SocketAddr {
        self.store_host
    }

    /// The byte offset in the broker's commit log.
    #[must_use]
    pub const fn offset(&self) -> i64 {
        self.offset
    }
}

impl fmt::Display for OffsetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.store_host {
            SocketAddr::V4(host) => write!(f, "{:08X}", host.ip().to_bits())?,
            SocketAddr::V6(host) => write!(f, "{:032X}", host.ip().to_bits())?,
        }
        write!(f, "{:08X}{:016X}", self.store_host.port(), self.offset)
    }
}

impl FromStr for OffsetId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.len() {
            32 => {
                let [ip @ .., p0, p1, p2, p3, o0, o1, o2, o3, o4, o5, o6, o7] = read::<16>(text)?;
                let port = port([p0, p1, p2, p3])?;
                let host = SocketAddr::from((Ipv4Addr::from(ip), port));
                Ok(Self::new(host, i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7])))
            }
            56 => {
                let [ip @ .., p0, p1, p2, p3, o0, o1, o2, o3, o4, o5, o6, o7] = read::<28>(text)?;
                let port = port([p0, p1, p2, p3])?;
                let host = SocketAddr::from((Ipv6Addr::from(ip), port));
                Ok(Self::new(host, i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7])))
            }
            length => Err(IdError::Length { length }),
        }
    }
}

fn read<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let mut bytes = [0; N];
    hex::decode(text.as_bytes(), &mut bytes).map_err(|at| IdError::NotHex { at })?;
    Ok(bytes)
}

fn port(word: [u8; 4]) -> Result<u16, IdError> {
    let port = u32::from_be_bytes(word);
    u16::try_from(port).map_err(|_| IdError::Port { port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_offset_id_says_why() {
        let parse = |text: &str| text.parse::<OffsetId>();
        assert_eq!(parse(""), Err(IdError::Length { length: 0 }));
        assert_eq!(parse("0A00000100002A9F000000000001E24"), Err(IdError::Length { length: 31 }));
        assert_eq!(parse("0A00000100002A9F00000000_001E240"), Err(IdError::NotHex { at: 24 }));
        assert_eq!(parse("0A00000100010000000000000001E240"), Err(IdError::Port { port: 65_536 }));
        assert_eq!(parse(&"é".repeat(16)), Err(IdError::NotHex { at: 0 }));
    }
}
