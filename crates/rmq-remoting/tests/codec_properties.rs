//! The frame codec on generated input: what is written is read again, whatever the pieces it arrives in, and no bytes
//! do harm.

use bytes::{BufMut, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rmq_remoting::{ExtFields, FrameCodec, FrameError, HeaderEncoding, LanguageCode, RemotingCommand, RequestCode};
use serde::de::IgnoredAny;
use tokio_util::codec::{Decoder, Encoder};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(command in command()) {
        let mut wire = write(std::slice::from_ref(&command));
        let read = FrameCodec::default().decode(&mut wire).unwrap().unwrap();
        prop_assert_eq!(read, as_it_travels(&command));
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn frames_do_not_depend_on_where_the_stream_is_cut(
        commands in vec(command(), 1..4),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let wire = write(&commands);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let mut codec = FrameCodec::default();
        let mut buffer = BytesMut::new();
        let mut read = Vec::new();
        for piece in cuts.windows(2) {
            buffer.put_slice(&wire[piece[0]..piece[1]]);
            while let Some(command) = codec.decode(&mut buffer).unwrap() {
                read.push(command);
            }
        }
        prop_assert_eq!(read, commands.iter().map(as_it_travels).collect::<Vec<_>>());
        prop_assert_eq!(codec.decode_eof(&mut buffer).unwrap(), None);
    }

    #[test]
    fn any_bytes_end_in_a_frame_an_error_or_waiting(bytes in vec(any::<u8>(), 0..300)) {
        consume(BytesMut::from(bytes.as_slice()));
    }

    #[test]
    fn any_header_in_a_proper_frame_ends_in_a_frame_or_an_error(
        encoding in 0_u8..3,
        header in vec(any::<u8>(), 0..300),
        body in vec(any::<u8>(), 0..20),
    ) {
        consume(frame(encoding, &header, &body));
    }

    #[test]
    fn a_damaged_frame_ends_in_a_frame_an_error_or_waiting(
        command in command(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut wire = write(&[command]);
        let length = wire.len();
        for (at, byte) in damage {
            wire[at.index(length)] = byte;
        }
        consume(wire);
    }

    #[test]
    fn a_text_is_read_as_serde_json_reads_it(text in json_text()) {
        let header = format!(r#"{{"code":1,"opaque":2,"extFields":{{"k":{text}}}}}"#);
        let ours = FrameCodec::default().decode(&mut frame(0, header.as_bytes(), b""));
        match (serde_json::from_str::<String>(&text), ours) {
            (Ok(theirs), Ok(Some(command))) => prop_assert_eq!(command.field("k"), Some(theirs.as_str())),
            (Err(_), Err(FrameError::Json { .. })) => {}
            (theirs, ours) => prop_assert!(false, "{}: {:?}, serde_json: {:?}", text, ours, theirs),
        }
    }

    #[test]
    fn a_header_is_json_to_us_exactly_when_it_is_to_serde_json(tokens in json_tokens()) {
        let header = format!(r#"{{"code":1,"opaque":2,"x":{tokens}}}"#);
        let ours = FrameCodec::default().decode(&mut frame(0, header.as_bytes(), b""));
        match (serde_json::from_str::<IgnoredAny>(&header), &ours) {
            (Ok(_), Ok(Some(_))) | (Err(_), Err(FrameError::Json { .. })) => {}
            (theirs, _) => prop_assert!(false, "{}: {:?}, serde_json: {:?}", header, ours, theirs),
        }
    }
}

#[test]
fn two_frames_arrive_whole_at_every_possible_cut() {
    for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
        let first = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
            .with_encoding(encoding)
            .with_field("b", "topic é")
            .with_body("body");
        let second = first.response_to(0.into()).with_remark("\u{1}");
        let wire = write(&[first.clone(), second.clone()]);
        for cut in 0..=wire.len() {
            let mut codec = FrameCodec::default();
            let mut buffer = BytesMut::from(&wire[..cut]);
            let mut read = Vec::new();
            while let Some(command) = codec.decode(&mut buffer).unwrap() {
                read.push(command);
            }
            buffer.put_slice(&wire[cut..]);
            while let Some(command) = codec.decode(&mut buffer).unwrap() {
                read.push(command);
            }
            assert_eq!(read, [first.clone(), second.clone()], "cut at {cut}");
        }
    }
}

/// Reads until the codec has enough, and checks what must hold whatever the bytes are.
fn consume(mut wire: BytesMut) {
    let received = wire.len();
    let mut codec = FrameCodec::default();
    loop {
        let before = wire.len();
        match codec.decode(&mut wire) {
            Ok(Some(command)) => {
                assert!(wire.len() < before, "a frame has bytes");
                let fields = command.ext_fields().into_iter().flatten();
                let kept: usize = fields.map(|(name, value)| name.len() + value.len()).sum();
                assert!(kept + command.body().len() + command.remark().map_or(0, str::len) < received);
                let again = FrameCodec::default().decode(&mut write(std::slice::from_ref(&command)));
                assert_eq!(again.expect("own frames are read"), Some(command));
            }
            Ok(None) => break assert_eq!(wire.len(), before),
            Err(error) => break assert_eq!(codec.decode(&mut BytesMut::new()), Err(error)),
        }
    }
}

fn write(commands: &[RemotingCommand]) -> BytesMut {
    let mut wire = BytesMut::new();
    for command in commands {
        FrameCodec::default().encode(command, &mut wire).expect("a frame");
    }
    wire
}

fn frame(encoding: u8, header: &[u8], body: &[u8]) -> BytesMut {
    let word = |length: usize| u32::try_from(length).expect("a small frame");
    let mut wire = BytesMut::new();
    wire.put_u32(word(4 + header.len() + body.len()));
    wire.put_u32(u32::from(encoding) << 24 | word(header.len()));
    wire.put_slice(header);
    wire.put_slice(body);
    wire
}

/// What is left of a command after its header was written: the binary form has no empty text, the JSON form no
/// nameless language.
fn as_it_travels(command: &RemotingCommand) -> RemotingCommand {
    let mut travelled = RemotingCommand::request(command.request_code())
        .with_encoding(command.encoding())
        .with_body(command.body().clone());
    travelled.set_opaque(command.opaque());
    travelled.set_version(command.version());
    if command.is_response() {
        travelled.mark_response();
    }
    if command.is_oneway() {
        travelled.mark_oneway();
    }
    if let Some(language) = command.language() {
        travelled.set_language(language);
    }
    let binary = command.encoding() == HeaderEncoding::Rocketmq;
    if let Some(remark) = command.remark().filter(|remark| !(binary && remark.is_empty())) {
        travelled = travelled.with_remark(remark);
    }
    if let Some(fields) = command.ext_fields() {
        let left: ExtFields = fields
            .iter()
            .filter(|(_, value)| !(binary && value.is_empty()))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if !(binary && left.is_empty()) {
            *travelled.ext_fields_mut() = left;
        }
    }
    travelled
}

prop_compose! {
    fn command()(
        binary in any::<bool>(),
        code in any::<i32>(),
        version in any::<i16>(),
        opaque in any::<i32>(),
        (response, oneway) in any::<(bool, bool)>(),
        language in 0_u8..14,
        remark in option::of(".{0,20}"),
        fields in option::of(vec((".{1,12}", ".{0,40}"), 0..20)),
        body in prop_oneof![vec(any::<u8>(), 0..8), vec(any::<u8>(), 1000..1100)],
    ) -> RemotingCommand {
        let code = if binary { code >> 16 } else { code };
        let encoding = if binary { HeaderEncoding::Rocketmq } else { HeaderEncoding::Json };
        let mut command = RemotingCommand::request(RequestCode(code)).with_encoding(encoding).with_body(body);
        command.set_opaque(opaque);
        command.set_version(version.into());
        command.set_language(LanguageCode::from_code(language));
        if response {
            command.mark_response();
        }
        if oneway {
            command.mark_oneway();
        }
        if let Some(remark) = remark {
            command = command.with_remark(remark);
        }
        if let Some(fields) = fields {
            *command.ext_fields_mut() = fields.into_iter().collect();
        }
        command
    }
}

/// Text in quotes, with escapes that are sometimes wrong. Without raw control characters, which only we allow.
fn json_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z é🚀/]{0,6}",
        r#"\\["\\/bfnrt]"#,
        r"\\u[0-9a-fA-F]{4}",
        Just(r"\ud83d\ude80".to_owned()),
        r"\\u[dD][89abcdefABCDEF][0-9a-f]{2}",
        r"\\[xu'0-9a-g]{1,3}",
    ];
    vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// JSON tokens in an order that often makes sense.
fn json_tokens() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        r#""[a-z]{0,3}""#,
        r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        r"[-+0-9.eE]{1,6}",
        r#"[\[\]{},:"a-z0 ]{1,4}"#,
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (r#"[ \n]{0,1}"[a-z]{0,3}"[ \t]{0,1}"#, inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..4).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}
