//! Reads stored messages, for tests only, from the layout's description alone.

/// One stored message, as far as tests compare it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) crc: u32,
    pub(crate) queue_id: i32,
    pub(crate) flag: i32,
    pub(crate) queue_offset: i64,
    pub(crate) sys_flag: i32,
    pub(crate) born_timestamp: i64,
    pub(crate) reconsume_times: i32,
    pub(crate) body: Vec<u8>,
    pub(crate) topic: String,
    /// Sorted: Java's order is that of a hash map.
    pub(crate) properties: Vec<String>,
    pub(crate) ends_with_separator: bool,
}

pub(crate) fn read_all(mut bytes: &[u8]) -> Vec<Read> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let size = usize::try_from(u32::from_be_bytes(take(&mut { bytes }))).expect("small");
        let (message, rest) = bytes.split_at(size);
        messages.push(read(message));
        bytes = rest;
    }
    messages
}

fn read(mut bytes: &[u8]) -> Read {
    let at = &mut bytes;
    let _size: [u8; 4] = take(at);
    assert_eq!(u32::from_be_bytes(take(at)), 0xDAA3_20A7);
    let crc = u32::from_be_bytes(take(at));
    let queue_id = i32::from_be_bytes(take(at));
    let flag = i32::from_be_bytes(take(at));
    let queue_offset = i64::from_be_bytes(take(at));
    let _physical_offset: [u8; 8] = take(at);
    let sys_flag = i32::from_be_bytes(take(at));
    let born_timestamp = i64::from_be_bytes(take(at));
    let _born_host: [u8; 8] = take(at);
    let _store_timestamp: [u8; 8] = take(at);
    let _store_host: [u8; 8] = take(at);
    let reconsume_times = i32::from_be_bytes(take(at));
    let _prepared: [u8; 8] = take(at);
    let length = u32::from_be_bytes(take(at));
    let body = split(at, usize::try_from(length).expect("small")).to_vec();
    let [length] = take(at);
    let topic = String::from_utf8(split(at, length.into()).to_vec()).expect("text");
    let length = u16::from_be_bytes(take(at));
    let text = String::from_utf8(split(at, length.into()).to_vec()).expect("text");
    assert!(at.is_empty(), "{} bytes left", at.len());
    let mut properties: Vec<String> = text.split_terminator('\u{2}').map(str::to_owned).collect();
    properties.sort();
    Read {
        crc,
        queue_id,
        flag,
        queue_offset,
        sys_flag,
        born_timestamp,
        reconsume_times,
        body,
        topic,
        properties,
        ends_with_separator: text.ends_with('\u{2}'),
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    split(bytes, N).try_into().expect("as many as asked for")
}

fn split<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (part, rest) = bytes.split_at(length);
    *bytes = rest;
    part
}
