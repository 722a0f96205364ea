//! Zstandard frames in the form that zstd-jni's stream writes: no content size, no checksum, a last block that is empty.
//!
//! The window is that of the body's length, where Java, which does not tell the length, writes that of the level (the
//! sixth byte of the frame): the same for a reader, three times as fast for 4 KiB, and it takes memory by the body
//! instead of by the level.
//!
//! Several frames in a row are one body; what follows them and is no frame is not looked at.

use std::io;

use ::zstd::stream::raw::{CParameter, DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};
use bytes::Bytes;
use rmq_message::CompressionType;

use super::decompress::DecompressError;
use super::state_pool::StatePool;
use super::unpacked::Unpacked;
use super::{CompressError, Compressor};

/// Compresses by Zstandard. Keeps a few states for its next bodies, each a few times as large as the bodies were.
#[doc(alias = "ZstdCompressor")]
pub struct Zstd {
    level: i32,
    states: StatePool<Encoder<'static>>,
}

impl Zstd {
    /// Of a level from 1 to 22; below and above, the nearest counts.
    #[must_use]
    pub fn new(level: i32) -> Self {
        Self { level: level.clamp(1, 22), states: StatePool::new() }
    }

    fn state(&self) -> io::Result<Encoder<'static>> {
        let mut state = Encoder::new(self.level)?;
        state.set_parameter(CParameter::ContentSizeFlag(false))?;
        Ok(state)
    }
}

impl Compressor for Zstd {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Zstd
    }

    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
        self.states.with(|| self.state(), |state| compress(state, body)).map_err(CompressError::new)
    }
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd").field("level", &self.level).finish_non_exhaustive()
    }
}

fn compress(state: &mut Encoder<'static>, body: &[u8]) -> io::Result<Bytes> {
    state.reinit()?;
    state.set_pledged_src_size(u64::try_from(body.len()).ok())?;
    let mut out = Vec::with_capacity(body.len() / 2 + 64);
    let mut input = InBuffer::around(body);
    while input.pos() < body.len() {
        write(&mut out, |out| state.run(&mut input, out))?;
    }
    // Java flushes before it closes: hence the empty block at the end
    while write(&mut out, |out| state.flush(out))? > 0 {}
    while write(&mut out, |out| state.finish(out, true))? > 0 {}
    out.shrink_to_fit();
    Ok(out.into())
}

/// Lets `step` write behind what is there.
fn write(out: &mut Vec<u8>, step: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>) -> io::Result<usize> {
    if out.len() == out.capacity() {
        out.reserve(out.len().max(64));
    }
    let written = out.len();
    step(&mut OutBuffer::around_pos(out, written))
}

/// Reads frame after frame. No input is an empty body, as Java has it.
pub(super) fn decompress(input: &[u8], out: &mut Unpacked) -> Result<(), DecompressError> {
    if input.is_empty() {
        return Ok(());
    }
    let mut state = Decoder::new().map_err(malformed)?;
    state.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG)).map_err(malformed)?;
    let mut source = InBuffer::around(input);
    loop {
        let room = out.room()?;
        let written = room.len();
        let hint = state.run(&mut source, &mut OutBuffer::around_pos(room, written)).map_err(malformed)?;
        let is_full = room.len() == room.capacity();
        out.check()?;
        let rest = input.get(source.pos()..).unwrap_or_default();
        if hint == 0 && !begins_a_frame(rest) {
            return Ok(());
        }
        if hint > 0 && rest.is_empty() && !is_full {
            return Err(DecompressError::Truncated);
        }
    }
}

fn begins_a_frame(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|magic| {
        let magic = u32::from_le_bytes(*magic);
        magic == MAGIC || magic & SKIPPED_MASK == SKIPPED_MAGIC
    })
}

fn malformed(source: io::Error) -> DecompressError {
    DecompressError::malformed(CompressionType::Zstd, source)
}

/// The window of a frame is memory that is taken before anything is unpacked: 16 MiB, which is as long as bodies get.
/// Java's levels up to 19 need less; its levels from 20 on may need more and are refused then.
const MAX_WINDOW_LOG: u32 = 24;
const MAGIC: u32 = 0xFD2F_B528;
const SKIPPED_MAGIC: u32 = 0x184D_2A50;
const SKIPPED_MASK: u32 = !0xF;

#[cfg(test)]
mod tests {
    use super::super::{DecompressLimits, decompress as unpack};
    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        Zstd::new(5).compress(body).expect("zstd takes anything").to_vec()
    }

    fn unpacked(frame: &[u8]) -> Result<Bytes, DecompressError> {
        unpack(CompressionType::Zstd, frame, &DecompressLimits::default())
    }

    #[test]
    fn every_level_comes_back() {
        let body: Vec<u8> = (0..=250).flat_map(|byte| [byte; 7]).cycle().take(300_000).collect();
        for level in [i32::MIN, 1, 3, 19, 20, 22, i32::MAX] {
            let frame = Zstd::new(level).compress(&body).unwrap();
            assert!(unpacked(&frame).unwrap() == body, "{level}");
        }
    }

    #[test]
    fn a_state_that_was_used_gives_the_same_bytes() {
        let zstd = Zstd::new(5);
        let first = zstd.compress(&[7; 5000]).unwrap();
        zstd.compress(b"something else in between").unwrap();
        assert_eq!(zstd.compress(&[7; 5000]).unwrap(), first);
    }

    #[test]
    fn frames_in_a_row_are_one_body_and_other_frames_are_skipped() {
        let skipped = [0x5F, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [&packed(b"a")[..], &skipped, &packed(b""), &packed(b"bc")].concat();
        assert_eq!(unpacked(&frames).unwrap(), "abc");
    }

    #[test]
    fn bytes_after_the_last_frame_are_ignored_unless_they_begin_another() {
        let frame = packed(b"a");
        for spare in [&[0][..], &[0; 4], &[0; 40], b"spare bytes"] {
            assert_eq!(unpacked(&[&frame, spare].concat()).unwrap(), "a", "{spare:?}");
        }
        assert!(matches!(unpacked(&[&frame[..], &frame[..5]].concat()), Err(DecompressError::Truncated)));
    }

    #[test]
    fn a_frame_cut_off_anywhere_is_an_error() {
        let frame = packed(b"some text, some text, some text");
        for end in 1..frame.len() {
            assert!(matches!(unpacked(&frame[..end]), Err(DecompressError::Truncated)), "{end}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let frame = packed(&vec![0; DecompressLimits::DEFAULT_MAX_BYTES + 1]);
        assert!(frame.len() < 4096, "a bomb: {}", frame.len());
        let error = unpacked(&frame).unwrap_err();
        assert!(matches!(error, DecompressError::RatioTooHigh { limit: 1000 }), "{error:?}");
        let limits = DecompressLimits::default().max_ratio(usize::MAX);
        let error = unpack(CompressionType::Zstd, &frame, &limits).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { limit } if limit == 16 << 20), "{error:?}");
    }

    #[test]
    fn four_kilobytes_that_stand_for_128_mebibytes_are_refused() {
        // a frame of the window of 2^17 bytes, and blocks of 2^17 times the same byte
        let mut frame = [&MAGIC.to_le_bytes()[..], &[0, (17 - 10) << 3]].concat();
        let block: u32 = 1 << 17 << 3 | 1 << 1;
        for _ in 0..1024 {
            frame.extend_from_slice(&block.to_le_bytes()[..3]);
            frame.push(0);
        }
        frame.extend([1, 0, 0]);
        let error = unpacked(&frame).unwrap_err();
        assert!(matches!(error, DecompressError::RatioTooHigh { limit: 1000 }), "{error:?}");
        let limits = DecompressLimits::default().max_bytes(128 << 20).max_ratio(usize::MAX);
        assert_eq!(unpack(CompressionType::Zstd, &frame, &limits).unwrap().len(), 128 << 20, "it is a good frame");
    }

    #[test]
    fn a_window_larger_than_any_body_is_refused() {
        // magic, no flags, a window of 2^25 bytes, an empty last block
        let frame = |log: u8| [&MAGIC.to_le_bytes()[..], &[0, (log - 10) << 3], &[1, 0, 0]].concat();
        assert_eq!(unpacked(&frame(24)).unwrap(), "");
        let error = unpacked(&frame(25)).unwrap_err();
        assert!(matches!(error, DecompressError::Malformed { .. }), "{error:?}");
    }
}
