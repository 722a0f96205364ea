//! The codec floor: a blocking socket, every request written with its own opaque, id and time, every answer read; nothing else.
//!
//! No client can cost less without leaving something out: there is no matching of answers to callers, no deadline, no task. It shares no
//! code with the client, so that a slip there does not lower the floor as well.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

use crate::contestant::{Contestant, Latencies};
use crate::message::{BROKER, GROUP, TOPIC, body};

pub(crate) struct CodecFloor {
    stream: TcpStream,
    /// The header in pieces; between them queue, born time, id and opaque.
    pieces: [String; 5],
    body: bytes::Bytes,
    out: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    skeleton: Skeleton,
    next: u32,
}

impl CodecFloor {
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("{address} cannot be reached"))?;
        stream.set_nodelay(true)?;
        let pieces = [
            format!(r#"{{"code":310,"extFields":{{"a":"{GROUP}","b":"{TOPIC}","c":"TBW102","d":"4","e":""#),
            r#"","f":"0","g":""#.to_owned(),
            r#"","h":"0","i":"UNIQ_KEY\u00017F0000010000000018B4AAC2"#.to_owned(),
            format!(r#"\u0002","j":"0","k":"false","m":"false","n":"{BROKER}"}},"flag":0,"language":"RUST","opaque":"#),
            r#","serializeTypeCurrentRPC":"JSON","version":513}"#.to_owned(),
        ];
        Ok(Self {
            stream,
            pieces,
            body: body(),
            out: Vec::new(),
            input: vec![0; 256 * 1024],
            filled: 0,
            skeleton: Skeleton::default(),
            next: 0,
        })
    }

    fn encode(&mut self) {
        self.next = self.next.wrapping_add(1) & 0x7FFF_FFFF;
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 8]);
        let out = &mut self.out;
        out.extend_from_slice(self.pieces[0].as_bytes());
        decimal(out, u64::from(self.next % 8));
        out.extend_from_slice(self.pieces[1].as_bytes());
        decimal(out, now_millis());
        out.extend_from_slice(self.pieces[2].as_bytes());
        hexadecimal(out, self.next);
        out.extend_from_slice(self.pieces[3].as_bytes());
        decimal(out, u64::from(self.next));
        out.extend_from_slice(self.pieces[4].as_bytes());
        let header = u32::try_from(out.len() - start - 8).unwrap_or_default();
        out.extend_from_slice(&self.body);
        let length = u32::try_from(out.len() - start - 4).unwrap_or_default();
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        out[start + 4..start + 8].copy_from_slice(&header.to_be_bytes());
    }

    /// Reads at least one answer; returns how many.
    fn answers(&mut self) -> anyhow::Result<u64> {
        let mut answers = 0;
        while answers == 0 {
            let read = self.stream.read(&mut self.input[self.filled..])?;
            ensure!(read > 0, "the broker closed the connection");
            self.filled += read;
            let mut at = 0;
            while let Some(length) = self.input[at..self.filled].first_chunk().map(|word| u32::from_be_bytes(*word)) {
                let end = at + 4 + length as usize;
                if end > self.filled {
                    break;
                }
                let offset = self.skeleton.read(&self.input[at + 8..end]).context("no answer to a send")?;
                std::hint::black_box(offset);
                at = end;
                answers += 1;
            }
            self.input.copy_within(at..self.filled, 0);
            self.filled -= at;
        }
        Ok(answers)
    }
}

impl Contestant for CodecFloor {
    /// A window: as many requests are written at once as answers came in.
    fn run(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        let (mut sent, mut answered) = (0, 0);
        let mut timed: Option<(u64, Instant)> = None;
        while answered < messages {
            while sent < messages && sent - answered < in_flight as u64 {
                if timed.is_none() && sent % Latencies::every(in_flight) == 0 {
                    timed = Some((sent, Instant::now()));
                }
                self.encode();
                sent += 1;
            }
            self.stream.write_all(&self.out)?;
            self.out.clear();
            answered += self.answers()?;
            if let Some((_, started)) = timed.take_if(|(number, _)| answered > *number) {
                latencies.add(started.elapsed());
            }
        }
        Ok(latencies)
    }
}

/// The constant pieces of an answer, found once; an answer that differs in them is an error here.
#[derive(Default)]
struct Skeleton {
    pieces: Vec<Vec<u8>>,
}

/// The values that a send result is made of.
#[derive(Default)]
struct Reply {
    queue_id: u64,
    queue_offset: u64,
    opaque: u64,
    transaction_id: [u8; 32],
    message_id: [u8; 32],
}

impl Skeleton {
    fn read(&mut self, header: &[u8]) -> Option<Reply> {
        if self.pieces.is_empty() {
            self.learn(header)?;
        }
        let [a, b, c, d, e, f] = self.pieces.first_chunk()?;
        let mut reply = Reply::default();
        let rest = number(header.strip_prefix(&a[..])?, &mut reply.queue_id)?;
        let rest = text(rest.strip_prefix(&b[..])?, &mut reply.transaction_id)?;
        let rest = text(rest.strip_prefix(&c[..])?, &mut reply.message_id)?;
        let rest = number(rest.strip_prefix(&d[..])?, &mut reply.queue_offset)?;
        let rest = number(rest.strip_prefix(&e[..])?, &mut reply.opaque)?;
        (rest == &f[..]).then_some(reply)
    }

    fn learn(&mut self, header: &[u8]) -> Option<()> {
        let header = std::str::from_utf8(header).ok()?;
        let mut from = 0;
        for name in ["\"queueId\":\"", "\"transactionId\":\"", "\"msgId\":\"", "\"queueOffset\":\"", "\"opaque\":"] {
            let at = from + header[from..].find(name)? + name.len();
            self.pieces.push(header[from..at].into());
            from = at + header[at..].find(['"', ','])?;
        }
        self.pieces.push(header[from..].into());
        Some(())
    }
}

fn number<'a>(text: &'a [u8], value: &mut u64) -> Option<&'a [u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *value = text[..digits].iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (digits > 0).then(|| &text[digits..])
}

fn text<'a>(text: &'a [u8], value: &mut [u8; 32]) -> Option<&'a [u8]> {
    *value = *text.first_chunk()?;
    let odd = value
        .iter()
        .fold(false, |odd, byte| odd | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\') | (*byte > b'~'));
    (!odd).then(|| &text[32..])
}

fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b"0123456789"[(value % 10) as usize];
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

fn hexadecimal(out: &mut Vec<u8>, value: u32) {
    let mut digits = [0; 8];
    for (at, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789ABCDEF"[(value >> (28 - 4 * at) & 15) as usize];
    }
    out.extend_from_slice(&digits);
}

fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * 1000 + u64::from(since.subsec_millis())
}
