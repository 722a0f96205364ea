//! Sends one body in several ways, and shows what each takes on the wire.
//!
//! ```text
//! cargo run -p rmq-producer --example compression --features lz4,zstd
//! NAMESRV_ADDR=127.0.0.1:9876 cargo run -p rmq-producer --example compression
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

mod support;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use rmq_producer::compression::{CompressError, Compression, CompressionType, Compressor, Zlib};
use rmq_producer::{Message, SendStatus};
use support::Cluster;

const TOPIC: &str = "compression-example";

/// Leaves alone what is compressed already: such a body is sent as it is.
struct NoPictures(Zlib);

impl Compressor for NoPictures {
    fn compression_type(&self) -> CompressionType {
        self.0.compression_type()
    }

    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
        if body.starts_with(b"\x89PNG") {
            return Err(CompressError::new("a picture"));
        }
        self.0.compress(body)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&[TOPIC]).await?;
    let text: Bytes = "Bodies from 4,096 bytes on are compressed. ".repeat(1_000).into();
    let ways = [
        ("the default, zlib of level 5", Compression::default()),
        ("zlib of level 1, from 64 KiB", Compression::zlib().level(1).over(64 * 1024)),
        #[cfg(feature = "lz4")]
        ("LZ4", Compression::lz4()),
        #[cfg(feature = "zstd")]
        ("Zstandard", Compression::zstd()),
        ("one's own", Compression::own(NoPictures(Zlib::new(9)))),
        ("off", Compression::off()),
    ];
    for (name, compression) in ways {
        let producer = cluster.producer("compression-example").compression(compression).start().await?;
        let sent = producer.send(Message::new(TOPIC, text.clone()).tag("text")).await?;
        assert_eq!(sent.status(), SendStatus::SendOk);
        let stored = cluster.inside.as_ref().and_then(|inside| inside.messages(TOPIC).pop());
        match stored {
            Some(stored) => println!("{name}: {} bytes of {}", stored.body.len(), text.len()),
            None => println!("{name}: stored as {}", sent.message_id()),
        }
        producer.shutdown(Duration::from_secs(3)).await;
    }
    Ok(())
}
