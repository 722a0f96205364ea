//! A broker and name server that does nothing, as a process of its own: what is left is the client.
//!
//! It blocks on one thread per connection, finds code and opaque in every request it has read, and answers them all with one write. A route
//! names itself, with [`QUEUES`] queues for every topic; a send is answered as by a broker of 5.x; all else by an empty success.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::Context as _;

/// What it does beside that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    /// Answers requests with binary headers in binary too, which brokers of 5.x do not.
    pub(crate) binary: bool,
    /// Reads sends and answers none.
    pub(crate) silent: bool,
}

/// Listens on a free port, says which on standard output, and serves until it is killed.
pub(crate) fn run(habits: Habits) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    println!("{}", listener.local_addr()?);
    let port = listener.local_addr()?.port();
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream, port, habits));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, port: u16, habits: Habits) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut input = vec![0; 256 * 1024];
    let (mut filled, mut offset) = (0, 0_u64);
    let mut output = Vec::new();
    loop {
        let read = stream.read(input.get_mut(filled..)?).ok().filter(|read| *read > 0)?;
        filled += read;
        let mut at = 0;
        while let Some(frame) = whole_frame(&input[at..filled]) {
            offset += 1;
            answer(frame, port, offset, habits, &mut output)?;
            at += frame.len();
        }
        input.copy_within(at..filled, 0);
        filled -= at;
        if filled == input.len() {
            input.resize(filled * 2, 0);
        }
        stream.write_all(&output).ok()?;
        output.clear();
    }
}

/// The first frame, length word included, if all of it is there.
fn whole_frame(input: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes(*input.first_chunk()?);
    input.get(..usize::try_from(length).ok()?.checked_add(4)?)
}

fn answer(frame: &[u8], port: u16, offset: u64, habits: Habits, output: &mut Vec<u8>) -> Option<()> {
    let [encoding, a, b, c] = *frame[4..].first_chunk()?;
    let header = frame.get(8..8 + usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?)?;
    let request = if encoding == 0 { json_request(header)? } else { binary_request(header)? };
    if request.oneway {
        return Some(());
    }
    match request.code {
        GET_ROUTE => put_json(output, request.opaque, "", &route(port)),
        SEND | SEND_V2 if habits.silent => {}
        SEND | SEND_V2 if encoding == 1 && habits.binary => put_binary(output, request, offset),
        SEND | SEND_V2 => {
            let fields = format!(
                r#""extFields":{{"queueId":"{}","transactionId":"7F00000100002A9F{offset:016X}","TRACE_ON":"true","MSG_REGION":"DefaultRegion","msgId":"7F00000100002A9F{:016X}","queueOffset":"{offset}"}},"#,
                request.queue_id,
                offset * 231,
            );
            put_json(output, request.opaque, &fields, "");
        }
        _ => put_json(output, request.opaque, "", ""),
    }
    Some(())
}

#[derive(Clone, Copy)]
struct Request {
    code: i64,
    opaque: i64,
    oneway: bool,
    queue_id: i64,
}

/// Reads the members that matter by their names; no text value can hold such a name, since quotes are escaped.
fn json_request(header: &[u8]) -> Option<Request> {
    Some(Request {
        code: number_behind(header, b"\"code\":")?,
        // Both are near the end.
        opaque: last_number_behind(header, b"\"opaque\":")?,
        oneway: last_number_behind(header, b"\"flag\":")? & 2 != 0,
        queue_id: number_behind(header, b"\"e\":\"").unwrap_or_default(),
    })
}

fn number_behind(header: &[u8], name: &[u8]) -> Option<i64> {
    number(&header[header.windows(name.len()).position(|window| window == name)? + name.len()..])
}

fn last_number_behind(header: &[u8], name: &[u8]) -> Option<i64> {
    number(&header[header.windows(name.len()).rposition(|window| window == name)? + name.len()..])
}

fn number(text: &[u8]) -> Option<i64> {
    let digits = text.split(|byte| !byte.is_ascii_digit() && *byte != b'-').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn binary_request(header: &[u8]) -> Option<Request> {
    Some(Request {
        code: i16::from_be_bytes(*header.first_chunk()?).into(),
        opaque: i32::from_be_bytes(*header.get(5..)?.first_chunk()?).into(),
        oneway: i32::from_be_bytes(*header.get(9..)?.first_chunk()?) & 2 != 0,
        queue_id: 0,
    })
}

fn put_json(output: &mut Vec<u8>, opaque: i64, fields: &str, body: &str) {
    let header = format!(
        r#"{{"code":0,{fields}"flag":1,"language":"JAVA","opaque":{opaque},"serializeTypeCurrentRPC":"JSON","version":513}}"#
    );
    put_frame(output, 0, header.as_bytes(), body.as_bytes());
}

fn put_binary(output: &mut Vec<u8>, request: Request, offset: u64) {
    let mut entries = Vec::new();
    let fields = [
        ("queueId", request.queue_id.to_string()),
        ("transactionId", format!("7F00000100002A9F{offset:016X}")),
        ("TRACE_ON", "true".to_owned()),
        ("MSG_REGION", "DefaultRegion".to_owned()),
        ("msgId", format!("7F00000100002A9F{:016X}", offset * 231)),
        ("queueOffset", offset.to_string()),
    ];
    for (name, value) in fields {
        entries.extend(u16::try_from(name.len()).unwrap_or_default().to_be_bytes());
        entries.extend(name.as_bytes());
        entries.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
        entries.extend(value.as_bytes());
    }
    let mut header = vec![0, 0, 0, 2, 1]; // success, Java, 5.5.0
    header.extend(i32::try_from(request.opaque).unwrap_or_default().to_be_bytes());
    header.extend(1_i32.to_be_bytes());
    header.extend(0_i32.to_be_bytes());
    header.extend(u32::try_from(entries.len()).unwrap_or_default().to_be_bytes());
    header.extend(entries);
    put_frame(output, 1, &header, b"");
}

fn put_frame(output: &mut Vec<u8>, encoding: u8, header: &[u8], body: &[u8]) {
    let length = u32::try_from(4 + header.len() + body.len()).unwrap_or_default();
    let [_, a, b, c] = u32::try_from(header.len()).unwrap_or_default().to_be_bytes();
    output.extend(length.to_be_bytes());
    output.extend([encoding, a, b, c]);
    output.extend(header);
    output.extend(body);
}

fn route(port: u16) -> String {
    format!(
        r#"{{"brokerDatas":[{{"brokerAddrs":{{"0":"127.0.0.1:{port}"}},"brokerName":"null-broker","cluster":"null"}}],"filterServerTable":{{}},"queueDatas":[{{"brokerName":"null-broker","perm":6,"readQueueNums":{QUEUES},"topicSysFlag":0,"writeQueueNums":{QUEUES}}}]}}"#
    )
}

const QUEUES: u32 = 8;
const SEND: i64 = 10;
const SEND_V2: i64 = 310;
const GET_ROUTE: i64 = 105;

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use rmq_remoting::{HeaderEncoding, RemotingCommand, RequestCode};

    use super::*;

    #[test]
    fn every_request_is_answered_with_its_own_opaque_in_the_right_encoding() {
        for (encoding, binary) in
            [(HeaderEncoding::Json, true), (HeaderEncoding::Rocketmq, true), (HeaderEncoding::Rocketmq, false)]
        {
            let mut request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
                .with_encoding(encoding)
                .with_field("i", "\"opaque\":9 \"flag\":2")
                .with_field("e", "3")
                .with_body("body");
            request.set_opaque(77);
            let mut codec = rmq_remoting::FrameCodec::default();
            let mut wire = BytesMut::new();
            tokio_util::codec::Encoder::encode(&mut codec, &request, &mut wire).unwrap();
            let mut output = Vec::new();
            let habits = Habits { binary, silent: false };
            assert_eq!(whole_frame(&wire[..wire.len() - 1]), None);
            answer(whole_frame(&wire).unwrap(), 1234, 9, habits, &mut output).unwrap();
            let mut output = BytesMut::from(&output[..]);
            let answer = tokio_util::codec::Decoder::decode(&mut codec, &mut output).unwrap().unwrap();
            assert!(answer.is_success() && output.is_empty());
            assert_eq!((answer.opaque(), answer.field("queueOffset")), (77, Some("9")));
            assert_eq!(answer.encoding(), if binary { encoding } else { HeaderEncoding::Json });
        }
    }
}
