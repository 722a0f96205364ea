//! Compressed bodies: the broker keeps the very bytes and bits that were sent, and Apache's Java client reads the body that went in.
//!
//! Java reads all three types since 4.9.4, on both lines alike.

use std::time::Duration;

use bytes::Bytes;
use rmq_message::{OffsetId, StoredMessage};
use rmq_producer::compression::{Compression, CompressionType};
use rmq_producer::{Message, SendResult};
use rmq_remoting::{Endpoint, RemotingClient, RemotingCommand, RequestCode};
use tokio::task::block_in_place;

use crate::expectation::assert_is_at;
use crate::place::{Release, in_real_places};
use crate::stored::{Body, PACKED, Stored};

#[test]
fn java_reads_bodies_of_every_type_and_the_broker_keeps_them_as_they_were_sent() {
    in_real_places(async |place, java| {
        for (compression, bits) in types() {
            let topic = place.topic("packed", 2).await;
            let producer = place.builder().compression(compression.clone()).start().await.expect("a name server");
            let mut sent = Vec::new();
            for body in bodies() {
                let result = producer.send(Message::new(&*topic, body.clone())).await.expect("it is stored");
                let kept = stored_by(&result).await;
                let packed = compression.compress(&body).expect("it can be compressed");
                match &packed {
                    Some((packed, _)) => assert!(kept.body() == packed, "{compression:?}: other bytes than were sent"),
                    None => assert!(*kept.body() == body, "a short body is sent as it is"),
                }
                let flag = if packed.is_some() { bits | PACKED } else { 0 };
                assert_eq!(kept.sys_flag().0 & !HOST_BITS, flag, "{compression:?}");
                sent.push((body, result, flag));
            }
            let limit = Duration::from_secs(30);
            let read = block_in_place(|| java.read_when(&topic, &place.name_servers(), sent.len(), limit));
            let read = read.expect("Java unpacks each of them");
            assert_eq!(read.len(), sent.len());
            for (body, result, flag) in sent {
                let read = read.iter().find(|read| read.msg_id == result.message_id()).expect("it is there");
                // The Java client of 5.x takes the first bit out when it unpacks, that of 4.9 leaves it.
                let shown = if place.release() == Release::V5 { flag & !PACKED } else { flag };
                assert_eq!(read.sys_flag, shown, "{compression:?}");
                let read = Stored::from(read.clone());
                assert_eq!(read.body, Body::of(&body), "{compression:?}");
                assert_is_at(&result, &read);
            }
        }
    });
}

/// Each type with its bits in the flag.
fn types() -> [(Compression, i32); 3] {
    let all = [(Compression::lz4(), 0x100), (Compression::zstd(), 0x200), (Compression::zlib(), 0x300)];
    let kinds = [CompressionType::Lz4, CompressionType::Zstd, CompressionType::Zlib];
    assert_eq!(all.each_ref().map(|(compression, _)| compression.compression_type()), kinds.map(Some));
    all
}

/// From the shortest that is compressed to one of several LZ4 blocks' size; and one that is too short.
fn bodies() -> Vec<Bytes> {
    let text = |length: usize| "Grüße, 世界. ".bytes().cycle().take(length).collect();
    vec![text(4_095), text(4_096), text(100_000), text(4_194_304), Bytes::from(vec![0; 70_000])]
}

/// The message as the broker's log has it: asked for by its place.
async fn stored_by(result: &SendResult) -> StoredMessage {
    let id: OffsetId = result.offset_message_id().parse().expect("an offset id");
    let client = RemotingClient::builder().build().expect("the defaults are legal");
    let request = RemotingCommand::request(RequestCode::VIEW_MESSAGE_BY_ID)
        .with_field("offset", id.offset().to_string())
        .with_field("topic", result.queue().topic().as_ref());
    let address = Endpoint::parse(&id.store_host().to_string()).expect("an address");
    let answer = client.invoke(&address, request, Duration::from_secs(30)).await.expect("the broker answers");
    client.shutdown(Duration::from_secs(1)).await;
    StoredMessage::decode(&mut answer.body().clone()).expect("one stored message")
}

/// Set by the broker where a host is an IPv6 address.
const HOST_BITS: i32 = 0x30;
