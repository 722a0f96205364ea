//! The id that a client gives to a message before it is sent: address, process, time and a counter.
//!
//! ```text
//! C0A8010A          2345       18B4AAC2   3B9AC9FF                     0007
//! address (4 or 16) process 2  identity 4 ms since the month began 4   counter 2      bytes, two digits each
//! ```
//! The text is kept as it came: ids are compared with regard to case, and Go writes the end of its ids in lower case.

mod generator;
mod month;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub use generator::{UniqueIdGenerator, UniqueIdStamp};
pub use month::MonthStarts;

use crate::{IdError, hex};

/// The client's id of a message (property `UNIQ_KEY`): 32 hexadecimal digits with an IPv4 address, 56 with IPv6.
///
/// Held inline: making, copying and reading one allocates nothing.
///
/// # Examples
/// ```
/// use rmq_message::UniqueId;
///
/// let id: UniqueId = "C0A8010A234518B4AAC23B9AC9FF0007".parse()?;
/// assert_eq!((id.ip().to_string().as_str(), id.process_id(), id.counter()), ("192.168.1.10", 0x2345, 7));
/// # Ok::<(), rmq_message::IdError>(())
/// ```
#[doc(alias = "MessageClientIDSetter")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId {
    text: [u8; LONG], // ASCII digits, zeroes behind its end
    length: Length,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Length {
    V4,
    V6,
}

impl UniqueId {
    /// Lays out an id as Java does.
    ///
    /// Of `process_id` and `counter` the low 16 bits count. `since_month_start_ms` is taken modulo 2³²; a month has
    /// up to 2,678,400,000 ms, which fits. A clock that was set back over the beginning of the month by less than
    /// 1,000 s counts as 0, as in Java since 4.9.3.
    #[doc(alias = "createUniqID")]
    #[must_use]
    pub fn from_parts(ip: IpAddr, process_id: u32, identity: u32, since_month_start_ms: i64, counter: u32) -> Self {
        let mut id = Self::template(ip, low_half(process_id), identity);
        let span = if (-999_999..0).contains(&since_month_start_ms) { 0 } else { since_month_start_ms };
        let [_, _, _, _, time @ ..] = span.to_be_bytes();
        id.stamp(time, low_half(counter));
        id
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // always ASCII digits
        std::str::from_utf8(self.digits()).unwrap_or_default()
    }

    /// The id as the bytes of its text, which are ASCII digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits()
    }

    /// The address of the client, as it saw itself.
    #[doc(alias = "getIPFromID")]
    #[doc(alias = "getIPStrFromID")]
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        match self.length {
            Length::V4 => Ipv4Addr::from(self.read::<4>(0)).into(),
            Length::V6 => Ipv6Addr::from(self.read::<16>(0)).into(),
        }
    }

    /// The low 16 bits of the client's process id; other bits in ids of [`UniqueIdGenerator`] (small process ids are
    /// replaced), of Java 4.6 (the high 16 bits) and of Go.
    #[doc(alias = "getPidFromID")]
    #[must_use]
    pub fn process_id(&self) -> u16 {
        u16::from_be_bytes(self.read(self.behind_ip()))
    }

    /// What tells this client from others with the same address and process id: in Java the identity hash of a class
    /// loader, often the same in every process.
    #[must_use]
    pub fn identity(&self) -> u32 {
        u32::from_be_bytes(self.read(self.behind_ip() + 2))
    }

    /// Milliseconds since the month began where the client was.
    #[must_use]
    pub fn since_month_start_ms(&self) -> u32 {
        u32::from_be_bytes(self.read(self.behind_ip() + 6))
    }

    /// The counter that tells apart ids of the same millisecond.
    #[must_use]
    pub fn counter(&self) -> u16 {
        u16::from_be_bytes(self.read(self.behind_ip() + 10))
    }

    /// When the id was made, in milliseconds since 1970 UTC, as seen at `now_ms`: the id holds the time within a month
    /// only, so it is placed in the present month, or in the one before if it would lie in the future.
    ///
    /// `months` are the month's beginnings in the time zone of the client that made the id. Java counts from local
    /// time, [`UniqueIdGenerator`] from UTC unless told otherwise: with another zone's months the time is off by the
    /// difference of the zones.
    #[doc(alias = "getNearlyTimeFromID")]
    #[must_use]
    pub fn time_ms(&self, now_ms: i64, months: MonthStarts) -> i64 {
        let span = i64::from(self.since_month_start_ms());
        let time = months.current_ms().saturating_add(span);
        if time > now_ms { months.previous_ms().saturating_add(span) } else { time }
    }

    fn template(ip: IpAddr, process_id: u16, identity: u32) -> Self {
        let mut id = match ip {
            IpAddr::V4(ip) => {
                let mut id = Self { text: [0; LONG], length: Length::V4 };
                id.write(0, &ip.octets());
                id
            }
            IpAddr::V6(ip) => {
                let mut id = Self { text: [0; LONG], length: Length::V6 };
                id.write(0, &ip.octets());
                id
            }
        };
        id.write(id.behind_ip(), &process_id.to_be_bytes());
        id.identify(identity);
        id.stamp([0; 4], 0);
        id
    }

    fn identify(&mut self, identity: u32) {
        self.write(self.behind_ip() + 2, &identity.to_be_bytes());
    }

    fn stamp(&mut self, time: [u8; 4], counter: u16) {
        let [a, b, c, d, e, f, g, h] = hex::eight_digits(u32::from_be_bytes(time));
        let [_, _, _, _, i, j, k, l] = hex::eight_digits(counter.into());
        // The place of which is known beforehand.
        let end = match self.length {
            Length::V4 => self.text[..SHORT].last_chunk_mut(),
            Length::V6 => self.text.last_chunk_mut(),
        };
        if let Some(end) = end {
            *end = [a, b, c, d, e, f, g, h, i, j, k, l];
        }
    }

    /// Digits of time and counter.
    const END: usize = 12;

    /// Bytes (not digits) that the address takes.
    const fn behind_ip(&self) -> usize {
        match self.length {
            Length::V4 => 4,
            Length::V6 => 16,
        }
    }

    fn digits(&self) -> &[u8] {
        match self.length {
            Length::V4 => &self.text[..SHORT],
            Length::V6 => &self.text,
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        hex::encode(bytes, &mut self.text[at * 2..]);
    }

    fn read<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        // cannot fail: the digits were checked or written here
        let _ = hex::decode(&self.text[at * 2..], &mut bytes);
        bytes
    }
}

impl FromStr for UniqueId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let length = match text.len() {
            SHORT => Length::V4,
            LONG => Length::V6,
            length => return Err(IdError::Length { length }),
        };
        hex::decode(text.as_bytes(), &mut [0; LONG / 2]).map_err(|at| IdError::NotHex { at })?;
        let mut id = Self { text: [0; LONG], length };
        id.text[..text.len()].copy_from_slice(text.as_bytes());
        Ok(id)
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueId({self})")
    }
}

impl AsRef<str> for UniqueId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<UniqueId> for String {
    fn from(id: UniqueId) -> Self {
        id.as_str().to_owned()
    }
}

impl PartialEq<str> for UniqueId {
    fn eq(&self, text: &str) -> bool {
        self.as_str() == text
    }
}

impl PartialEq<&str> for UniqueId {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == *text
    }
}

fn low_half(word: u32) -> u16 {
    let [_, _, low @ ..] = word.to_be_bytes();
    u16::from_be_bytes(low)
}

/// Digits of an id with an IPv4 address.
const SHORT: usize = 32;
/// Digits of an id with an IPv6 address.
const LONG: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_comes_back_as_it_was() {
        for text in ["C0A8010A00001234B9AB0c0d0e0f1a2b", "20010DB8000000000000000000000001123418B4AAC23B9AC9FF0007"] {
            assert_eq!(text.parse::<UniqueId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_id_says_why() {
        let parse = |text: &str| text.parse::<UniqueId>();
        assert_eq!(parse(""), Err(IdError::Length { length: 0 }));
        assert_eq!(parse(&"0".repeat(33)), Err(IdError::Length { length: 33 }));
        assert_eq!(parse(&("0".repeat(31) + "x")), Err(IdError::NotHex { at: 31 }));
        assert_eq!(parse(&("0".repeat(55) + "-")), Err(IdError::NotHex { at: 55 }));
    }

    #[test]
    fn an_id_beyond_now_is_of_the_month_before() {
        let months = MonthStarts::new(1_000_000, 400_000);
        let id = UniqueId::from_parts([10, 0, 0, 1].into(), 0, 0, 500_000, 0);
        assert_eq!(id.time_ms(1_500_000, months), 1_500_000);
        assert_eq!(id.time_ms(1_499_999, months), 900_000);
    }
}
