//! Layout: an earlier frame without a body, with a mask over its values, held against one of the same length in blocks.
//!
//! The values of a broker's answers mostly are as long as those before: each stands where it stood. So nothing has to be looked for, nor
//! measured. What a layout reads its skeleton reads too, and the same; what it does not read, because a value is longer or not plain, the
//! skeleton may.

use std::ops::Range;
use std::sync::Arc;

use super::HEAD;
use super::skeleton::{Hole, Skeleton, whole_integer};
use super::values::{Bounds, Room, Values};
use crate::HeaderEncoding;

#[derive(Debug)]
pub(super) struct Layout {
    encoding: HeaderEncoding,
    /// Of the frame.
    length: usize,
    /// How it begins: all lengths, and how the header is written.
    head: [u8; HEAD],
    blocks: Vec<Block>,
    /// The end of the frame, so that there is no rest; most of it is in a block before, too.
    last: Block,
    opaque: Range<usize>,
    texts: Vec<Text>,
    bounds: Bounds,
    /// Where the last text ends.
    end: usize,
    skeleton: Arc<Skeleton>,
}

/// A piece of a frame. Aligned, so that it can be an operand right where it is.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Block {
    frame: [u8; BLOCK],
    /// Zeros where the values are.
    mask: [u8; BLOCK],
}

/// A text, in the frame and among the values.
#[derive(Debug)]
struct Text {
    from: usize,
    length: usize,
    to: usize,
}

impl Layout {
    /// Makes one of a frame without a body, whose header the skeleton has read into `values`. `None`: it is too short.
    pub(super) fn learn(skeleton: &Arc<Skeleton>, frame: &[u8], values: &Values) -> Option<Self> {
        if frame.len() < BLOCK {
            return None;
        }
        let (mut mask, mut texts, mut opaque) = (vec![0xFF; frame.len()], Vec::new(), None);
        for (hole, place) in skeleton.holes(&frame[HEAD..], values) {
            let start = HEAD + place.start + if hole == Hole::BinaryText { TEXT_LENGTH } else { 0 };
            let place = start..HEAD + place.end;
            if hole == Hole::BinaryRest {
                // In a frame of the same length it is the same.
                continue;
            }
            mask.get_mut(place.clone())?.fill(0);
            if matches!(hole, Hole::JsonNumber | Hole::BinaryNumber) {
                opaque = Some(place);
            } else {
                texts.push(Text { from: place.start, length: place.len(), to: values.start(texts.len()) });
            }
        }
        let pieces = frame.chunks_exact(BLOCK).zip(mask.chunks_exact(BLOCK));
        Some(Self {
            encoding: skeleton.encoding(),
            length: frame.len(),
            head: *frame.first_chunk()?,
            blocks: pieces.map(|(frame, mask)| Block::new(frame, mask)).collect::<Option<_>>()?,
            last: Block::new(frame.last_chunk::<BLOCK>()?, mask.last_chunk::<BLOCK>()?)?,
            opaque: opaque?,
            bounds: values.bounds(),
            end: values.start(texts.len()),
            texts,
            skeleton: Arc::clone(skeleton),
        })
    }

    /// The first frame of `input`, if it begins like this one and all of it is there.
    #[inline]
    pub(super) fn whole_frame<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        if *input.first_chunk::<HEAD>()? == self.head { input.get(..self.length) } else { None }
    }

    /// Reads such a frame: its opaque, and its texts into `room`. `None` when it does not match.
    #[inline(always)]
    pub(super) fn read(&self, frame: &[u8], room: &mut Room) -> Option<i32> {
        let mut differs = [0; BLOCK];
        for (new, old) in frame.chunks_exact(BLOCK).zip(&self.blocks) {
            differs = old.compare(new.first_chunk()?, differs);
        }
        differs = self.last.compare(frame.last_chunk()?, differs);
        if differs != [0; BLOCK] {
            return None;
        }
        let number = frame.get(self.opaque.clone())?;
        let opaque = match self.encoding {
            HeaderEncoding::Json => whole_integer(number)?,
            HeaderEncoding::Rocketmq => i32::from_be_bytes(*number.first_chunk()?),
        };
        for Text { from, length, to } in &self.texts {
            room.put(*to, frame.get(*from..)?, *length)?;
        }
        // Of a binary header this asks for more than it has to.
        room.is_plain(self.end).then_some(opaque)
    }

    /// Of the texts that it reads.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(super) fn skeleton(&self) -> &Arc<Skeleton> {
        &self.skeleton
    }
}

impl Block {
    fn new(frame: &[u8], mask: &[u8]) -> Option<Self> {
        Some(Self { frame: *frame.first_chunk()?, mask: *mask.first_chunk()? })
    }

    /// Marks where another piece differs, elsewhere than in its values. All bytes at once: nothing ends it early.
    #[inline]
    fn compare(&self, other: &[u8; BLOCK], mut differs: [u8; BLOCK]) -> [u8; BLOCK] {
        let Self { frame, mask } = *self;
        for at in 0..BLOCK {
            differs[at] |= (frame[at] ^ other[at]) & mask[at];
        }
        differs
    }
}

/// Bytes of the length of a text in a binary header.
const TEXT_LENGTH: usize = 4;

/// Four of the registers that every processor has.
const BLOCK: usize = 64;
