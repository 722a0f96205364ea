//! LZ4 frames in the form that lz4-java writes and reads: blocks of up to 4 MiB that do not need each other.
//!
//! Written without checksums and content size, as Java; read with both where a frame has them. Several frames in a row
//! are one body, and nothing else may follow.

mod xxhash;

use bytes::{BufMut, Bytes};
use lz4_flex::block;
use rmq_message::CompressionType;

use self::xxhash::xxh32;
use super::decompress::DecompressError;
use super::unpacked::{Fill, Unpacked};
use super::{CompressError, Compressor};

/// Compresses by LZ4. It has no levels and keeps nothing between two bodies.
#[doc(alias = "Lz4Compressor")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4(());

impl Lz4 {
    /// The one that there is.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Compressor for Lz4 {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Lz4
    }

    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
        let mut frame = Vec::with_capacity(body.len() / 2 + 64);
        frame.extend_from_slice(&HEADER);
        let mut packed = vec![0; block::get_maximum_output_size(body.len().min(MAX_BLOCK_BYTES))];
        for chunk in body.chunks(MAX_BLOCK_BYTES) {
            let length = block::compress_into(chunk, &mut packed).map_err(CompressError::new)?;
            match packed.get(..length) {
                Some(packed) if length < chunk.len() => put_block(&mut frame, packed, 0)?,
                _ => put_block(&mut frame, chunk, STORED)?,
            }
        }
        frame.put_u32_le(END_MARK);
        frame.shrink_to_fit();
        Ok(frame.into())
    }
}

fn put_block(frame: &mut Vec<u8>, bytes: &[u8], stored: u32) -> Result<(), CompressError> {
    let length = u32::try_from(bytes.len()).map_err(CompressError::new)?;
    frame.put_u32_le(length | stored);
    frame.extend_from_slice(bytes);
    Ok(())
}

/// Reads frame after frame to the end of the input.
pub(super) fn decompress(input: &[u8], out: &mut Unpacked) -> Result<(), DecompressError> {
    let mut input = Input(input);
    loop {
        match input.u32()? {
            MAGIC => read_frame(&mut input, out)?,
            magic if magic & SKIPPED_MASK == SKIPPED_MAGIC => {
                let length = input.u32()?;
                input.take(length)?;
            }
            _ => return Err(malformed("no LZ4 frame begins here")),
        }
        if input.0.is_empty() {
            return Ok(());
        }
    }
}

fn read_frame(input: &mut Input<'_>, out: &mut Unpacked) -> Result<(), DecompressError> {
    let start = out.len();
    let frame = Descriptor::read(input)?;
    loop {
        let word = input.u32()?;
        if word == END_MARK {
            break;
        }
        let bytes = input.take(word & !STORED)?;
        if frame.has_block_checksums && input.u32()? != xxh32(bytes) {
            return Err(malformed("the checksum of a block is wrong"));
        }
        read_block(bytes, word & STORED != 0, frame.block_bytes, out)?;
    }
    let content = out.written_since(start);
    if frame.content_bytes.is_some_and(|length| length != content.len() as u64) {
        return Err(malformed("the content has another length than it says"));
    }
    if frame.has_content_checksum && input.u32()? != xxh32(content) {
        return Err(malformed("the checksum of the content is wrong"));
    }
    Ok(())
}

fn read_block(bytes: &[u8], stored: bool, block_bytes: usize, out: &mut Unpacked) -> Result<(), DecompressError> {
    if bytes.len() > block_bytes {
        return Err(malformed("a block is larger than blocks of its frame may be"));
    }
    if stored {
        return out.fill(bytes.len(), |room| match room.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Ok(bytes.len())
            }
            None => Err(Fill::TooSmall(malformed("no room"))),
        });
    }
    // No byte of a block stands for more than 255, so that a small block cannot ask for much room.
    let at_most = bytes.len().saturating_mul(255).min(block_bytes);
    out.fill(at_most, |room| {
        block::decompress_into(bytes, room).map_err(|error| match error {
            block::DecompressError::OutputTooSmall { .. } => Fill::TooSmall(malformed(error)),
            error => Fill::Failed(malformed(error)),
        })
    })
}

/// The head of a frame, after its magic number.
struct Descriptor {
    block_bytes: usize,
    has_block_checksums: bool,
    has_content_checksum: bool,
    content_bytes: Option<u64>,
}

impl Descriptor {
    fn read(input: &mut Input<'_>) -> Result<Self, DecompressError> {
        let begin = input.0;
        let [flags, blocks] = input.array()?;
        if flags & FLAG_VERSION_MASK != FLAG_VERSION_1 || flags & FLAG_RESERVED != 0 || blocks & !BLOCK_SIZE_MASK != 0 {
            return Err(malformed("the frame is of an unknown version"));
        }
        // Java reads neither: lz4-java's `LZ4FrameInputStream`
        if flags & FLAG_INDEPENDENT == 0 || flags & FLAG_DICTIONARY != 0 {
            return Err(malformed("the blocks of the frame need each other, or a dictionary"));
        }
        let block_bytes = match blocks >> 4 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            7 => MAX_BLOCK_BYTES,
            _ => return Err(malformed("the block size of the frame is unknown")),
        };
        let content_bytes =
            if flags & FLAG_CONTENT_SIZE == 0 { None } else { Some(u64::from_le_bytes(input.array()?)) };
        let described = begin.get(..begin.len().saturating_sub(input.0.len())).unwrap_or_default();
        let [checksum] = input.array()?;
        if xxh32(described).to_le_bytes()[1] != checksum {
            return Err(malformed("the checksum of the frame's head is wrong"));
        }
        Ok(Self {
            block_bytes,
            has_block_checksums: flags & FLAG_BLOCK_CHECKSUM != 0,
            has_content_checksum: flags & FLAG_CONTENT_CHECKSUM != 0,
            content_bytes,
        })
    }
}

/// What is still to be read; less than asked for is a frame cut off.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: u32) -> Result<&'a [u8], DecompressError> {
        let split = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = split.ok_or(DecompressError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecompressError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecompressError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, DecompressError> {
        self.array().map(u32::from_le_bytes)
    }
}

fn malformed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DecompressError {
    DecompressError::malformed(CompressionType::Lz4, source)
}

/// Magic number, flags (version 1, independent blocks), blocks of 4 MiB, checksum of the two.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4D, 0x18, 0x60, 0x70, 0x73];
const MAX_BLOCK_BYTES: usize = 4 * 1024 * 1024;
const MAGIC: u32 = 0x184D_2204;
const SKIPPED_MAGIC: u32 = 0x184D_2A50;
const SKIPPED_MASK: u32 = !0xF;
const END_MARK: u32 = 0;
/// In the size of a block: its bytes are not compressed.
const STORED: u32 = 1 << 31;
const FLAG_VERSION_MASK: u8 = 0xC0;
const FLAG_VERSION_1: u8 = 0x40;
const FLAG_INDEPENDENT: u8 = 0x20;
const FLAG_BLOCK_CHECKSUM: u8 = 0x10;
const FLAG_CONTENT_SIZE: u8 = 0x08;
const FLAG_CONTENT_CHECKSUM: u8 = 0x04;
const FLAG_RESERVED: u8 = 0x02;
const FLAG_DICTIONARY: u8 = 0x01;
const BLOCK_SIZE_MASK: u8 = 0x70;

#[cfg(test)]
mod tests {
    use super::super::{DecompressLimits, decompress as unpack};
    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        Lz4::new().compress(body).expect("lz4 takes anything").to_vec()
    }

    fn unpacked(frame: &[u8]) -> Result<Bytes, DecompressError> {
        unpack(CompressionType::Lz4, frame, &DecompressLimits::default())
    }

    #[test]
    fn a_body_of_several_blocks_comes_back() {
        for length in [0, 1, MAX_BLOCK_BYTES - 1, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES + 1, 2 * MAX_BLOCK_BYTES + 7] {
            let body: Vec<u8> = (0..=250).flat_map(|byte| [byte; 7]).cycle().take(length).collect();
            let frame = packed(&body);
            assert!(frame.starts_with(&HEADER) && frame.ends_with(&END_MARK.to_le_bytes()));
            assert!(unpacked(&frame).unwrap() == body, "{length}");
        }
    }

    #[test]
    fn frames_in_a_row_are_one_body_and_other_frames_are_skipped() {
        let skipped = [0x5F, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let frames = [&packed(b"a")[..], &skipped, &packed(b""), &packed(b"bc")].concat();
        assert_eq!(unpacked(&frames).unwrap(), "abc");
    }

    #[test]
    fn bytes_after_the_last_frame_are_an_error() {
        let frame = packed(b"a");
        for spare in [&[0][..], &[0; 4], &[0; 40], b"spare bytes"] {
            assert!(unpacked(&[&frame, spare].concat()).is_err(), "{spare:?}");
        }
    }

    #[test]
    fn a_frame_cut_off_anywhere_is_an_error() {
        let frame = packed(b"some text, some text, some text");
        for end in 0..frame.len() {
            let error = unpacked(&frame[..end]).unwrap_err();
            assert!(matches!(error, DecompressError::Truncated), "{end}: {error:?}");
        }
        // a stored block of no bytes is no end mark
        let endless = [&HEADER[..], &STORED.to_le_bytes()].concat();
        assert!(matches!(unpacked(&endless), Err(DecompressError::Truncated)));
    }

    /// A frame of one stored block with all that a frame can have.
    fn complete_frame(body: &[u8]) -> Vec<u8> {
        let flags = FLAG_VERSION_1 | FLAG_INDEPENDENT | FLAG_BLOCK_CHECKSUM | FLAG_CONTENT_SIZE | FLAG_CONTENT_CHECKSUM;
        let mut frame = MAGIC.to_le_bytes().to_vec();
        frame.extend([flags, 0x40]);
        frame.put_u64_le(body.len() as u64);
        frame.push(xxh32(&frame[4..]).to_le_bytes()[1]);
        put_block(&mut frame, body, STORED).expect("a short block");
        frame.put_u32_le(xxh32(body));
        frame.put_u32_le(END_MARK);
        frame.put_u32_le(xxh32(body));
        frame
    }

    #[test]
    fn content_size_and_checksums_are_read_and_a_flipped_bit_is_found() {
        let frame = complete_frame(b"checked");
        assert_eq!(unpacked(&frame).unwrap(), "checked");
        for bit in 0..frame.len() * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(unpacked(&frame).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_block_larger_than_its_frame_allows_is_refused() {
        let mut frame = complete_frame(&[7; 64 * 1024]);
        assert!(unpacked(&frame).is_ok());
        frame = complete_frame(&[7; 64 * 1024 + 1]);
        assert!(matches!(unpacked(&frame), Err(DecompressError::Malformed { .. })));
    }

    #[test]
    fn a_bomb_is_refused_and_a_small_one_asks_for_little() {
        let frame = packed(&vec![0; DecompressLimits::DEFAULT_MAX_BYTES + 1]);
        assert!(frame.len() < 70_000);
        let error = unpacked(&frame).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { limit } if limit == 16 << 20), "{error:?}");
        let just = packed(&vec![0; DecompressLimits::DEFAULT_MAX_BYTES]);
        assert_eq!(unpacked(&just).unwrap().len(), DecompressLimits::DEFAULT_MAX_BYTES);
    }

    #[test]
    fn the_limit_counts_for_stored_blocks_too() {
        let frame = complete_frame(b"stored");
        let limits = DecompressLimits::default();
        assert!(unpack(CompressionType::Lz4, &frame, &limits.clone().max_bytes(6)).is_ok());
        let error = unpack(CompressionType::Lz4, &frame, &limits.max_bytes(5)).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { limit: 5 }), "{error:?}");
    }
}
