//! Recorded conversations: every frame of either side is read, and Java's frames are written again byte by byte.

use std::path::PathBuf;

use rmq_remoting::{FrameError, LanguageCode, RemotingCommand};
use serde_json::Value;

use crate::data::{assert_survives_our_encoder, decode, encode, folder, hex, name_of, read, text};

#[test]
fn every_recorded_frame_is_read_as_it_was_recorded() {
    let mut frames = 0;
    for (name, event) in frames_of_all_files() {
        let Ok(command) = decode(&hex(text(&event, "hex"))) else { continue };
        frames += 1;
        if event["header"].is_null() {
            continue; // what the recorder could not read
        }
        assert_matches(&command, &event, &name);
        assert_survives_our_encoder(&command, &name);
    }
    assert!(frames > 200, "only {frames} frames");
}

#[test]
fn no_recorded_frame_is_refused_but_the_malformed_ones() {
    for (name, event) in frames_of_all_files() {
        let Err(error) = decode(&hex(text(&event, "hex"))) else { continue };
        assert!(name.contains("malformed") || name.contains("language"), "{name}: {error} in {event}");
        assert!(text(&event, "dir") == ">", "{name}: a server wrote what we refuse: {error} in {event}");
    }
}

#[test]
fn java_frames_are_written_again_byte_by_byte() {
    let mut frames = 0;
    for (name, event) in frames_of_all_files() {
        let by_java = text(&event, "dir") == "<" || name.starts_with("java");
        let frame = hex(text(&event, "hex"));
        if by_java {
            assert_eq!(encode(&decode(&frame).unwrap()), frame, "{name}: {event}");
            frames += 1;
        }
    }
    assert!(frames > 150, "only {frames} frames");
}

/// Where the two releases differ the newer one decides; where we differ from both [`MALFORMED`] says so.
#[test]
fn malformed_frames_are_refused_where_a_5_5_server_hangs_up() {
    for release in ["4.9.7", "5.5.0"] {
        let file = read(&folder().join(format!("captures/raw-{release}-malformed-frames.json")));
        let mut case = "";
        let mut seen = Vec::new();
        for event in file["events"].as_array().unwrap() {
            if let Some(name) = event["note"].as_str().and_then(|note| note.strip_prefix("case: ")) {
                case = name;
            } else if event["dir"] == ">" && event["hex"].is_string() && !seen.contains(&case) {
                seen.push(case);
                let (_, expected) = MALFORMED.iter().find(|(name, _)| *name == case).unwrap();
                let frame = hex(text(event, "hex"));
                // The recorder cut the bytes where it stopped understanding them; a length word may announce more.
                let ours = if event["event"] == "partial" { decode(&frame).map(drop) } else { decode_start(&frame) };
                assert_eq!(ours.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{case}");
            }
        }
        assert_eq!(seen.len(), MALFORMED.len(), "{release}: {seen:?}");
    }
}

/// Case of the recordings, and our answer.
const MALFORMED: &[(&str, Result<(), &str>)] = &[
    ("binary-bad-ext", Err("malformed binary header at byte 23: an impossible text length")),
    ("binary-trailing-bytes", Ok(())), // both releases read on, and take the trailing bytes for the body
    ("http", Err("the peer speaks HTTP, not the remoting protocol")),
    ("json-bad-utf8", Err("header text is not UTF-8 at byte 73")), // 4.9.7 reads on
    ("json-garbage", Err("malformed JSON header at byte 0: expected an object")),
    ("json-opaque-too-big", Err("malformed JSON header at byte 47: not an integer of 32 bits")), // 4.9.7 wraps
    ("length-16777212", Err("the stream ended after 12 bytes of a frame")), // both wait for the rest
    ("length-3", Err("the frame length 3 is impossible")),
    ("length-zero", Err("the frame length 0 is impossible")),
    ("json-no-code", Err("the header has no `code`")), // both take the code for 0
];

fn decode_start(frame: &[u8]) -> Result<(), FrameError> {
    use tokio_util::codec::Decoder as _;
    rmq_remoting::FrameCodec::default().decode(&mut bytes::BytesMut::from(frame)).map(|command| {
        assert!(command.is_some(), "a whole frame");
    })
}

fn assert_matches(command: &RemotingCommand, event: &Value, name: &str) {
    let header = &event["header"];
    let number = |member: &str| header[member].as_i64().unwrap_or(0);
    assert_eq!(i64::from(command.code()), number("code"), "{name}: {event}");
    assert_eq!(i64::from(command.flag()), number("flag"), "{name}: {event}");
    assert_eq!(i64::from(command.opaque()), number("opaque"), "{name}: {event}");
    assert_eq!(i64::from(command.version()), number("version"), "{name}: {event}");
    match &header["language"] {
        Value::String(language) => assert_eq!(command.language(), LanguageCode::from_name(language), "{name}: {event}"),
        Value::Number(code) => assert_eq!(command.language().map(|known| known.code().into()), code.as_u64()),
        _ => {}
    }
    assert_eq!(command.remark(), header["remark"].as_str(), "{name}: {event}");
    let recorded = header["extFields"].as_object();
    assert_eq!(command.ext_fields().is_some(), recorded.is_some(), "{name}: {event}");
    for (field, value) in recorded.into_iter().flatten() {
        assert_eq!(command.field(field), value.as_str(), "{name}: {field} of {event}");
    }
    assert_eq!(command.ext_fields().map_or(0, |fields| fields.len()), recorded.map_or(0, |fields| fields.len()));
    assert_eq!(name_of(command.encoding()), text(event, "encoding"), "{name}: {event}");
    assert_eq!(command.body().len() as u64, event["bodyLength"].as_u64().unwrap_or(0), "{name}: {event}");
    let body = event["bodyText"].as_str().map(|text| text.trim_end_matches("...")); // long ones are cut
    assert!(command.body().starts_with(body.unwrap_or_default().as_bytes()), "{name}: {event}");
}

/// All frames that were recorded whole, with the name of their file.
fn frames_of_all_files() -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("captures"))
        .expect("captures")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    let mut frames = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let file = read(path);
        for event in file["events"].as_array().expect("events") {
            if event["hex"].is_string() && event["hexCut"].is_null() && event["event"].is_null() {
                frames.push((name.clone(), event.clone()));
            }
        }
    }
    frames
}
