//! Any body comes back from any compression; any bytes as a compressed body are read or refused, and bounded.

use proptest::prelude::*;
use rmq_message::CompressionType;
use rmq_producer::compression::{Compression, DecompressLimits, decompress};

fn ways() -> Vec<Compression> {
    vec![
        Compression::zlib(),
        #[cfg(feature = "lz4")]
        Compression::lz4(),
        #[cfg(feature = "zstd")]
        Compression::zstd(),
    ]
}

/// Pieces of noise and of repetition.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        (any::<u8>(), 0_usize..3000).prop_map(|(byte, times)| vec![byte; times]),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn packed(way: &Compression, body: &[u8]) -> (Vec<u8>, CompressionType) {
    let (bytes, kind) = way.clone().over(0).compress(body).expect("no reason to fail").expect("on");
    (bytes.into(), kind)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_body_comes_back(body in any_body(), level in -1..23) {
        for way in ways() {
            let (bytes, kind) = packed(&way.level(level), &body);
            let plain = decompress(kind, &bytes, &DecompressLimits::default()).expect("our own stream");
            prop_assert!(plain == body);
        }
    }

    #[test]
    fn the_limit_holds_to_the_byte(body in any_body()) {
        for way in ways() {
            let (bytes, kind) = packed(&way, &body);
            let limits = DecompressLimits::default();
            prop_assert!(decompress(kind, &bytes, &limits.clone().max_bytes(body.len())).is_ok());
            if let Some(less) = body.len().checked_sub(1) {
                prop_assert!(decompress(kind, &bytes, &limits.max_bytes(less)).is_err());
            }
        }
    }

    #[test]
    fn damaged_bytes_do_no_harm(
        body in any_body(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<prop::sample::Index>(),
    ) {
        let limits = DecompressLimits::default().max_bytes(20_000);
        for way in ways() {
            let (mut bytes, kind) = packed(&way, &body);
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate(end.index(bytes.len() + 1));
            if let Ok(plain) = decompress(kind, &bytes, &limits) {
                prop_assert!(plain.len() <= 20_000);
            }
        }
    }
}
