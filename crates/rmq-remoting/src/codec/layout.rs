//! Layout: an earlier header with a mask over its values, held against one of the same length in blocks.
//!
//! The values of a broker's answers mostly are as long as those before: each stands where it stood. So nothing has to be looked for. What
//! a layout reads its skeleton reads too, and the same; what it does not read, because a value is longer or not plain, the skeleton may.

use std::ops::Range;
use std::sync::Arc;

use super::skeleton::{Hole, Skeleton, whole_integer};
use super::values::{Bounds, Room, Values};
use crate::HeaderEncoding;

#[derive(Debug)]
pub(super) struct Layout {
    encoding: HeaderEncoding,
    /// Of the header.
    length: usize,
    blocks: Vec<Block>,
    /// The end of the header, so that there is no rest; most of it is in a block before, too.
    last: Block,
    opaque: Range<usize>,
    texts: Vec<Text>,
    bounds: Bounds,
    /// Where the last text ends.
    end: usize,
    skeleton: Arc<Skeleton>,
}

/// A piece of a header. Aligned, so that it can be an operand right where it is.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Block {
    header: [u8; BLOCK],
    /// Zeros where the values are.
    mask: [u8; BLOCK],
}

/// A text, in the header and among the values.
#[derive(Debug)]
struct Text {
    from: usize,
    length: usize,
    to: usize,
}

impl Layout {
    /// Makes one of a header that the skeleton has read into `values`. `None`: it is too short.
    pub(super) fn learn(skeleton: &Arc<Skeleton>, header: &[u8], values: &Values) -> Option<Self> {
        if header.len() < BLOCK {
            return None;
        }
        let (mut mask, mut texts, mut opaque) = (vec![0xFF; header.len()], Vec::new(), None);
        for (hole, place) in skeleton.holes(header, values) {
            let place = match hole {
                // With a header of the same length it is the same.
                Hole::BinaryRest => continue,
                // Its length is none of the text.
                Hole::BinaryText => place.start + 4..place.end,
                Hole::JsonText | Hole::JsonNumber | Hole::BinaryNumber => place,
            };
            mask.get_mut(place.clone())?.fill(0);
            if matches!(hole, Hole::JsonNumber | Hole::BinaryNumber) {
                opaque = Some(place);
            } else {
                texts.push(Text { from: place.start, length: place.len(), to: values.start(texts.len()) });
            }
        }
        let pieces = header.chunks_exact(BLOCK).zip(mask.chunks_exact(BLOCK));
        Some(Self {
            encoding: skeleton.encoding(),
            length: header.len(),
            blocks: pieces.map(|(header, mask)| Block::new(header, mask)).collect::<Option<_>>()?,
            last: Block::new(header.last_chunk::<BLOCK>()?, mask.last_chunk::<BLOCK>()?)?,
            opaque: opaque?,
            bounds: values.bounds(),
            end: values.start(texts.len()),
            texts,
            skeleton: Arc::clone(skeleton),
        })
    }

    /// Whether a header may match: it is as long, and written in the same way.
    #[inline]
    pub(super) fn fits(&self, header: &[u8], encoding: HeaderEncoding) -> bool {
        self.length == header.len() && self.encoding == encoding
    }

    /// Reads a header that [fits](Self::fits): its opaque and its texts. `None` when it does not match.
    #[inline]
    pub(super) fn read(&self, header: &[u8], room: &mut Room) -> Option<(i32, Values)> {
        let mut differs = [0; BLOCK];
        for (new, old) in header.chunks_exact(BLOCK).zip(&self.blocks) {
            differs = old.compare(new.first_chunk()?, differs);
        }
        differs = self.last.compare(header.last_chunk()?, differs);
        if differs != [0; BLOCK] {
            return None;
        }
        let number = header.get(self.opaque.clone())?;
        let opaque = match self.encoding {
            HeaderEncoding::Json => whole_integer(number)?,
            HeaderEncoding::Rocketmq => i32::from_be_bytes(*number.first_chunk()?),
        };
        for Text { from, length, to } in &self.texts {
            room.put(*to, header.get(*from..)?, *length)?;
        }
        // Of a binary header this asks for more than it has to.
        Some((opaque, room.values(self.bounds, self.end)?))
    }

    pub(super) fn skeleton(&self) -> &Arc<Skeleton> {
        &self.skeleton
    }
}

impl Block {
    fn new(header: &[u8], mask: &[u8]) -> Option<Self> {
        Some(Self { header: *header.first_chunk()?, mask: *mask.first_chunk()? })
    }

    /// Marks where another piece differs, elsewhere than in its values. All bytes at once: nothing ends it early.
    #[inline]
    fn compare(&self, other: &[u8; BLOCK], mut differs: [u8; BLOCK]) -> [u8; BLOCK] {
        let Self { header, mask } = *self;
        for at in 0..BLOCK {
            differs[at] |= (header[at] ^ other[at]) & mask[at];
        }
        differs
    }
}

/// Two of the registers that every processor has.
const BLOCK: usize = 32;
