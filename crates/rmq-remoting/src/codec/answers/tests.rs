//! What skeletons read is what a full parse reads, and what brokers send is read by skeletons.

use bytes::{BufMut as _, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{AnswerReader, KEPT, LAYOUTS};
use crate::answer::{Answer, Kept};
use crate::codec::{FrameLimits, decode_frame, encode_head};
use crate::{FrameError, HeaderEncoding, RemotingCommand, ResponseCode};

const BOTH: [HeaderEncoding; 2] = [HeaderEncoding::Json, HeaderEncoding::Rocketmq];

/// The answer of a 5.x broker to a send.
fn stored(n: u32, encoding: HeaderEncoding) -> RemotingCommand {
    let mut answer = RemotingCommand::response(ResponseCode::SUCCESS)
        .with_encoding(encoding)
        .with_field("queueId", (n % 4).to_string())
        .with_field("transactionId", format!("7F00000100002A9F{n:016X}"))
        .with_field("TRACE_ON", "true")
        .with_field("MSG_REGION", "DefaultRegion")
        .with_field("msgId", format!("7F00000100002A9F{:016X}", n * 231))
        .with_field("queueOffset", (n * 17).to_string());
    answer.set_opaque(i32::try_from(n).expect("small"));
    answer
}

fn refused(n: u32, encoding: HeaderEncoding) -> RemotingCommand {
    let remark = format!("[PC_SYNCHRONIZED]broker busy, start flow control for a while: {n}ms");
    RemotingCommand::response(ResponseCode::SYSTEM_BUSY).with_encoding(encoding).with_remark(remark)
}

fn frame(command: &RemotingCommand) -> BytesMut {
    let mut wire = Vec::new();
    encode_head(command, command.opaque(), &mut wire, &FrameLimits::default()).expect("a legal command");
    wire.extend_from_slice(command.body());
    BytesMut::from(&wire[..])
}

/// A frame around any header.
fn frame_of(encoding: HeaderEncoding, header: &[u8], body: &[u8]) -> BytesMut {
    let mut wire = BytesMut::new();
    wire.put_u32(u32::try_from(4 + header.len() + body.len()).expect("small"));
    wire.put_u32(u32::try_from(header.len()).expect("small") | u32::from(encoding != HeaderEncoding::Json) << 24);
    wire.put_slice(header);
    wire.put_slice(body);
    wire
}

#[derive(Debug)]
enum Read {
    Answer(Answer),
    Request(RemotingCommand),
}

fn read(reader: &mut AnswerReader, wire: &mut BytesMut) -> Result<Option<Read>, FrameError> {
    let (mut answers, mut alike, mut rest) = (Vec::new(), Vec::new(), wire.clone());
    let mut kept = Kept::default();
    let count = reader.read_alike(&mut rest, 2, |answer| {
        answer.put_texts(&mut kept)?;
        answer.put_rest(&mut kept);
        alike.extend(kept.take().map(|whole| (answer.opaque, whole.into_command())));
        Some(())
    });
    assert_eq!(alike.len(), count);
    let request = reader.read(wire, &FrameLimits::default(), &mut answers)?;
    let answer = answers.pop();
    assert!(answers.is_empty());
    if let Some((opaque, alike)) = alike.pop() {
        let answer = answer.clone().map(Answer::into_command);
        assert_eq!(
            (answer, &rest, opaque),
            (Some(alike.clone()), &*wire, alike.opaque()),
            "what is handed out is what is read"
        );
    }
    Ok(match request {
        Some(request) => Some(Read::Request(request)),
        None => answer.map(Read::Answer),
    })
}

/// Reads a frame both ways; returns the answer, if it is one.
fn compare(reader: &mut AnswerReader, wire: &BytesMut) -> Option<Answer> {
    let (mut quick, mut full) = (wire.clone(), wire.clone());
    let expected = decode_frame(&mut full, &FrameLimits::default());
    match (read(reader, &mut quick), expected) {
        (Ok(Some(Read::Answer(answer))), Ok(Some(command))) => {
            assert!(command.is_response());
            assert_eq!(quick, full, "as many bytes are taken");
            assert_eq!((answer.code(), answer.flag()), (command.code(), command.flag()));
            assert_eq!((answer.opaque(), answer.encoding()), (command.opaque(), command.encoding()));
            assert_eq!((answer.remark(), answer.body()), (command.remark(), command.body()));
            assert_eq!(answer.is_success(), command.is_success());
            let fields: Vec<_> = answer.fields().map(|(name, value)| (name, value.as_str())).collect();
            assert_eq!(fields, command.ext_fields().into_iter().flatten().collect::<Vec<_>>());
            assert!(fields.iter().all(|(name, value)| answer.field(name) == Some(value)));
            assert_eq!(answer.field("no such field"), None);
            assert_eq!(answer.clone().into_command(), command);
            Some(answer)
        }
        (Ok(Some(Read::Request(request))), Ok(Some(command))) => {
            assert_eq!(request, command);
            assert!(!command.is_response());
            None
        }
        (Ok(None), Ok(None)) => None,
        (Err(ours), Err(theirs)) => {
            assert_eq!(ours, theirs);
            None
        }
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

/// A reader that knows what answers to sends look like.
fn taught(encoding: HeaderEncoding) -> AnswerReader {
    let mut reader = AnswerReader::default();
    for n in [1, 2, 3, 70_000, 5] {
        compare(&mut reader, &frame(&stored(n, encoding)));
    }
    reader
}

#[test]
fn after_a_few_answers_the_others_need_no_map() {
    for encoding in BOTH {
        let mut reader = taught(encoding);
        for n in 0..1000 {
            let answer = compare(&mut reader, &frame(&stored(n * 37, encoding))).expect("an answer");
            assert!(answer.is_known(), "{answer:?}");
        }
        assert_eq!(reader.known.len(), 1);
    }
}

#[test]
fn answers_with_values_as_long_as_before_are_read_by_blocks() {
    for encoding in BOTH {
        let mut reader = AnswerReader::default();
        for n in 1000..1010 {
            compare(&mut reader, &frame(&stored(n, encoding)));
        }
        let strays = reader.strays;
        for n in 1010..5000 {
            compare(&mut reader, &frame(&stored(n, encoding)));
        }
        assert_eq!(strays, reader.strays, "each is laid out like one before");
    }
}

#[test]
fn values_of_many_lengths_are_read_right_and_few_layouts_are_kept() {
    for encoding in BOTH {
        let mut reader = AnswerReader::default();
        for round in 0..4 {
            for shift in 0..24 {
                let answer = compare(&mut reader, &frame(&stored(1 << shift, encoding))).expect("an answer");
                assert!(round == 0 || answer.is_known(), "{answer:?}");
            }
        }
        assert_eq!(reader.layouts.len(), LAYOUTS);
    }
}

#[test]
fn many_frames_are_read_at_once_as_one_by_one() {
    for encoding in BOTH {
        let mut frames = Vec::new();
        for n in 0..60 {
            let answer = stored(n * 777, encoding);
            frames.push(frame(&match n % 7 {
                3 => answer.with_body("some body"),
                5 => answer.with_body(vec![1; 5000]),
                6 => answer.with_field("msgId", "\u{1}"),
                _ => answer,
            }));
        }
        let mut request = RemotingCommand::request(crate::RequestCode(40));
        request.set_opaque(9);
        frames.push(frame(&request));
        frames.extend([7, 8].map(|n| frame(&stored(n, encoding))));
        let wire = frames.concat();
        let limits = FrameLimits::default();
        for cut in [0, 1, 5, 11, 100, 300] {
            let (mut reader, mut answers, mut input) = (AnswerReader::default(), Vec::new(), BytesMut::from(&wire[..]));
            let rest = input.split_off(wire.len() - cut);
            assert_eq!(reader.read(&mut input, &limits, &mut answers), Ok(Some(request.clone())));
            assert_eq!(answers.len(), 60);
            assert_eq!(reader.read(&mut input, &limits, &mut answers), Ok(None));
            input.unsplit(rest);
            assert_eq!(reader.read(&mut input, &limits, &mut answers), Ok(None));
            assert!(input.is_empty());
            frames.remove(60);
            for (answer, mut frame) in answers.into_iter().zip(&frames).map(|(answer, frame)| (answer, frame.clone())) {
                assert_eq!(Some(answer.into_command()), decode_frame(&mut frame, &limits).expect("a frame"));
            }
            frames.insert(60, frame(&request));
        }
        // What comes before a bad frame is read, and the bad one stays where it is.
        let mut input = BytesMut::from(&[&frames[0][..], &frames[3], b"\0\0\0\x04\x07\0\0\0"].concat()[..]);
        let mut answers = Vec::new();
        let error = AnswerReader::default().read(&mut input, &limits, &mut answers);
        assert_eq!((error, answers.len(), input.len()), (Err(FrameError::UnknownEncoding(7)), 2, 8));
    }
}

#[test]
fn answers_like_earlier_ones_are_handed_out_as_far_as_the_first_other_one_and_no_more_than_were_asked_for() {
    for encoding in BOTH {
        let mut reader = AnswerReader::default();
        for n in 1000..1010 {
            compare(&mut reader, &frame(&stored(n, encoding)));
        }
        let mut frames: Vec<_> = (2000..2050).map(|n| frame(&stored(n, encoding))).collect();
        frames.push(frame(&stored(2050, encoding).with_body("some body")));
        frames.push(frame(&stored(2051, encoding)));
        for cut in [0, 1] {
            let whole = frames.concat();
            let mut input = BytesMut::from(&whole[..whole.len() - cut]);
            let (mut next, mut counts, mut kept) = (2000, Vec::new(), Kept::default());
            while counts.last() != Some(&0) {
                counts.push(reader.read_alike(&mut input, 20, |alike| {
                    assert_eq!(alike.opaque, next);
                    alike.put_texts(&mut kept)?;
                    alike.put_rest(&mut kept);
                    let answer = kept.take().map(Answer::into_command);
                    assert_eq!(answer, Some(stored(next.unsigned_abs(), encoding)));
                    next += 1;
                    Some(())
                }));
            }
            assert_eq!((counts, next), (vec![20, 20, 10, 0], 2050));
            let mut answers = Vec::new();
            assert_eq!(reader.read(&mut input, &FrameLimits::default(), &mut answers), Ok(None));
            let opaques: Vec<_> = answers.iter().map(Answer::opaque).collect();
            assert_eq!(opaques, if cut == 0 { vec![2050, 2051] } else { vec![2050] });
        }
    }
}

#[test]
fn an_answer_that_is_not_taken_over_stays_where_it_is() {
    for encoding in BOTH {
        let mut reader = AnswerReader::default();
        for n in 1000..1010 {
            compare(&mut reader, &frame(&stored(n, encoding)));
        }
        let mut input =
            BytesMut::from(&(2000..2005).map(|n| frame(&stored(n, encoding))).collect::<Vec<_>>().concat()[..]);
        let mut room = 3;
        let count = reader.read_alike(&mut input, 20, |_| {
            room -= 1;
            (room >= 0).then_some(())
        });
        assert_eq!(
            (count, &input[..]),
            (3, &[frame(&stored(2003, encoding)), frame(&stored(2004, encoding))].concat()[..])
        );
    }
}

#[test]
fn several_kinds_of_answers_are_known_at_once_and_the_oldest_makes_room() {
    let mut reader = AnswerReader::default();
    let kinds: [fn(u32) -> RemotingCommand; 3] = [
        |n| stored(n, HeaderEncoding::Json),
        |n| stored(n, HeaderEncoding::Rocketmq),
        |n| refused(n, HeaderEncoding::Json),
    ];
    for n in 0..200 {
        for kind in kinds {
            let answer = compare(&mut reader, &frame(&kind(n * 13))).expect("an answer");
            assert!(n < 12 || answer.is_known(), "{n}: {answer:?}");
        }
    }
    for code in 100..150 {
        compare(&mut reader, &frame(&RemotingCommand::response(ResponseCode(code))));
        assert!(reader.known.len() <= KEPT);
    }
}

#[test]
fn a_text_that_is_not_plain_is_read_in_full() {
    let texts = ["", "a\"b", "a\\b", "a\nb", "\u{1}", "\u{1f}", "é", "🚀", "\u{7f}", "x\u{80}"];
    for encoding in BOTH {
        let mut reader = taught(encoding);
        for text in texts {
            for text in [text.to_owned(), format!("{text}12345678"), format!("12345678{text}")] {
                let answer = stored(4, encoding).with_field("msgId", text);
                compare(&mut reader, &frame(&answer));
            }
        }
    }
}

#[test]
fn a_value_that_is_too_long_is_read_in_full_and_the_next_ones_are_quick_again() {
    for encoding in BOTH {
        let mut reader = taught(encoding);
        let long = stored(4, encoding).with_field("msgId", "x".repeat(300));
        let answer = compare(&mut reader, &frame(&long)).expect("an answer");
        assert!(!answer.is_known());
        assert!(compare(&mut reader, &frame(&stored(5, encoding))).expect("an answer").is_known());
    }
}

#[test]
fn bodies_go_with_their_answers() {
    for encoding in BOTH {
        let mut reader = taught(encoding);
        for size in [1, 1023, 1024, 100_000] {
            let answer = stored(9, encoding).with_body(vec![7; size]);
            assert!(compare(&mut reader, &frame(&answer)).expect("an answer").is_known());
        }
    }
}

#[test]
fn requests_of_the_peer_are_no_answers_and_nothing_is_learnt_from_them() {
    let mut reader = AnswerReader::default();
    for n in 0..5 {
        let mut request = RemotingCommand::request(crate::RequestCode(40)).with_field("k", n.to_string());
        request.set_opaque(n);
        assert!(compare(&mut reader, &frame(&request)).is_none());
    }
    assert!(reader.known.is_empty());
}

#[test]
fn half_a_frame_is_waited_for() {
    let mut reader = taught(HeaderEncoding::Json);
    let whole = frame(&stored(3, HeaderEncoding::Json).with_body("body"));
    for cut in 0..whole.len() {
        assert!(matches!(read(&mut reader, &mut BytesMut::from(&whole[..cut])), Ok(None)), "{cut} bytes");
    }
}

#[test]
fn odd_headers_are_read_as_ever_before_and_after() {
    let headers = [
        r#"{"code":0,"flag":1,"opaque":1,"opaque":2}"#,
        r#"{"code":0,"flag":1,"opaque":"3"}"#,
        r#"{"code":0,"flag":1,"opaque":-0}"#,
        r#"{"code":0,"flag":1,"opaque":-7,"extFields":null}"#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"a":"1","a":"2","b":"3"}}"#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"a":null,"b":"3"}}"#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"a":1,"b":true,"c":{"d":"e"}}}"#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"a":"1"},"extFields":{"b":"1"}}"#,
        r#"{"code":0,"flag":1,"opaque":4,"remark":"x","remark":null}"#,
        r#"{"code":0,"code":5,"flag":1,"opaque":4}"#,
        r#" { "code" : 0 , "flag" : 1 , "opaque" : 12 , "extFields" : { "a" : "b" } } "#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"\u0061":"1","b":"\u0032","c":"3"}}"#,
        r#"{"code":0,"flag":1,"opaque":4,"extFields":{"é":"1","b":"2"},"other":[{"opaque":1}]}"#,
    ];
    let mut reader = AnswerReader::default();
    for _ in 0..3 {
        for header in headers {
            for (old, new) in
                [("4", "55"), ("\"1\"", "\"9\""), ("\"3\"", "\"\""), ("x", "y"), ("1", "01"), ("12", "-0")]
            {
                compare(&mut reader, &frame_of(HeaderEncoding::Json, header.as_bytes(), b""));
                compare(&mut reader, &frame_of(HeaderEncoding::Json, header.replace(old, new).as_bytes(), b"{}"));
            }
        }
    }
}

#[test]
fn no_single_changed_missing_or_added_byte_is_overlooked() {
    const BYTES: &[u8] = b"\0\x01\x05\x1f \"\\,:09-+.eE{}[]nt\x7f\x80\xc3\xff";
    for encoding in BOTH {
        for sample in [stored(1234, encoding), refused(12, encoding)] {
            let header = &frame(&sample)[8..];
            let mut reader = taught(encoding);
            compare(&mut reader, &frame(&refused(7, encoding)));
            compare(&mut reader, &frame(&refused(8, encoding)));
            for at in 0..=header.len() {
                for &byte in BYTES {
                    let (before, behind) = header.split_at(at);
                    let behind_one = behind.get(1..).unwrap_or_default();
                    for changed in [[before, &[byte], behind_one], [before, &[byte], behind], [before, b"", behind_one]]
                    {
                        compare(&mut reader, &frame_of(encoding, &changed.concat(), b"xy"));
                    }
                }
                // So that no damage becomes what is known.
                compare(&mut reader, &frame(&sample));
            }
        }
    }
}

#[test]
fn a_peer_that_never_says_the_same_twice_is_not_learnt_from_for_ever() {
    let mut reader = AnswerReader::default();
    for code in 0..1000 {
        compare(&mut reader, &frame(&RemotingCommand::response(ResponseCode(code))));
    }
    let newest = reader.known[0].command().code();
    compare(&mut reader, &frame(&RemotingCommand::response(ResponseCode(5000))));
    assert_eq!(reader.known[0].command().code(), newest, "only one in many is looked at");
}

#[test]
fn a_new_kind_now_and_then_is_always_learnt_from_and_never_drives_the_usual_one_away() {
    let mut reader = taught(HeaderEncoding::Json);
    for code in 100..200 {
        compare(&mut reader, &frame(&RemotingCommand::response(ResponseCode(code))));
        assert_eq!(reader.known[0].command().code(), code);
        for n in 0..5 {
            let answer = compare(&mut reader, &frame(&stored(n, HeaderEncoding::Json))).expect("an answer");
            assert!(answer.is_known(), "{code}: {answer:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_answers_is_read_as_by_a_full_parse(
        answers in vec(answer(), 1..16),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut frames: Vec<BytesMut> = answers.iter().map(frame).collect();
        for (which, at, byte) in damage {
            let frame = &mut frames[which.index(answers.len())];
            let at = 8 + at.index(frame.len() - 8);
            frame[at] = byte;
        }
        let mut reader = AnswerReader::default();
        for frame in &frames {
            compare(&mut reader, frame);
        }
        for frame in &frames {
            compare(&mut reader, frame);
        }
    }

    #[test]
    fn damage_that_leaves_the_length_is_not_overlooked(
        binary in any::<bool>(),
        n in 0..2_000_000_u32,
        damage in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'7')]), 1..5),
    ) {
        let encoding = BOTH[usize::from(binary)];
        let mut reader = taught(encoding);
        let whole = frame(&stored(n, encoding));
        compare(&mut reader, &whole);
        compare(&mut reader, &whole);
        let mut header = whole[8..].to_vec();
        for (at, byte) in damage {
            let at = at.index(header.len());
            header[at] = byte;
            compare(&mut reader, &frame_of(encoding, &header, b""));
            compare(&mut reader, &whole);
        }
    }

    #[test]
    fn any_header_is_read_as_by_a_full_parse(binary in any::<bool>(), headers in vec(vec(any::<u8>(), 0..120), 1..5)) {
        let mut reader = AnswerReader::default();
        let encoding = BOTH[usize::from(binary)];
        for header in &headers {
            compare(&mut reader, &frame_of(encoding, header, b""));
        }
    }
}

prop_compose! {
    /// Answers of few shapes with values of many kinds.
    fn answer()(
        binary in any::<bool>(),
        code in 0..3_i32,
        opaque in prop_oneof![any::<i32>(), 0..20_i32],
        remark in proptest::option::weighted(0.2, value()),
        names in prop_oneof![Just(vec!["msgId", "queueId", "queueOffset"]), Just(vec!["msgId"]), Just(vec![])],
        values in [value(), value(), value()],
        body in 0_usize..4,
    ) -> RemotingCommand {
        let mut command = RemotingCommand::response(ResponseCode(code)).with_encoding(BOTH[usize::from(binary)]);
        command.set_opaque(opaque);
        if let Some(remark) = remark {
            command = command.with_remark(remark);
        }
        for (name, value) in names.into_iter().zip(values) {
            command = command.with_field(name, value);
        }
        command.with_body(vec![0; body])
    }
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[0-9A-F]{1,40}", 2 => "[0-9]{1,3}", 1 => "[ -~]{0,20}", 1 => ".{0,20}", 1 => r#"[\x00-\x7f"\\]{0,12}"#]
}
