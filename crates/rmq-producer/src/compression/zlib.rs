//! zlib streams (RFC 1950), with the header that Java's `Deflater` writes at each level.
//!
//! Reading stops at the end of the first stream; what follows it is not looked at, as Java's `InflaterInputStream`.

use bytes::Bytes;
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use rmq_message::CompressionType;

use super::decompress::DecompressError;
use super::state_pool::StatePool;
use super::unpacked::Unpacked;
use super::{CompressError, Compressor};

/// Compresses by zlib. Keeps a few states for its next bodies, each of some 300 KiB.
#[doc(alias = "ZlibCompressor")]
#[derive(Debug)]
pub struct Zlib {
    level: flate2::Compression,
    states: StatePool<Compress>,
}

impl Zlib {
    /// Of a level from 0 (stored) to 9; −1 means zlib's own default, which is 6. Below and above, the nearest counts.
    #[must_use]
    pub fn new(level: i32) -> Self {
        let level = if level == ZLIB_DEFAULT { 6 } else { level.clamp(0, 9) };
        Self { level: flate2::Compression::new(level.unsigned_abs()), states: StatePool::new() }
    }
}

impl Compressor for Zlib {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Zlib
    }

    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
        self.states.with(|| Ok(Compress::new(self.level, true)), |state| compress(state, body))
    }
}

fn compress(state: &mut Compress, body: &[u8]) -> Result<Bytes, CompressError> {
    state.reset();
    let mut out = Vec::with_capacity(body.len() / 2 + 64);
    loop {
        let read = usize::try_from(state.total_in()).map_err(CompressError::new)?;
        let rest = body.get(read..).unwrap_or_default();
        match state.compress_vec(rest, &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) => break,
            Ok(_) => out.reserve(body.len() / 2 + 64),
            Err(error) => return Err(CompressError::new(error)),
        }
    }
    out.shrink_to_fit();
    Ok(out.into())
}

/// Reads the first stream. No input is an empty body, as Java has it.
pub(super) fn decompress(input: &[u8], out: &mut Unpacked) -> Result<(), DecompressError> {
    if input.is_empty() {
        return Ok(());
    }
    let mut state = Decompress::new(true);
    loop {
        let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = input.get(read..).unwrap_or_default();
        let room = out.room()?;
        let status = state
            .decompress_vec(rest, room, FlushDecompress::None)
            .map_err(|error| DecompressError::malformed(CompressionType::Zlib, error))?;
        let is_full = room.len() == room.capacity();
        out.check()?;
        if matches!(status, Status::StreamEnd) {
            return Ok(());
        }
        let all_read = state.total_in() == input.len() as u64;
        if all_read && !is_full {
            return Err(DecompressError::Truncated);
        }
    }
}

const ZLIB_DEFAULT: i32 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_the_header_of_java() {
        let headers = [
            (i32::MIN, 0x01),
            (0, 0x01),
            (1, 0x01),
            (2, 0x5E),
            (5, 0x5E),
            (6, 0x9C),
            (-1, 0x9C),
            (7, 0xDA),
            (9, 0xDA),
            (i32::MAX, 0xDA),
        ];
        for (level, second) in headers {
            let compressed = Zlib::new(level).compress(b"hello").unwrap();
            assert_eq!(compressed[..2], [0x78, second], "level {level}");
        }
    }

    #[test]
    fn a_state_that_was_used_gives_the_same_bytes() {
        let zlib = Zlib::new(5);
        let first = zlib.compress(&[7; 5000]).unwrap();
        zlib.compress(b"something else in between").unwrap();
        assert_eq!(zlib.compress(&[7; 5000]).unwrap(), first);
    }
}
