//! Any bytes as stored messages.

use bytes::Bytes;
use proptest::prelude::*;
use rmq_message::stored::decode_all;

/// A message of the first layout: body `hello`, topic `TopicTest`.
const STORED: &str = "00000073daa320a73610a68600000001000000000000000000000007000000000001e240000000000000018bcfe568000a0000090000c350\
    0000018bcfe568050a00000100002a9f0000000000000000000000000000000568656c6c6f09546f70696354657374000a54414753015461674102";

fn stored() -> Vec<u8> {
    crate::golden::bytes(&STORED.into())
}

/// Nothing is lost in silence: the messages fill the list, or the error says where they end.
fn check(list: Vec<u8>) -> Result<(), TestCaseError> {
    let length = list.len();
    let (messages, error) = decode_all(Bytes::from(list));
    let read: usize = messages.iter().map(|message| usize::try_from(message.store_size()).expect("a size")).sum();
    prop_assert_eq!(read, error.map_or(length, |error| error.at()));
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(list in prop::collection::vec(any::<u8>(), 0..300)) {
        check(list)?;
    }

    #[test]
    fn damaged_messages_are_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        copies in 1..4_usize,
        end in any::<prop::sample::Index>(),
    ) {
        let mut list = stored().repeat(copies);
        for (at, byte) in damage {
            let at = at.index(list.len());
            list[at] = byte;
        }
        list.truncate(end.index(list.len()) + 1);
        check(list)?;
    }
}
