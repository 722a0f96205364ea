//! Reading the golden files, and reading frames the way the golden files describe them.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use rmq_remoting::{ExtFields, FrameCodec, FrameError, HeaderEncoding, LanguageCode, RemotingCommand};
use serde_json::Value;
use tokio_util::codec::{Decoder, Encoder};

/// The folder of the golden files.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A golden file.
pub(crate) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("golden file");
    serde_json::from_str(&text).expect("golden JSON")
}

/// The cases of a golden file in the folder.
pub(crate) fn cases(name: &str) -> Vec<Value> {
    match read(&folder().join(name)) {
        Value::Array(cases) if !cases.is_empty() => cases,
        other => panic!("{name} is no list of cases: {other}"),
    }
}

pub(crate) fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap_or_else(|| panic!("no {member} in {case}"))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len() % 2 == 0, "odd hex");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// The one command that `frame` holds, and nothing else.
pub(crate) fn decode(frame: &[u8]) -> Result<RemotingCommand, FrameError> {
    let mut input = BytesMut::from(frame);
    let command = FrameCodec::default().decode_eof(&mut input)?;
    assert!(input.is_empty(), "{} bytes left", input.len());
    Ok(command.expect("a whole frame"))
}

pub(crate) fn encode(command: &RemotingCommand) -> Vec<u8> {
    let mut out = BytesMut::new();
    FrameCodec::default().encode(command, &mut out).expect("a frame");
    out.to_vec()
}

/// `decoded` is what Java read; a null value is what we call an absent one.
pub(crate) fn assert_reads_as(command: &RemotingCommand, decoded: &Value, name: &str) {
    let number = |member: &str| decoded[member].as_i64().unwrap_or_else(|| panic!("{name}: no {member}"));
    assert_eq!(i64::from(command.code()), number("code"), "{name}: code");
    assert_eq!(i64::from(command.opaque()), number("opaque"), "{name}: opaque");
    assert_eq!(i64::from(command.flag()), number("flag"), "{name}: flag");
    assert_eq!(i64::from(command.version()), number("version"), "{name}: version");
    let language = command.language().and_then(LanguageCode::name);
    assert_eq!(language, decoded["language"].as_str(), "{name}: language");
    assert_eq!(command.remark(), decoded["remark"].as_str(), "{name}: remark");
    let mut expected = fields(&decoded["ext_fields"]);
    if command.encoding() == HeaderEncoding::Rocketmq {
        expected = expected.filter(|fields| !fields.is_empty()); // a map of nothing but null values
    }
    assert_eq!(command.ext_fields(), expected.as_ref(), "{name}: ext fields");
    if let Some(response) = decoded["is_response"].as_bool() {
        assert_eq!(command.is_response(), response, "{name}: response");
    }
    if let Some(oneway) = decoded["is_oneway"].as_bool() {
        assert_eq!(command.is_oneway(), oneway, "{name}: oneway");
    }
    if let Some(encoding) = decoded["serialize_type"].as_str() {
        assert_eq!(name_of(command.encoding()), encoding, "{name}: encoding");
    }
    let body = decoded["body"].as_str().map(hex).unwrap_or_default();
    assert_eq!(command.body().as_ref(), body, "{name}: body");
}

/// Encoding what was decoded, and decoding it again, changes nothing.
pub(crate) fn assert_survives_our_encoder(command: &RemotingCommand, name: &str) {
    let again = decode(&encode(command)).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(&again, command, "{name}");
}

pub(crate) fn name_of(encoding: HeaderEncoding) -> &'static str {
    match encoding {
        HeaderEncoding::Json => "JSON",
        HeaderEncoding::Rocketmq => "ROCKETMQ",
        _ => "unknown",
    }
}

fn fields(map: &Value) -> Option<ExtFields> {
    let map = map.as_object()?;
    let present = map.iter().filter(|(_, value)| !value.is_null());
    Some(present.map(|(name, value)| (name.clone(), value.as_str().expect("a text value"))).collect())
}
