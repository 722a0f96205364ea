//! Slotted: the head of a usual request, written in few moves.
//!
//! ```text
//! 8 bytes {"code":310,"extFields":{…,"g":"0000000000000","i":"UNIQ_KEY…000000000000│TAGS…│","e":"│3│"},"flag":0,…,"opaque":0000000000,…}
//! front, with slots for the lengths, g and the stamp in i                           rest          e back, with a slot for the opaque
//! ```
//! Values of any length go between the pieces. Numbers whose width is known beforehand have slots within the pieces, and are written over what
//! stands there, which spares the seams. What does not fit its slot, has to be escaped or breaks a limit is left to
//! [`Rendered`](super::rendered::Rendered).

use super::super::constant::Constant;
use super::super::hexadecimal::put_twelve_digits;
use super::super::pen::Pen;
use super::super::{HEAD, LENGTH_WORD, MAX_HEADER, MAX_LENGTH, decimal, type_byte};
use super::FieldValue;
use super::recorder::{Hole, Recorded, StampSlot};
use crate::{FrameLimits, HeaderEncoding};

#[derive(Clone, Debug)]
pub(super) struct Slotted {
    encoding: HeaderEncoding,
    /// Begins with the two words of lengths, of which only the type byte is there. Places in it are counted from its beginning.
    front: Box<[u8]>,
    /// Where the first value is, if it is a time.
    millis: Option<usize>,
    /// Where the next one is, if it is stamped.
    stamp: Option<StampSlot>,
    /// What is constant before each of the others.
    gaps: Box<[Constant]>,
    back: Box<[u8]>,
    opaque: Opaque,
    /// Where the ext block of a binary header begins.
    block: Option<usize>,
}

/// Where its slot is.
#[derive(Clone, Copy, Debug)]
enum Opaque {
    /// Four bytes.
    InFront(usize),
    /// Ten digits.
    InBack(usize),
}

impl Slotted {
    /// For that many values. `None`: they do not all stand in the header, or in another order.
    pub(super) fn new(recorded: &Recorded, values: usize, encoding: HeaderEncoding) -> Option<Self> {
        let Recorded { bytes, millis, stamp, opaque, block, holes } = recorded;
        let front = holes.first().map_or(bytes.len(), |(at, _)| *at);
        let back = holes.last().map_or(bytes.len(), |(at, _)| *at);
        let value = |hole: &Hole| match hole {
            Hole::Json(index) | Hole::Binary(index) => Some(*index),
            Hole::Opaque => None,
        };
        let slots = millis.iter().map(|(_, index)| Some(*index));
        let all = slots.chain(holes.iter().map(|(_, hole)| value(hole)));
        if !all.eq((0..values).map(Some)) || stamp.is_some_and(|stamp| stamp.index != usize::from(millis.is_some())) {
            return None;
        }
        let mut pieces = Vec::new();
        let mut begin = front;
        for (end, _) in holes {
            pieces.push(Constant::new(&bytes[begin..*end]));
            begin = *end;
        }
        // The rest of a stamped value comes right behind the front.
        let gaps = pieces.split_off(usize::from(stamp.is_some()));
        let lengths = (u64::from(type_byte(encoding)) << TYPE_BYTE).to_be_bytes();
        Some(Self {
            encoding,
            front: [&lengths, &bytes[..front]].concat().into(),
            millis: millis.map(|(at, _)| HEAD + at),
            stamp: stamp.map(|stamp| StampSlot { text: HEAD + stamp.text, at: HEAD + stamp.at, ..stamp }),
            gaps: gaps.into(),
            back: bytes[back..].into(),
            opaque: match encoding {
                HeaderEncoding::Json => Opaque::InBack((*opaque)?.checked_sub(back)?),
                HeaderEncoding::Rocketmq => Opaque::InFront(HEAD + (*opaque)?),
            },
            block: block.map(|block| HEAD + block),
        })
    }

    /// Writes length word, header length word and header, for a frame with `body` bytes of body.
    #[inline(always)]
    pub(super) fn write<'p, const N: usize>(
        &self,
        values: &[FieldValue<'_>; N],
        opaque: i32,
        body: usize,
        limits: &FrameLimits,
        pen: Pen<'p>,
    ) -> Option<Pen<'p>> {
        let before = pen.left();
        let (front, mut pen) = pen.piece(&self.front)?;
        let mut values = values.iter();
        if let Some(at) = self.millis {
            decimal::put_millis(values.next()?.number()?, slot(front, at)?)?;
        }
        if let Some(StampSlot { text, at, .. }) = self.stamp {
            let (stamp, rest) = values.next()?.stamped()?;
            put_twelve_digits(stamp, slot(front, at)?);
            if self.encoding == HeaderEncoding::Rocketmq {
                put_length(front, text, front.len() + rest.len())?;
            }
            if rest.len() > 0 {
                pen = pen.slice(rest.carried(self.encoding)?)?;
            }
        }
        for gap in &self.gaps {
            let (value, behind_gap) = (values.next()?, gap.write(pen)?);
            pen = match self.encoding {
                HeaderEncoding::Json => value.write_json(behind_gap)?,
                HeaderEncoding::Rocketmq => value.write_binary(behind_gap)?,
            };
        }
        let (back, pen) = pen.piece(&self.back)?;
        match self.opaque {
            Opaque::InFront(at) => *slot(front, at)? = opaque.to_be_bytes(),
            Opaque::InBack(at) => {
                let opaque = u32::try_from(opaque).ok().filter(|opaque| decimal::is_of_ten(*opaque))?;
                *slot(back, at)? = decimal::ten_digits(opaque);
            }
        }
        let head = before - pen.left();
        if let Some(block) = self.block {
            put_length(front, block, head)?;
        }

        let (header, total) = (head - HEAD, head + body);
        if header > MAX_HEADER
            || total > MAX_FRAME
            || header > limits.max_header_bytes
            || total > limits.max_frame_bytes
        {
            return None;
        }
        let lengths = ((total - LENGTH_WORD) as u64) << 32 | header as u64;
        let words = front.first_chunk_mut()?;
        *words = (u64::from_ne_bytes(*words) | lengths.to_be()).to_ne_bytes();
        Some(pen)
    }
}

#[inline]
fn slot<const N: usize>(piece: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    piece.get_mut(at..)?.first_chunk_mut()
}

/// Writes how long it is from `begin` to `end` into the four bytes before it.
#[inline]
fn put_length(front: &mut [u8], begin: usize, end: usize) -> Option<()> {
    *slot(front, begin.checked_sub(4)?)? = i32::try_from(end - begin).ok()?.to_be_bytes();
    Some(())
}

/// The longest frame that its length word can announce.
const MAX_FRAME: usize = LENGTH_WORD + MAX_LENGTH as usize;
/// Where the type byte stands in the two words of lengths, in bits.
const TYPE_BYTE: u32 = 24;
