//! Writes messages in the layout of the commit log.
//!
//! Version 2 of the layout differs in its magic and in a two-byte topic length, and is used only for topics over 127 bytes.

use std::net::{IpAddr, SocketAddr};

use super::stored_copy::StoredCopy;

/// Bytes that [`write`] will add.
pub(crate) fn size(message: &StoredCopy) -> usize {
    let host = |address: &SocketAddr| if address.is_ipv4() { 8 } else { 20 };
    let topic_length = if is_long(&message.topic) { 2 } else { 1 };
    FIXED
        + host(&message.born_host)
        + host(&message.store_host)
        + message.body.len()
        + topic_length
        + message.topic.len()
        + message.properties_text.len()
}

/// Appends the stored form of `message` (`MessageExtEncoder`).
pub(crate) fn write(message: &StoredCopy, out: &mut Vec<u8>) {
    let long = is_long(&message.topic);
    put_len32(out, size(message));
    out.extend(if long { MAGIC_V2 } else { MAGIC_V1 }.to_be_bytes());
    out.extend(body_crc(&message.body).to_be_bytes());
    out.extend(message.queue_id.to_be_bytes());
    out.extend(message.flag.to_be_bytes());
    out.extend(message.queue_offset.to_be_bytes());
    out.extend(message.physical_offset.to_be_bytes());
    out.extend(message.sys_flag.to_be_bytes());
    out.extend(message.born_timestamp.to_be_bytes());
    put_host(out, message.born_host);
    out.extend(message.store_timestamp.to_be_bytes());
    put_host(out, message.store_host);
    out.extend(message.reconsume_times.to_be_bytes());
    out.extend(message.prepared_transaction_offset.to_be_bytes());
    put_len32(out, message.body.len());
    out.extend(&message.body);
    if long {
        out.extend(u16::try_from(message.topic.len()).unwrap_or(u16::MAX).to_be_bytes());
    } else {
        out.push(u8::try_from(message.topic.len()).unwrap_or(u8::MAX));
    }
    out.extend(message.topic.as_bytes());
    out.extend(u16::try_from(message.properties_text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(message.properties_text.as_bytes());
}

/// The sysFlag bits that say which hosts are IPv6.
pub(crate) fn host_bits(born_host: SocketAddr, store_host: SocketAddr) -> i32 {
    let bit = |address: SocketAddr, mask| if address.is_ipv6() { mask } else { 0 };
    bit(born_host, BORN_HOST_V6) | bit(store_host, STORE_HOST_V6)
}

/// CRC-32 of the body without its top bit.
pub(crate) fn body_crc(body: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(body);
    crc.sum() & 0x7FFF_FFFF
}

fn is_long(topic: &str) -> bool {
    topic.len() > 127
}

fn put_len32(out: &mut Vec<u8>, length: usize) {
    // Lengths are bounded long before: bodies by the broker, frames by the codec.
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_host(out: &mut Vec<u8>, host: SocketAddr) {
    match host.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out.extend(u32::from(host.port()).to_be_bytes());
}

const MAGIC_V1: u32 = 0xDAA3_20A7;
const MAGIC_V2: u32 = 0xDAA3_20AB;
const BORN_HOST_V6: i32 = 0x10;
const STORE_HOST_V6: i32 = 0x20;
/// All fields but hosts, body, topic with its length, and properties.
const FIXED: usize = 4 + 4 + 4 + 4 + 4 + 8 + 8 + 4 + 8 + 8 + 4 + 8 + 4 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> StoredCopy {
        StoredCopy {
            arrival: 0,
            broker: "broker-a".into(),
            topic: "TopicTest".into(),
            queue_id: 1,
            queue_offset: 7,
            physical_offset: 123_456,
            body: "hello".into(),
            flag: 0,
            sys_flag: 0,
            born_timestamp: 1_700_000_000_000,
            born_host: "10.0.0.9:50000".parse().expect("an address"),
            store_timestamp: 1_700_000_000_005,
            store_host: "10.0.0.1:10911".parse().expect("an address"),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            properties_text: "TAGS\u{1}TagA\u{2}".into(),
            properties: [("TAGS".to_owned(), "TagA".to_owned())].into(),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_layout_is_that_of_the_java_encoder() {
        let bytes = example().to_stored_bytes();
        assert_eq!(
            hex(&bytes),
            "00000073daa320a73610a68600000001000000000000000000000007000000000001e24000000000\
             0000018bcfe568000a0000090000c3500000018bcfe568050a00000100002a9f000000000000000000000000\
             0000000568656c6c6f09546f70696354657374000a544147530154616741\
             02"
        );
    }

    #[test]
    fn ipv6_hosts_and_long_topics_change_the_layout() {
        let mut message = example();
        message.born_host = "[2001:db8::9]:50000".parse().unwrap();
        message.store_host = "[2001:db8::1]:10911".parse().unwrap();
        message.sys_flag = host_bits(message.born_host, message.store_host);
        let bytes = message.to_stored_bytes();
        assert_eq!((message.sys_flag, bytes.len()), (0x30, 139));
        assert_eq!(&hex(&bytes)[96..136], "20010db80000000000000000000000090000c350");
        message.topic = "%RETRY%".repeat(20).into();
        let bytes = message.to_stored_bytes();
        assert_eq!((hex(&bytes[4..8]).as_str(), bytes.len()), ("daa320ab", 139 + 1 + 140 - 9));
        assert_eq!(message.offset_message_id().len(), 56);
    }
}
