//! Bodies that Java compressed are read; ours have its form; what it cannot read, neither can we.

use rmq_message::{CompressionType, SysFlag};
use rmq_producer::compression::{Compression, DecompressError, DecompressLimits, decompress, plain_body};
use serde_json::Value;

#[test]
fn java_and_we_read_the_same_streams() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/compression.json")).expect("a list of cases");
    assert_eq!(cases.len(), 62);
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        if name.starts_with("compress ") {
            streams(name, inputs, expected);
        } else if name.starts_with("decompress ") {
            reading(name, inputs, expected);
        } else if name.starts_with("sysFlag ") {
            flag(name, inputs, expected);
        } else if name.starts_with("type name ") {
            let kind: Option<CompressionType> = inputs["name"].as_str().expect("a name").parse().ok();
            assert_eq!(kind.map(CompressionType::name), expected["type"].as_str(), "{name}");
        } else {
            assert!(name.starts_with("type code "), "no test for {name}");
            let kind = kind(inputs);
            assert_eq!(kind.code(), expected["value"], "{name}");
            assert_eq!(SysFlag::default().with_compression(kind).0 & 0x700, expected["flag"], "{name}");
        }
    }
}

fn streams(case: &str, inputs: &Value, expected: &Value) {
    let kind = kind(inputs);
    let times = usize::try_from(inputs["plain_times"].as_u64().expect("a number")).expect("a length");
    let plain = bytes(&inputs["plain_unit"]).repeat(times);
    let java = bytes(&expected["compressed"]);
    let level = i32::try_from(inputs["level"].as_i64().expect("a number")).expect("a level");
    let flag = SysFlag::default().with_compression(kind);
    assert_eq!(flag.0, expected["sys_flag_bits"], "{case}");

    let Some(compression) = built_in(kind) else { return not_built(case, kind, &java) };
    assert!(read(kind, &java).expect("Java's own stream") == plain, "{case}: Java's stream");
    let (ours, our_kind) = compression.level(level).over(0).compress(&plain).expect("no reason to fail").expect("on");
    assert_eq!(our_kind, kind, "{case}");
    let limits = DecompressLimits::default();
    assert!(plain_body(flag, &ours, &limits).expect("our own stream") == plain, "{case}: our stream");
    let same_beginning = match kind {
        CompressionType::Zlib => 2, // the header; how the rest is packed is free
        CompressionType::Lz4 => 7,
        _ => 5, // the sixth byte is the window: Java's is that of the level, ours that of the body
    };
    assert_eq!(ours[..same_beginning], java[..same_beginning], "{case}: the container");
    match kind {
        CompressionType::Lz4 => assert!(ours.ends_with(&[0, 0, 0, 0]), "{case}: the end mark"),
        CompressionType::Zstd => assert!(ours.ends_with(&[1, 0, 0]), "{case}: the last empty block"),
        _ => {}
    }
    // an empty body, one byte, and what cannot be packed, leave no freedom
    if plain.len() <= 1 || case.contains("incompressible") {
        let mut ours = ours.to_vec();
        if kind == CompressionType::Zstd {
            ours[5] = java[5];
        }
        assert_eq!(ours, java, "{case}: the same bytes");
    }
}

fn reading(case: &str, inputs: &Value, expected: &Value) {
    let (kind, packed) = (kind(inputs), bytes(&inputs["compressed"]));
    if built_in(kind).is_none() {
        return not_built(case, kind, &packed);
    }
    match (read(kind, &packed), expected["error"].as_str()) {
        (Ok(plain), None) => assert!(plain == bytes(&expected["plain"]), "{case}"),
        (Err(error), Some(_)) => {
            let cut_off = case.contains("truncated") || packed.is_empty();
            let says_cut_off = matches!(error, DecompressError::Truncated);
            assert_eq!(says_cut_off, cut_off, "{case}: {error:?}");
        }
        (ours, java) => panic!("{case}: {ours:?}, and Java: {java:?}"),
    }
}

fn flag(case: &str, inputs: &Value, expected: &Value) {
    let flag = SysFlag(i32::try_from(inputs["sys_flag"].as_i64().expect("a number")).expect("a flag"));
    assert_eq!(expected["compressed"], flag.is_compressed(), "{case}");
    assert_eq!(flag.compression_type().map(CompressionType::name), expected["type"].as_str(), "{case}");
    assert_eq!(flag.without_compression().0, expected["cleared"], "{case}");
}

fn not_built(case: &str, kind: CompressionType, packed: &[u8]) {
    let error = read(kind, packed).expect_err("a type that is not there");
    assert!(matches!(error, DecompressError::NotBuilt { .. }), "{case}: {error:?}");
}

fn built_in(kind: CompressionType) -> Option<Compression> {
    match kind {
        CompressionType::Zlib => Some(Compression::zlib()),
        #[cfg(feature = "lz4")]
        CompressionType::Lz4 => Some(Compression::lz4()),
        #[cfg(feature = "zstd")]
        CompressionType::Zstd => Some(Compression::zstd()),
        _ => None,
    }
}

fn read(kind: CompressionType, packed: &[u8]) -> Result<Vec<u8>, DecompressError> {
    decompress(kind, packed, &DecompressLimits::default()).map(Into::into)
}

fn kind(inputs: &Value) -> CompressionType {
    inputs["type"].as_str().expect("a name").parse().expect("a type")
}

fn bytes(value: &Value) -> Vec<u8> {
    let hex = value.as_str().expect("hex");
    assert!(hex.len() % 2 == 0, "whole bytes");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}
