//! What must hold when any bytes are read as stored messages.
//!
//! Reading never panics, never reads past a message, and says why it stopped before the end.

use bytes::Bytes;
use rmq_message::stored::decode_all;

pub(crate) fn check(bytes: &[u8]) {
    let list = Bytes::copy_from_slice(bytes);
    let (messages, error) = decode_all(list.clone());
    let read: usize = messages.iter().map(|message| message.store_size() as usize).sum();
    match &error {
        None => assert_eq!(read, bytes.len(), "read to the end"),
        Some(error) => {
            assert!(read <= error.at() && error.at() <= bytes.len(), "{read} bytes read, {error:?} in {}", bytes.len())
        }
    }
    // The part that was read is a list by itself, with the same messages.
    let (again, nothing) = decode_all(list.slice(..read));
    assert_eq!((again, nothing), (messages.clone(), None));
    for message in &messages {
        assert!(message.body().len() < message.store_size() as usize);
        drop((message.message_id(), message.offset_id().to_string(), message.check_body()));
    }
}
