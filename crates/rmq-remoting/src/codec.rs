//! FrameCodec: commands as frames.
//!
//! ```text
//! length: i32 | encoding: u8 | header length: u24 | header | body        length = all that follows it
//! ```
//! Lengths are checked as soon as they are there and before anything is allocated for them; a body passes through as
//! [`Bytes`]. A frame is written whole or not at all. After an error nothing more is read: nobody knows where the next
//! frame would start, and an oversize frame is not worth reading to its end.

mod answers;
mod binary;
mod constant;
mod decimal;
mod digits;
mod foreign;
mod header_text;
mod hexadecimal;
mod json;
mod layout;
mod limits;
mod pen;
mod plain_text;
mod skeleton;
mod slate;
mod template;
mod values;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

pub(crate) use answers::{Alike, AnswerReader};
pub(crate) use digits::whole_number;
pub use header_text::{HeaderPiece, HeaderText};
pub use limits::FrameLimits;
pub(crate) use pen::Pen;
pub(crate) use skeleton::{Field, Skeleton};
pub(crate) use slate::Slate;
pub use template::{FieldValue, FilledRequest, OpenField, RequestTemplate};
pub(crate) use values::{Bounds, Room, Values};

use crate::{FrameError, HeaderEncoding, RemotingCommand};

/// Reads and writes commands on a byte stream, as an [`Encoder`] and [`Decoder`] of tokio-util.
///
/// Both header encodings are read whatever this side writes. After the first reading error every further one is the
/// same: the stream has to be closed.
///
/// ```
/// use bytes::BytesMut;
/// use rmq_remoting::{FrameCodec, RemotingCommand, RequestCode};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = FrameCodec::default();
/// let mut wire = BytesMut::new();
/// let request = RemotingCommand::request(RequestCode::HEART_BEAT).with_body("{}");
/// codec.encode(&request, &mut wire)?;
/// assert_eq!(codec.decode(&mut wire)?, Some(request));
/// # Ok::<(), rmq_remoting::FrameError>(())
/// ```
#[doc(alias = "NettyDecoder", alias = "NettyEncoder")]
#[derive(Debug, Clone, Default)]
pub struct FrameCodec {
    limits: FrameLimits,
    failed: Option<FrameError>,
}

impl FrameCodec {
    /// A codec with other than the default limits.
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, failed: None }
    }

    /// What this codec accepts and writes at most.
    pub fn limits(&self) -> &FrameLimits {
        &self.limits
    }

    fn fuse<T>(&mut self, result: Result<T, FrameError>) -> Result<T, FrameError> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }
}

impl Decoder for FrameCodec {
    type Item = RemotingCommand;
    type Error = FrameError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<RemotingCommand>, FrameError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = decode_frame(input, &self.limits);
        self.fuse(result)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<RemotingCommand>, FrameError> {
        match self.decode(input)? {
            None if !input.is_empty() => self.fuse(Err(FrameError::Truncated { received: input.len() })),
            command => Ok(command),
        }
    }
}

impl Encoder<&RemotingCommand> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, command: &RemotingCommand, out: &mut BytesMut) -> Result<(), FrameError> {
        let mut head = Vec::new();
        encode_head(command, command.opaque, &mut head, &self.limits)?;
        out.extend_from_slice(&head);
        out.extend_from_slice(&command.body);
        Ok(())
    }
}

impl Encoder<RemotingCommand> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, command: RemotingCommand, out: &mut BytesMut) -> Result<(), FrameError> {
        self.encode(&command, out)
    }
}

/// Appends everything of a frame but its body: length word to header, for a command that travels with `opaque` instead
/// of its own.
///
/// On an error `out` is as it was.
pub(crate) fn encode_head(
    command: &RemotingCommand,
    opaque: i32,
    out: &mut Vec<u8>,
    limits: &FrameLimits,
) -> Result<(), FrameError> {
    encode_head_with(command, command.flag, opaque, out, limits)
}

/// As [`encode_head`], with other flag bits than the command's own.
pub(crate) fn encode_head_with(
    command: &RemotingCommand,
    flag: i32,
    opaque: i32,
    out: &mut Vec<u8>,
    limits: &FrameLimits,
) -> Result<(), FrameError> {
    let text = command.remark.as_ref().map_or(0, String::len)
        + command.ext_fields.as_ref().map_or(0, |fields| fields.text_bytes());
    put_head(command.encoding, text, command.body.len(), out, limits, |out| match command.encoding {
        HeaderEncoding::Json => json::encode(command, &mut json::Own { flag, opaque }, out),
        HeaderEncoding::Rocketmq => binary::encode(command, &mut binary::Own { flag, opaque }, out),
    })
}

/// What a header writer leaves to others: the parts that differ from request to request.
trait Parts {
    fn flag(&mut self, out: &mut Vec<u8>);

    fn opaque(&mut self, out: &mut Vec<u8>);

    /// The value of the ext field `name`, with its quotes or length.
    fn value(&mut self, name: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FrameError>;

    /// The ext block of a binary header begins here, behind its length.
    fn block(&mut self, _: &mut Vec<u8>) {}
}

/// Appends length word, header length word and the header that `header` writes, which has at least `text` bytes, for a
/// frame with `body` bytes of body. On an error `out` is as it was.
#[inline]
fn put_head(
    encoding: HeaderEncoding,
    text: usize,
    body: usize,
    out: &mut Vec<u8>,
    limits: &FrameLimits,
    header: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    let start = out.len();
    // What certainly does not fit is refused before it is written.
    check_frame(HEAD + body, limits)?;
    let max_header = limits.max_header_bytes.min(MAX_HEADER);
    check_header(text, max_header)?;

    out.reserve(HEAD + text + ROOM);
    out.extend_from_slice(&[0; HEAD]);
    let written = header(out).and_then(|()| {
        let header = out.len() - start - HEAD;
        check_header(header, max_header)?;
        Ok((header, check_frame(HEAD + header + body, limits)?))
    });
    match written {
        Ok((header, length)) => {
            // At most three bytes, so that the fourth is free.
            let word = u32::try_from(header).unwrap_or(u32::MAX) | u32::from(type_byte(encoding)) << 24;
            let head = u64::from(length) << 32 | u64::from(word);
            if let Some(place) = out[start..].first_chunk_mut() {
                *place = head.to_be_bytes();
            }
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// The length word of a frame of `total` bytes.
#[inline]
fn check_frame(total: usize, limits: &FrameLimits) -> Result<u32, FrameError> {
    match u32::try_from(total - LENGTH_WORD) {
        Ok(length @ ..=MAX_LENGTH) if total <= limits.max_frame_bytes => Ok(length),
        _ => Err(FrameError::TooLarge { length: total as u64, limit: limits.max_frame_bytes }),
    }
}

#[inline]
fn check_header(length: usize, limit: usize) -> Result<(), FrameError> {
    if length > limit { Err(FrameError::HeaderTooLarge { length, limit }) } else { Ok(()) }
}

/// Takes the next frame off `input`. `None` = more bytes are needed; nothing is reserved for them. On an error `input`
/// is as it was.
pub(crate) fn decode_frame(input: &mut BytesMut, limits: &FrameLimits) -> Result<Option<RemotingCommand>, FrameError> {
    let Some(extent) = measure(input, limits)? else { return Ok(None) };
    let mut command = read_header(extent.encoding, &input[extent.header()], limits)?;
    command.body = take_body(input, extent);
    Ok(Some(command))
}

/// Where the parts of a whole frame are.
#[derive(Clone, Copy)]
struct Extent {
    encoding: HeaderEncoding,
    /// Bytes of the header.
    header: usize,
    /// Bytes of the frame, length word included.
    total: usize,
}

impl Extent {
    fn header(self) -> std::ops::Range<usize> {
        HEAD..HEAD + self.header
    }

    fn has_body(self) -> bool {
        self.total > HEAD + self.header
    }
}

/// Checks the lengths of the first frame of `input`; `None` = it is not whole yet.
#[inline]
fn measure(input: &[u8], limits: &FrameLimits) -> Result<Option<Extent>, FrameError> {
    let Some(first) = input.first_chunk::<LENGTH_WORD>() else { return Ok(None) };
    let length = i32::from_be_bytes(*first);
    let Ok(behind_length @ 4..) = usize::try_from(length) else {
        return Err(FrameError::BadLength { length });
    };
    let total = LENGTH_WORD.saturating_add(behind_length);
    if total > limits.max_frame_bytes {
        return Err(match foreign::protocol(*first) {
            Some(name) => FrameError::LooksLike(name),
            None => FrameError::TooLarge { length: total as u64, limit: limits.max_frame_bytes },
        });
    }

    let Some(&[encoding, high, middle, low]) = input[LENGTH_WORD..].first_chunk::<4>() else { return Ok(None) };
    let encoding = match encoding {
        JSON => HeaderEncoding::Json,
        ROCKETMQ => HeaderEncoding::Rocketmq,
        unknown => return Err(FrameError::UnknownEncoding(unknown)),
    };
    let header = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if header > total - HEAD {
        return Err(FrameError::HeaderOverrunsFrame { header, frame: total - HEAD });
    }
    check_header(header, limits.max_header_bytes)?;
    Ok((input.len() >= total).then_some(Extent { encoding, header, total }))
}

fn read_header(encoding: HeaderEncoding, header: &[u8], limits: &FrameLimits) -> Result<RemotingCommand, FrameError> {
    match encoding {
        HeaderEncoding::Json => json::decode(header, limits),
        HeaderEncoding::Rocketmq => binary::decode(header, limits),
    }
}

/// Takes a whole frame off `input` and returns its body.
#[inline]
fn take_body(input: &mut BytesMut, extent: Extent) -> Bytes {
    let body = extent.total - HEAD - extent.header;
    if body == 0 {
        input.advance(extent.total);
        Bytes::new()
    } else if body < SHARED_FROM {
        let copy = Bytes::copy_from_slice(&input[extent.total - body..extent.total]);
        input.advance(extent.total);
        copy
    } else {
        input.advance(extent.total - body);
        input.split_to(body).freeze()
    }
}

fn type_byte(encoding: HeaderEncoding) -> u8 {
    match encoding {
        HeaderEncoding::Json => JSON,
        HeaderEncoding::Rocketmq => ROCKETMQ,
    }
}

const JSON: u8 = 0;
const ROCKETMQ: u8 = 1;

/// Bytes of the length word.
const LENGTH_WORD: usize = 4;

/// Bytes of the length word and the header length word.
const HEAD: usize = 8;

/// The largest length that is a positive number for peers.
const MAX_LENGTH: u32 = i32::MAX.unsigned_abs();

/// The longest header that three bytes can announce.
const MAX_HEADER: usize = 0xFF_FFFF;

/// Bodies from this size on share the read buffer; smaller ones are copied, so that they do not keep it alive.
const SHARED_FROM: usize = 1024;

/// Room for what surrounds the text of a usual header.
const ROOM: usize = 256;

#[cfg(test)]
mod tests;
