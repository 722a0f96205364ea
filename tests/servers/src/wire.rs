//! Wire: one question to a server, one answer, in the bare frames of the remoting protocol.
//!
//! Just enough to see whether a server serves, and by intent not the client under test. A frame is: length of the rest (4
//! bytes), length of the header (3 bytes after one byte that says JSON), header, body.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Deserialize;

/// GET_ROUTEINFO_BY_TOPIC, answered by name servers.
const GET_ROUTE: i32 = 105;
/// GET_BROKER_RUNTIME_INFO, answered by brokers.
const RUNTIME_INFO: i32 = 28;
/// TOPIC_NOT_EXIST.
const NO_SUCH_TOPIC: i32 = 17;

const DIAL: Duration = Duration::from_secs(2);
const WAIT: Duration = Duration::from_secs(5);
/// No answer that we ask for is longer.
const LONGEST: usize = 8 * 1024 * 1024;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) remark: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// The route of the topic as the name server writes it, in whatever dialect; `None` if there is none.
pub(crate) fn route(name_server: SocketAddr, topic: &str) -> Result<Option<String>> {
    let answer = ask(name_server, GET_ROUTE, &serde_json::json!({ "topic": topic }))?;
    match answer.code {
        0 => Ok(Some(String::from_utf8_lossy(&answer.body).into_owned())),
        NO_SUCH_TOPIC => Ok(None),
        code => Err(Error::other(format!("code {code}: {}", answer.remark.unwrap_or_default()))),
    }
}

/// Whether the broker answers at all; what it says does not matter.
pub(crate) fn broker_answers(broker: SocketAddr) -> bool {
    ask(broker, RUNTIME_INFO, &serde_json::json!({})).is_ok()
}

/// Whether the port is open, whoever speaks what there.
pub(crate) fn listens(server: SocketAddr) -> Result<bool> {
    TcpStream::connect_timeout(&server, DIAL).map(|_| true)
}

fn ask(server: SocketAddr, code: i32, fields: &serde_json::Value) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&server, DIAL)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    stream.write_all(&frame(code, fields))?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(Error::other)?;
    if !(4..=LONGEST).contains(&length) {
        return Err(Error::new(ErrorKind::InvalidData, format!("an answer of {length} bytes")));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest)?;
    parse(&rest)
}

fn frame(code: i32, fields: &serde_json::Value) -> Vec<u8> {
    let header = serde_json::json!({
        "code": code, "flag": 0, "language": "JAVA", "opaque": 1, "serializeTypeCurrentRPC": "JSON", "version": 395,
        "extFields": fields,
    });
    let header = header.to_string();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    // the header is far below 2^24 bytes, so its first length byte stays 0, which means JSON
    [&length(header.len() + 4)[..], &length(header.len())[..], header.as_bytes()].concat()
}

/// Reads what follows the first length word.
fn parse(rest: &[u8]) -> Result<Answer> {
    #[derive(Deserialize)]
    struct Header {
        code: i32,
        remark: Option<String>,
    }
    let cut = || Error::new(ErrorKind::InvalidData, "a header longer than its frame, or not in JSON");
    let (word, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    // a header that is not JSON has its kind in the first byte and is therefore too long as well
    let header_length = usize::try_from(u32::from_be_bytes(*word)).map_err(Error::other)?;
    let (header, body) = rest.split_at_checked(header_length).ok_or_else(cut)?;
    let header: Header = serde_json::from_slice(header)?;
    Ok(Answer { code: header.code, remark: header.remark, body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that answers one frame with these bytes and says what it was asked.
    fn serve_once(answer: Vec<u8>) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("a length word");
            let mut asked = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("a length")];
            stream.read_exact(&mut asked).expect("the rest of the frame");
            stream.write_all(&answer).expect("the caller listens");
            String::from_utf8_lossy(&asked[4..]).into_owned()
        });
        (address, server)
    }

    fn answer(header: &str, body: &[u8]) -> Vec<u8> {
        let word = |length: usize| u32::try_from(length).expect("short").to_be_bytes();
        [&word(4 + header.len() + body.len())[..], &word(header.len())[..], header.as_bytes(), body].concat()
    }

    #[test]
    fn a_route_is_given_as_the_name_server_writes_it() {
        let loose = "{\"brokerDatas\":[{\"brokerAddrs\":{0:\"127.0.0.1:1\"}}]}";
        let (address, server) = serve_once(answer("{\"code\":0,\"flag\":1,\"opaque\":1}", loose.as_bytes()));
        assert_eq!(route(address, "TBW102").unwrap().as_deref(), Some(loose));
        let asked: serde_json::Value = serde_json::from_str(&server.join().unwrap()).unwrap();
        assert_eq!((&asked["code"], &asked["extFields"]["topic"]), (&105.into(), &"TBW102".into()));
    }

    #[test]
    fn an_unknown_topic_is_no_error_but_any_other_refusal_is() {
        let (address, _) = serve_once(answer("{\"code\":17,\"remark\":\"no route\"}", b""));
        assert_eq!(route(address, "t").unwrap(), None);
        let (address, _) = serve_once(answer("{\"code\":1,\"remark\":\"not ready\"}", b""));
        assert_eq!(route(address, "t").unwrap_err().to_string(), "code 1: not ready");
    }

    #[test]
    fn a_malformed_answer_is_an_error() {
        for bytes in [vec![0, 0, 0, 4, 0, 0, 9, 9], vec![0xff; 8], answer("{}", b""), vec![0, 0, 0, 5, 1, 0, 0, 1, 0]] {
            let (address, _) = serve_once(bytes);
            assert!(route(address, "t").is_err());
        }
    }

    #[test]
    fn a_broker_that_refuses_answers_and_a_closed_port_does_not() {
        let (address, server) = serve_once(answer("{\"code\":3,\"remark\":\"unsupported\"}", b""));
        assert!(broker_answers(address));
        server.join().unwrap();
        assert!(!broker_answers(address), "its listener is gone");
    }
}
