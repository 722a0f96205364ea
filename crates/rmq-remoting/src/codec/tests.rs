//! Lengths, limits, and what an error leaves behind.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{FrameCodec, FrameLimits, SHARED_FROM, decode_frame, encode_head};
use crate::{ExtFields, FrameError, HeaderEncoding, LanguageCode, RemotingCommand, RequestCode, ResponseCode};

const BOTH: [HeaderEncoding; 2] = [HeaderEncoding::Json, HeaderEncoding::Rocketmq];

#[test]
fn the_documented_json_frame_is_written_byte_by_byte() {
    let mut request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "TopicTest");
    request.set_version(479);
    let header = concat!(
        r#"{"code":105,"extFields":{"topic":"TopicTest"},"flag":0,"language":"RUST","opaque":1,"#,
        r#""serializeTypeCurrentRPC":"JSON","version":479}"#
    );
    let mut expected = vec![0, 0, 0, 0x87, 0, 0, 0, 0x83];
    expected.extend_from_slice(header.as_bytes());
    assert_eq!(head(&request, 1), expected);
}

#[test]
fn the_documented_binary_frame_is_written_byte_by_byte() {
    let mut answer = RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST)
        .with_remark("no route")
        .with_encoding(HeaderEncoding::Rocketmq);
    answer.set_version(479);
    answer.set_language(LanguageCode::JAVA);
    let mut expected = vec![0, 0, 0, 0x21, 1, 0, 0, 0x1d, 0, 0x11, 0, 1, 0xdf, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8];
    expected.extend_from_slice(b"no route\0\0\0\0");
    assert_eq!(head(&answer, 1), expected);
}

#[test]
fn the_opaque_of_the_caller_wins_over_the_commands_own() {
    for encoding in BOTH {
        let mut request = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
        request.set_opaque(1);
        let mut wire = BytesMut::from(head(&request, -2).as_slice());
        let read = decode_frame(&mut wire, &FrameLimits::default()).unwrap().unwrap();
        assert_eq!(read.opaque(), -2);
    }
}

#[test]
fn a_refused_command_leaves_the_output_as_it_was() {
    let limits = FrameLimits::default().max_frame_bytes(4096).max_header_bytes(1024);
    let request = || RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
    let binary = || request().with_encoding(HeaderEncoding::Rocketmq);
    let many = |count: usize| "x".repeat(count);
    let mut version = binary();
    version.set_version(40_000);
    let popping = RemotingCommand::request(RequestCode::POP_MESSAGE).with_encoding(HeaderEncoding::Rocketmq);
    let too_large = |length| FrameError::TooLarge { length, limit: 4096 };
    let header = |length| FrameError::HeaderTooLarge { length, limit: 1024 };
    let cases = [
        (request().with_body(many(4089)), too_large(4097)),
        (binary().with_body(many(4068)), too_large(4097)),
        (request().with_remark(many(1025)), header(1025)),
        (binary().with_field("k", many(997)), header(1025)),
        (request().with_remark("\u{1}".repeat(500)), header(109 + 500 * 6)),
        (popping, FrameError::OutOfRange { member: "code", value: 200_050 }),
        (version, FrameError::OutOfRange { member: "version", value: 40_000 }),
        (binary().with_field("", "value"), FrameError::FieldName { length: 0 }),
    ];
    for (command, expected) in cases {
        let mut out = b"before".to_vec();
        assert_eq!(encode_head(&command, 7, &mut out, &limits), Err(expected), "{command:?}");
        assert_eq!(out, b"before");
    }
    let long_name = binary().with_field(many(32_768), "value");
    let refused = encode_head(&long_name, 7, &mut Vec::new(), &FrameLimits::default());
    assert_eq!(refused, Err(FrameError::FieldName { length: 32_768 }));
}

#[test]
fn what_just_fits_is_written_and_read() {
    let limits = FrameLimits::default().max_frame_bytes(4096).max_header_bytes(1024);
    let fitting = [
        RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body("x".repeat(4067)),
        RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_field("k", "x".repeat(996)),
    ];
    for command in fitting {
        let command = command.with_encoding(HeaderEncoding::Rocketmq);
        let mut codec = FrameCodec::new(limits.clone());
        let mut wire = BytesMut::new();
        codec.encode(&command, &mut wire).unwrap();
        assert_eq!(codec.decode(&mut wire), Ok(Some(command)));
    }
}

#[test]
fn lengths_are_refused_as_soon_as_they_are_there() {
    let read = |bytes: &[u8]| decode_frame(&mut BytesMut::from(bytes), &FrameLimits::default());
    for length in [0, 1, 2, 3, -1, i32::MIN] {
        assert_eq!(read(&length.to_be_bytes()), Err(FrameError::BadLength { length }));
    }
    let largest = 16 * 1024 * 1024;
    let word = |total: u32| (total - 4).to_be_bytes();
    assert_eq!(read(&word(largest)), Ok(None), "16 MiB with the length word is a frame to wait for");
    let too_large = FrameError::TooLarge { length: u64::from(largest) + 1, limit: 16 * 1024 * 1024 };
    assert_eq!(read(&word(largest + 1)), Err(too_large));
    let overrun = FrameError::HeaderOverrunsFrame { header: 6, frame: 5 };
    assert_eq!(read(&[0, 0, 0, 9, 0, 0, 0, 6]), Err(overrun));
    let header = FrameError::HeaderTooLarge { length: 0x10_0001, limit: 0x10_0000 };
    assert_eq!(read(&[0, 0x20, 0, 0, 1, 0x10, 0, 1]), Err(header));
    assert_eq!(read(&[0, 0, 0, 9, 7, 0, 0, 5]), Err(FrameError::UnknownEncoding(7)));
}

#[test]
fn other_protocols_are_named() {
    let starts: [(&[u8], &str); 9] = [
        (b"GET / HTTP/1.1\r\n", "HTTP"),
        (b"POST /x HTTP/1.1\r\n", "HTTP"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"PRI * HTTP/2.0\r\n", "HTTP/2"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
        (b"\x16\x03\x03\x00\x7a", "TLS"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "TLS"),
        (b"SSH-2.0-OpenSSH", "SSH"),
        (b"PROXY TCP4 ", "the PROXY protocol"),
    ];
    for (bytes, name) in starts {
        let refused = decode_frame(&mut BytesMut::from(bytes), &FrameLimits::default());
        assert_eq!(refused, Err(FrameError::LooksLike(name)));
    }
}

#[test]
fn nothing_is_reserved_for_bytes_that_are_only_announced() {
    let mut wire = BytesMut::with_capacity(64);
    wire.put_u32(16 * 1024 * 1024 - 4);
    wire.put_u32(200);
    wire.put_slice(b"{\"code\":1");
    assert_eq!(FrameCodec::default().decode(&mut wire), Ok(None));
    assert_eq!(wire.capacity(), 64);
}

#[test]
fn small_bodies_are_copied_and_large_ones_share_the_read_buffer() {
    for size in [0, 1, SHARED_FROM - 1, SHARED_FROM, 100_000] {
        let body: Bytes = (0..=u8::MAX).cycle().take(size).collect();
        let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body(body.clone());
        let mut wire = BytesMut::new();
        let mut codec = FrameCodec::default();
        codec.encode(&request, &mut wire).unwrap();
        codec.encode(&request, &mut wire).unwrap();
        let buffer = wire.as_ptr_range();
        let command = codec.decode(&mut wire).unwrap().unwrap();
        assert_eq!(command.body(), &body);
        assert_eq!(buffer.contains(&command.body().as_ptr()), size >= SHARED_FROM, "{size} bytes");
        assert_eq!(codec.decode(&mut wire), Ok(Some(request)), "the next frame is unharmed");
        assert!(wire.is_empty());
    }
}

#[test]
fn after_an_error_a_codec_reads_no_more() {
    let mut codec = FrameCodec::default();
    let refused = FrameError::BadLength { length: 1 };
    assert_eq!(codec.decode(&mut BytesMut::from(&[0, 0, 0, 1][..])), Err(refused.clone()));
    let mut good = BytesMut::new();
    codec.encode(&RemotingCommand::request(RequestCode::HEART_BEAT), &mut good).unwrap();
    assert_eq!(codec.decode(&mut good), Err(refused.clone()));
    assert_eq!(codec.decode_eof(&mut BytesMut::new()), Err(refused));
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_an_error() {
    let mut codec = FrameCodec::default();
    assert_eq!(codec.decode_eof(&mut BytesMut::new()), Ok(None));
    let half = codec.decode_eof(&mut BytesMut::from(&[0, 0, 0][..]));
    assert_eq!(half, Err(FrameError::Truncated { received: 3 }));
}

#[test]
fn a_header_has_no_more_ext_fields_than_the_limit() {
    for encoding in BOTH {
        let fields = |count: usize| -> ExtFields { (0..count).map(|at| (at.to_string(), "v")).collect() };
        let mut command = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
        for (count, fits) in [(1024, true), (1025, false)] {
            *command.ext_fields_mut() = fields(count);
            let mut wire = BytesMut::from(head(&command, 0).as_slice());
            let read = decode_frame(&mut wire, &FrameLimits::default());
            let expected =
                if fits { Ok(Some(command.clone())) } else { Err(FrameError::TooManyFields { limit: 1024 }) };
            assert_eq!(read, expected);
        }
    }
}

#[test]
fn a_header_of_tiny_fields_costs_little_more_than_it_has_bytes() {
    // One-letter names and values, repeated: the shortest entries that are kept, and as many as the limit allows.
    let names = || (0..1024).map(|at: u32| char::from_u32(0x100 + at).expect("a letter").to_string());
    for encoding in BOTH {
        let mut command = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
        *command.ext_fields_mut() = names().map(|name| (name, "v")).collect();
        let mut wire = BytesMut::from(head(&command, 0).as_slice());
        let received = wire.len();
        let read = decode_frame(&mut wire, &FrameLimits::default()).unwrap().unwrap();
        let allocated = read.ext_fields().unwrap().allocated_bytes();
        assert!(allocated <= 2 * received + 64 * 1024, "{allocated} bytes for {received}");
    }
}

#[test]
fn the_last_binary_value_may_run_past_its_block_but_not_past_the_header() {
    let frame = |block: u8, spare: &[u8], body: &[u8]| {
        let entry = b"\0\x01k\0\0\0\x05value";
        let header = 21 + entry.len() + spare.len();
        let mut bytes = BytesMut::new();
        bytes.put_u32(u32::try_from(4 + header + body.len()).unwrap());
        bytes.put_u32(0x0100_0000 | u32::try_from(header).unwrap());
        bytes.put_slice(&[0, 17, 0, 1, 0xdf, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, block]);
        bytes.put_slice(entry);
        bytes.put_slice(spare);
        bytes.put_slice(body);
        bytes
    };
    let read = |mut bytes: BytesMut| decode_frame(&mut bytes, &FrameLimits::default());
    for block in [8, 12] {
        let command = read(frame(block, b"", b"body")).unwrap().unwrap();
        assert_eq!((command.field("k"), command.body().as_ref()), (Some("value"), &b"body"[..]));
    }
    let spare = read(frame(12, b"spare", b"body")).unwrap().unwrap();
    assert_eq!(spare.body().as_ref(), b"body", "spare header bytes are no body, unlike in Java");
    let too_long = FrameError::Binary { at: 28, reason: "an impossible text length" };
    assert_eq!(read(frame(4, b"", b"body")), Err(too_long), "a length is held against the block");
    let mut cut = frame(12, b"", b"");
    cut[3] -= 1;
    cut[7] -= 1;
    cut[28] = 11;
    cut.truncate(cut.len() - 1);
    assert_eq!(read(cut), Err(FrameError::Binary { at: 28, reason: "an impossible text length" }));
}

#[test]
fn no_language_stays_no_language() {
    for encoding in BOTH {
        let mut command = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
        command.language = None;
        let read = decode_frame(&mut BytesMut::from(head(&command, 0).as_slice()), &FrameLimits::default());
        assert_eq!(read, Ok(Some(command)));
    }
    let mut unknown = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(HeaderEncoding::Rocketmq);
    unknown.set_language(LanguageCode::from_code(99));
    let read = decode_frame(&mut BytesMut::from(head(&unknown, 0).as_slice()), &FrameLimits::default());
    assert_eq!(read, Ok(Some(unknown)), "an unknown number is kept");
}

fn head(command: &RemotingCommand, opaque: i32) -> Vec<u8> {
    let mut out = Vec::new();
    encode_head(command, opaque, &mut out, &FrameLimits::default()).expect("a head");
    out
}
