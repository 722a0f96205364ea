//! What is wrong with a frame.
//!
//! Every error names a fact about the bytes and carries no borrowed data, so that one failure can be handed to every
//! caller of a connection.

use std::io;

/// A frame that cannot be read or written.
///
/// A reading error ends the connection it came from: after it nobody knows where the next frame starts. A writing
/// error leaves the output untouched, and the connection stays usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The whole frame, length word included, is larger than the limit.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the whole frame, length word included.
        length: u64,
        /// [`FrameLimits::max_frame_bytes`](crate::FrameLimits::max_frame_bytes).
        limit: usize,
    },
    /// The length word is negative or too small for a header length word.
    #[error("the frame length {length} is impossible")]
    BadLength {
        /// The length word as it was read.
        length: i32,
    },
    /// The first bytes are those of another protocol.
    #[error("the peer speaks {0}, not the remoting protocol")]
    LooksLike(&'static str),
    /// The type byte names no known header encoding.
    #[error("unknown header encoding {0}")]
    UnknownEncoding(u8),
    /// The header claims more bytes than its frame has.
    #[error("a header of {header} bytes does not fit into a frame of {frame}")]
    HeaderOverrunsFrame {
        /// Bytes of the header as the frame claims.
        header: usize,
        /// Bytes of the frame behind the header length word.
        frame: usize,
    },
    /// The header is larger than the limit.
    #[error("a header of {length} bytes is over the limit of {limit}")]
    HeaderTooLarge {
        /// Bytes of the header.
        length: usize,
        /// [`FrameLimits::max_header_bytes`](crate::FrameLimits::max_header_bytes), or 16,777,215, which is all the
        /// wire can say.
        limit: usize,
    },
    /// The header has more ext fields than the limit.
    #[error("a header with more than {limit} ext fields")]
    TooManyFields {
        /// [`FrameLimits::max_ext_fields`](crate::FrameLimits::max_ext_fields).
        limit: usize,
    },
    /// A JSON header that is no JSON, or whose members have impossible values.
    #[error("malformed JSON header at byte {at}: {reason}")]
    Json {
        /// Byte of the header where reading stopped.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A JSON header without a member that has no sensible default.
    #[error("the header has no `{0}`")]
    Missing(&'static str),
    /// A binary header whose lengths contradict each other.
    #[error("malformed binary header at byte {at}: {reason}")]
    Binary {
        /// Byte of the header where reading stopped.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// Header text that is not UTF-8.
    #[error("header text is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// First byte of the header that is not UTF-8.
        at: usize,
    },
    /// A number that the chosen header encoding cannot carry; the binary header has 16 bits for codes and versions.
    #[error("the {member} {value} does not fit into the binary header")]
    OutOfRange {
        /// `code` or `version`.
        member: &'static str,
        /// Its value.
        value: i32,
    },
    /// An ext field whose name the binary header cannot carry: it takes 1 to 32,767 bytes.
    #[error("a field name of {length} bytes does not fit into the binary header")]
    FieldName {
        /// Bytes of the name.
        length: usize,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended after {received} bytes of a frame")]
    Truncated {
        /// Bytes of the unfinished frame.
        received: usize,
    },
    /// The stream under the codec failed.
    #[error("the stream failed: {message}")]
    Io {
        /// Kind of the failure.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io { kind: error.kind(), message: error.to_string() }
    }
}
