//! The little HTTP that an address service needs: one GET of HTTP/1.1, and the body of its answer.
//!
//! Every length is bounded before anything is kept: 16 KiB of head, 64 KiB of body, and the caller's time limit around it all.

use std::io;

use rmq_remoting::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Why a web server gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// It could not be reached.
    #[error("{addr} cannot be reached")]
    Connect {
        /// The address dialled.
        addr: Endpoint,
        /// What the operating system or the connector said.
        #[source]
        source: io::Error,
    },
    /// The connection broke, or ended within the answer.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// It answered something else than 200.
    #[error("it answered {status}")]
    Status {
        /// The status code.
        status: u16,
    },
    /// What it sent is no HTTP.
    #[error("its answer is no HTTP: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// It sends more than a list of name servers can be.
    #[error("its answer is too long: more than {limit} bytes of {part}")]
    TooLong {
        /// Head or body.
        part: &'static str,
        /// How much is read.
        limit: usize,
    },
}

/// Asks for `path` and returns the body of a 200.
pub(super) async fn get<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    authority: &str,
    path: &str,
) -> Result<Vec<u8>, HttpError> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: rmq-producer/{}\r\nAccept: text/plain, */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut input = Input { stream, read: Vec::new() };
    let head = loop {
        let head = input.head().await?;
        // Interim answers announce the real one.
        if !(100..200).contains(&head.status) {
            break head;
        }
    };
    if head.status != 200 {
        return Err(HttpError::Status { status: head.status });
    }
    match head.body {
        Body::Length(length) if length > MAX_BODY => Err(HttpError::TooLong { part: "body", limit: MAX_BODY }),
        Body::Length(length) => input.exactly(length).await,
        Body::Chunked => input.chunks().await,
        Body::UntilClose => input.rest().await,
    }
}

struct Head {
    status: u16,
    body: Body,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    UntilClose,
}

/// What has come, and what is still to come.
struct Input<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Input<S> {
    async fn head(&mut self) -> Result<Head, HttpError> {
        let mut lines = Vec::new();
        let mut left = MAX_HEAD;
        loop {
            let line = self.line("head", left).await?;
            left = left.saturating_sub(line.len() + 1);
            if line.is_empty() {
                return parse(&lines);
            }
            lines.push(line);
        }
    }

    /// Reads to the next line end, of at most `limit` bytes.
    async fn line(&mut self, part: &'static str, limit: usize) -> Result<String, HttpError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                if end > limit {
                    return Err(HttpError::TooLong { part, limit: MAX_HEAD });
                }
                let line: Vec<u8> = self.read.drain(..=end).collect();
                let line =
                    String::from_utf8(line).map_err(|_| HttpError::Malformed { what: "bytes that are no text" })?;
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.read.len() > limit {
                return Err(HttpError::TooLong { part, limit: MAX_HEAD });
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, HttpError> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        loop {
            let line = self.line("chunk head", MAX_CHUNK_HEAD).await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let malformed = HttpError::Malformed { what: "a chunk without a size" };
            if size.is_empty() || size.len() > 8 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(malformed);
            }
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed)?;
            if size == 0 {
                return Ok(body); // What follows, trailers and the line's end, is nobody's business: it is closed.
            }
            if size > MAX_BODY - body.len() {
                return Err(HttpError::TooLong { part: "body", limit: MAX_BODY });
            }
            body.extend(self.exactly(size).await?);
            if !self.line("chunk", MAX_CHUNK_HEAD).await?.is_empty() {
                return Err(HttpError::Malformed { what: "a chunk longer than its size" });
            }
        }
    }

    async fn rest(&mut self) -> Result<Vec<u8>, HttpError> {
        while self.read.len() <= MAX_BODY {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(std::mem::take(&mut self.read));
            }
        }
        Err(HttpError::TooLong { part: "body", limit: MAX_BODY })
    }

    async fn more(&mut self) -> Result<(), HttpError> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(HttpError::Io(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }
}

fn parse(lines: &[String]) -> Result<Head, HttpError> {
    let malformed = |what| HttpError::Malformed { what };
    let (status_line, fields) = lines.split_first().ok_or_else(|| malformed("no status line"))?;
    let mut words = status_line.split(' ');
    if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Err(malformed("no status line of HTTP/1"));
    }
    let status = words.next().filter(|word| word.len() == 3).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| malformed("no status"))?;
    let mut body = Body::UntilClose;
    for field in fields {
        let (name, value) = field.split_once(':').ok_or_else(|| malformed("a header line without a colon"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(malformed("a transfer encoding that was not asked for"));
            }
            body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("content-length") && body != Body::Chunked {
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let length = if digits { value.parse().unwrap_or(usize::MAX) } else { usize::MAX };
            if !digits || matches!(body, Body::Length(other) if other != length) {
                return Err(malformed("a content length that is no number, or two of them"));
            }
            body = Body::Length(length);
        }
    }
    Ok(Head { status, body })
}

const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 64 * 1024;
const MAX_CHUNK_HEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks a server that answers this, cut into pieces of so many bytes, and then closes.
    async fn ask_in_pieces(answer: &[u8], piece: usize) -> Result<String, HttpError> {
        let (ours, mut theirs) = tokio::io::duplex(piece.max(1024));
        let serve = async move {
            let mut request = [0; 1024];
            let read = theirs.read(&mut request).await.expect("a request");
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            for part in answer.chunks(piece) {
                if theirs.write_all(part).await.is_err() {
                    break; // the client has seen enough
                }
                tokio::task::yield_now().await;
            }
            request
        };
        let (body, request) = tokio::join!(get(ours, "h:1", "/x?y"), serve);
        assert!(request.starts_with("GET /x?y HTTP/1.1\r\nHost: h:1\r\n"), "{request}");
        assert!(request.ends_with("Connection: close\r\n\r\n"), "{request}");
        body.map(|body| String::from_utf8(body).expect("text"))
    }

    async fn ask(answer: &[u8]) -> Result<String, HttpError> {
        ask_in_pieces(answer, 4096).await
    }

    const ANSWERS: [&[u8]; 6] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\na:1;b:2",
        b"HTTP/1.0 200 OK\r\n\r\na:1;b:2",
        b"HTTP/1.1 200\nserver: x\n\na:1;b:2",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;name=\"v\"\r\na:1;\r\n3\r\nb:2\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: Chunked\r\n\r\n07\r\na:1;b:2\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\na:1;b:2 and more",
    ];

    #[tokio::test]
    async fn bodies_of_every_kind_are_read_whole_however_they_come() {
        for answer in ANSWERS {
            for piece in [1, 2, 3, 7, 4096] {
                let body = ask_in_pieces(answer, piece).await;
                assert_eq!(body.expect("a body"), "a:1;b:2", "{}", String::from_utf8_lossy(answer));
            }
        }
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_none_unless_its_end_is_the_end_of_the_line() {
        for (n, answer) in ANSWERS.iter().enumerate() {
            let head = answer.windows(7).position(|part| part == b"a:1;b:2" || part == b"a:1;\r\n3").expect("a body");
            for cut in 0..answer.len() {
                let outcome = ask(&answer[..cut]).await;
                let until_close = matches!(n, 1 | 2) && cut >= head;
                let whole = matches!(outcome.as_deref(), Ok("a:1;b:2"));
                assert!(outcome.is_err() || whole || until_close, "{n} cut at {cut}: {outcome:?}");
            }
        }
    }

    #[tokio::test]
    async fn another_status_is_told() {
        for status in [204, 301, 404, 500] {
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
            let outcome = ask(answer.as_bytes()).await;
            assert!(matches!(outcome, Err(HttpError::Status { status: told }) if told == status), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_http_is_refused() {
        for answer in [
            "\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        ] {
            let outcome = ask(answer.as_bytes()).await;
            assert!(matches!(outcome, Err(HttpError::Malformed { .. })), "{answer:?}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn more_than_a_list_can_be_is_not_kept() {
        let long = "x".repeat(MAX_BODY + 1);
        let header = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(MAX_HEAD));
        let endless = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEAD));
        for answer in [
            format!("HTTP/1.1 200 OK\r\n\r\n{long}"),
            "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned(),
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n{long}\r\n0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n".to_owned(),
            header,
            endless,
        ] {
            let outcome = ask(answer.as_bytes()).await;
            assert!(matches!(outcome, Err(HttpError::TooLong { .. })), "{}…: {outcome:?}", &answer[..40]);
        }
    }
}
