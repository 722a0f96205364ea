//! Layout: an earlier frame without a body, with a mask over its values, held against one of the same length in blocks.
//!
//! The values of a broker's answers mostly are as long as those before: each stands where it stood. So nothing has to be looked for, nor
//! measured. What a layout reads its skeleton reads too, and the same; what it does not read, because a value is longer or not plain, the
//! skeleton may.

use std::ops::Range;
use std::sync::Arc;

use super::HEAD;
use super::skeleton::{Hole, Skeleton, whole_integer};
use super::values::{Bounds, Room, Values, WIDE};
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
    /// Texts that are put in with what is behind them, over which the next ones go.
    wide: Vec<Wide>,
    /// All others: long ones, and those at the end of the frame.
    narrow: Vec<Narrow>,
    bounds: Bounds,
    /// Where the last text ends.
    end: usize,
    skeleton: Arc<Skeleton>,
}

/// A piece of a frame. Aligned, so that it can be an operand right where it is.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Block {
    frame: Words,
    /// Zeros where the values are.
    mask: Words,
}

/// A block in words: arrays of bytes would be taken apart into single bytes where many blocks are put together.
type Words = [u64; BLOCK / 8];

/// A text, in the frame and among the values, that is no longer than [`WIDE`].
#[derive(Debug)]
struct Wide {
    from: u16,
    to: u16,
}

/// Any other text.
#[derive(Debug)]
struct Narrow {
    place: Range<usize>,
    to: usize,
}

impl Layout {
    /// Makes one of a frame without a body, whose header the skeleton has read into `values`. `None`: it is too short.
    pub(super) fn learn(skeleton: &Arc<Skeleton>, frame: &[u8], values: &Values) -> Option<Self> {
        if frame.len() < BLOCK {
            return None;
        }
        let (mut mask, mut opaque) = (vec![0xFF; frame.len()], None);
        let (mut texts, mut wide, mut narrow) = (0, Vec::new(), Vec::new());
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
                continue;
            }
            let to = values.start(texts);
            texts += 1;
            match (u16::try_from(place.start), u16::try_from(to)) {
                (Ok(from), Ok(to)) if place.len() <= WIDE && place.start + WIDE <= frame.len() => {
                    wide.push(Wide { from, to });
                }
                _ => narrow.push(Narrow { place, to }),
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
            wide,
            narrow,
            bounds: values.bounds(),
            end: values.start(texts),
            skeleton: Arc::clone(skeleton),
        })
    }

    /// The first frame of `input`, if it equals this one but for its values, and its opaque.
    #[inline(always)]
    pub(super) fn read<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], i32)> {
        if *input.first_chunk::<HEAD>()? != self.head {
            return None;
        }
        let frame = self.frame(input)?;
        let mut differs = Words::default();
        self.last.compare(frame.last_chunk()?, &mut differs);
        for (new, old) in frame.chunks_exact(BLOCK).zip(&self.blocks) {
            old.compare(new.first_chunk()?, &mut differs);
        }
        if differs.iter().fold(0, |any, word| any | word) != 0 {
            return None;
        }
        let number = frame.get(self.opaque.clone())?;
        let opaque = match self.encoding {
            HeaderEncoding::Json => whole_integer(number)?,
            HeaderEncoding::Rocketmq => i32::from_be_bytes(*number.first_chunk()?),
        };
        Some((frame, opaque))
    }

    /// As much of `input` as a frame like this one is long.
    #[inline(always)]
    pub(super) fn frame<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        input.get(..self.length)
    }

    /// Puts the texts of such a frame into `room`. `None`: they are not plain.
    #[inline(always)]
    pub(super) fn put_texts(&self, frame: &[u8], room: &mut Room) -> Option<()> {
        for Wide { from, to } in &self.wide {
            let from = usize::from(*from);
            room.put_wide(usize::from(*to), frame.get(from..from + WIDE)?.first_chunk()?)?;
        }
        // Behind the others: nothing goes over what is put in here.
        for Narrow { place, to } in &self.narrow {
            room.put(*to, frame.get(place.clone())?)?;
        }
        // Of a binary header this asks for more than it has to.
        room.is_plain(self.end).then_some(())
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
        Some(Self { frame: words(frame.first_chunk()?), mask: words(mask.first_chunk()?) })
    }

    /// Marks where another piece differs, elsewhere than in its values. All words at once: nothing ends it early.
    #[inline(always)]
    fn compare(&self, other: &[u8; BLOCK], differs: &mut Words) {
        let (other, Self { frame, mask }) = (words(other), *self);
        for at in 0..other.len() {
            differs[at] |= (frame[at] ^ other[at]) & mask[at];
        }
    }
}

#[inline(always)]
fn words(block: &[u8; BLOCK]) -> Words {
    let mut words = Words::default();
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        *word = bytes.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    }
    words
}

/// Bytes of the length of a text in a binary header.
const TEXT_LENGTH: usize = 4;

/// Four of the registers that every processor has.
const BLOCK: usize = 64;
