//! Takes the body of a batch apart.
//!
//! As lenient as a broker: neither the size word nor magic and CRC are looked at, but lengths must fit.

use bytes::{Buf as _, Bytes};

/// One message of a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BatchEntry {
    pub(crate) flag: i32,
    pub(crate) body: Bytes,
    pub(crate) properties_text: String,
}

/// Splits a batch body (`MessageExtBatchEncoder`); `None` when a length leads out of it.
pub(crate) fn split(mut body: Bytes) -> Option<Vec<BatchEntry>> {
    let mut entries = Vec::new();
    while body.has_remaining() {
        if body.remaining() < 20 {
            return None;
        }
        body.advance(4 + 4 + 4);
        let flag = body.get_i32();
        let length = usize::try_from(body.get_i32()).ok()?;
        if body.remaining() < length.checked_add(2)? {
            return None;
        }
        let content = body.split_to(length);
        let length = usize::try_from(body.get_i16()).ok()?;
        if body.remaining() < length {
            return None;
        }
        let properties_text = String::from_utf8_lossy(&body.split_to(length)).into_owned();
        entries.push(BatchEntry { flag, body: content, properties_text });
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(flag: i32, body: &str, properties: &str) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(0_i32.to_be_bytes()); // a wrong size word: nobody reads it
        out.extend(0_i32.to_be_bytes());
        out.extend(0_i32.to_be_bytes());
        out.extend(flag.to_be_bytes());
        out.extend(i32::try_from(body.len()).expect("short").to_be_bytes());
        out.extend(body.as_bytes());
        out.extend(i16::try_from(properties.len()).expect("short").to_be_bytes());
        out.extend(properties.as_bytes());
        out
    }

    #[test]
    fn entries_come_out_in_order() {
        let body = [entry(0, "m0", "UNIQ_KEY\u{1}ID0\u{2}"), entry(1, "", "")].concat();
        let entries = split(body.into()).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(
            (entries[0].body.as_ref(), entries[0].properties_text.as_str()),
            (&b"m0"[..], "UNIQ_KEY\u{1}ID0\u{2}")
        );
        assert_eq!((entries[1].flag, entries[1].body.len()), (1, 0));
    }

    #[test]
    fn every_cut_but_the_whole_is_refused() {
        let body = entry(0, "m0", "UNIQ_KEY\u{1}ID0\u{2}");
        for length in 1..body.len() {
            assert_eq!(split(Bytes::copy_from_slice(&body[..length])), None, "{length} bytes");
        }
        assert_eq!(split(Bytes::new()), Some(vec![]));
    }
}
