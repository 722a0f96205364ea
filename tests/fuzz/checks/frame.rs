//! What must hold when any bytes are read as frames.
//!
//! Reading never panics, never depends on how the bytes were cut up on their way, and never reserves what a length merely claims.
//! What was read can be written again, in both header encodings, and reads back as the same.

use bytes::{BufMut as _, BytesMut};
use rmq_remoting::{FrameCodec, FrameError, HeaderEncoding, RemotingCommand};
use tokio_util::codec::{Decoder as _, Encoder as _};

/// What the bytes are taken for.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// The header of one frame, in the encoding of this number.
    #[allow(dead_code, reason = "each fuzz target uses one of the two")]
    Header(u8),
    /// Everything that comes over a connection.
    #[allow(dead_code, reason = "each fuzz target uses one of the two")]
    Stream,
}

pub(crate) fn check(input: Input, bytes: &[u8]) {
    let stream = match input {
        Input::Stream => bytes.to_vec(),
        Input::Header(encoding) => frame(encoding, bytes),
    };
    let whole = read(&stream, stream.len());
    for piece in [1, 5] {
        assert_eq!(read(&stream, piece), whole, "read in pieces of {piece}");
    }
    for command in &whole.0 {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            write_and_read(command, encoding);
        }
    }
}

/// A frame around the header, with a body of two bytes; lengths are those of the bytes.
fn frame(encoding: u8, header: &[u8]) -> Vec<u8> {
    let header = &header[..header.len().min(1 << 20)];
    let length = u32::try_from(header.len()).expect("cut above");
    let mut frame = Vec::with_capacity(header.len() + 10);
    frame.put_u32(length + 6);
    frame.put_u32(length | u32::from(encoding) << 24);
    frame.put_slice(header);
    frame.put_slice(b"{}");
    frame
}

/// Commands and the error that ended them, when the stream arrives in pieces of this many bytes.
fn read(stream: &[u8], piece: usize) -> (Vec<RemotingCommand>, Option<FrameError>) {
    let mut codec = FrameCodec::default();
    let mut buffer = BytesMut::new();
    let mut commands = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(command)) => commands.push(command),
                Ok(None) => break,
                Err(error) => return (commands, Some(error)),
            }
        }
        assert!(
            buffer.capacity() <= 2 * stream.len() + 64,
            "{} bytes reserved for {}",
            buffer.capacity(),
            stream.len()
        );
    }
    (commands, codec.decode_eof(&mut buffer).err())
}

/// The command after a way over the wire; None where this encoding cannot carry it (a number, a name, a text that grew over a limit).
fn sent(command: &RemotingCommand) -> Option<RemotingCommand> {
    let mut wire = BytesMut::from("before");
    if FrameCodec::default().encode(command, &mut wire).is_err() {
        assert_eq!(wire, "before", "a frame is written whole or not at all");
        return None;
    }
    let (mut commands, error) = read(&wire["before".len()..], wire.len());
    assert_eq!((commands.len(), error), (1, None), "{command:?} was written as {wire:?}");
    commands.pop()
}

/// Nothing gets lost in the encoding that it came in; the other one may not know an empty map from none, or have no name for a language.
fn write_and_read(command: &RemotingCommand, encoding: HeaderEncoding) {
    let Some(arrived) = sent(&command.clone().with_encoding(encoding)) else { return };
    if encoding == command.encoding() {
        assert_eq!(arrived, *command);
    }
    assert_eq!(told(&arrived), told(command));
    assert_eq!(sent(&arrived).as_ref(), Some(&arrived), "a second way changes nothing more");
}

/// What every encoding carries; to the binary one an empty text is as good as none.
fn told(command: &RemotingCommand) -> impl PartialEq + std::fmt::Debug {
    let mut fields: Vec<_> = command.ext_fields().into_iter().flat_map(|fields| fields.iter()).collect();
    fields.retain(|(_, value)| !value.is_empty());
    fields.sort_unstable();
    (command.code(), command.flag(), command.opaque(), command.remark().unwrap_or_default(), fields, command.body())
}
