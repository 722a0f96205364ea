//! Slotted: the head of a usual request, written in few moves.
//!
//! ```text
//! {"code":310,"extFields":{…,"g":"0000000000000","e":"│3│","i":"│TAGS…│"},"flag":0,…,"opaque":0000000000,…}
//! front, with a slot for g                              e       i        back, with a slot for the opaque
//! ```
//! Values of any length go between the pieces. Numbers whose width is known beforehand have slots within the pieces, and are written over what
//! stands there, which spares the seams. What does not fit its slot, has to be escaped or breaks a limit is left to
//! [`Rendered`](super::rendered::Rendered).

use super::super::constant::Constant;
use super::super::pen::Pen;
use super::super::{HEAD, LENGTH_WORD, MAX_HEADER, decimal, type_byte};
use super::FieldValue;
use super::recorder::{Hole, Recorded};
use crate::{FrameLimits, HeaderEncoding};

#[derive(Clone, Debug)]
pub(super) struct Slotted {
    encoding: HeaderEncoding,
    front: Box<[u8]>,
    /// A time: where in the front, and of which field.
    millis: Option<(usize, usize)>,
    /// Values behind the front, each with what is constant behind it.
    holes: Box<[(usize, Constant)]>,
    /// The last value, behind which the back comes.
    last: Option<usize>,
    back: Box<[u8]>,
    opaque: Opaque,
    /// Where in the front the ext block of a binary header begins.
    block: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Opaque {
    /// Four bytes.
    InFront(usize),
    /// Ten digits.
    InBack(usize),
}

impl Slotted {
    /// `None`: its parts stand in an unusual order.
    pub(super) fn new(recorded: &Recorded, encoding: HeaderEncoding) -> Option<Self> {
        let Recorded { bytes, millis, opaque, block, holes } = recorded;
        let front = holes.first().map_or(0, |(at, _)| *at);
        let back = holes.last().map_or(0, |(at, _)| *at);
        let value = |hole: &Hole| match hole {
            Hole::Json(index) | Hole::Binary(index) => Some(*index),
            Hole::Opaque => None,
        };
        let last = match holes.last() {
            Some((_, hole)) => Some(value(hole)?),
            None => None,
        };
        let holes = holes.windows(2).map(|pair| match pair {
            [(at, hole), (end, _)] => Some((value(hole)?, Constant::new(&bytes[*at..*end]))),
            _ => None,
        });
        let opaque = match encoding {
            HeaderEncoding::Json => Opaque::InBack((*opaque)?.checked_sub(back)?),
            HeaderEncoding::Rocketmq => Opaque::InFront((*opaque)?),
        };
        Some(Self {
            encoding,
            holes: holes.collect::<Option<_>>()?,
            last,
            front: bytes[..front].into(),
            millis: *millis,
            back: bytes[back..].into(),
            opaque,
            block: *block,
        })
    }

    /// Bytes of room that the head needs.
    pub(super) fn room(&self, values: &[FieldValue<'_>]) -> usize {
        let pieces = self.holes.iter().map(|(_, piece)| piece.room()).sum::<usize>();
        HEAD + self.front.len() + pieces + self.back.len() + values.iter().map(FieldValue::room).sum::<usize>()
    }

    /// Writes length word, header length word and header, for a frame with `body` bytes of body.
    #[inline]
    pub(super) fn write<'p, const N: usize>(
        &self,
        values: &[FieldValue<'_>; N],
        opaque: i32,
        body: usize,
        limits: &FrameLimits,
        pen: Pen<'p>,
    ) -> Option<Pen<'p>> {
        let (head, pen) = pen.place()?;
        let before = pen.left();
        let (front, mut pen) = pen.piece(&self.front)?;
        if let Some((at, index)) = self.millis {
            decimal::put_millis(values[index].number()?, slot(front, at)?)?;
        }
        let behind_front = pen.left();
        match self.encoding {
            HeaderEncoding::Json => {
                for (index, piece) in &self.holes {
                    pen = piece.write(values[*index].write_json(pen)?)?;
                }
                if let Some(last) = self.last {
                    pen = values[last].write_json(pen)?;
                }
            }
            HeaderEncoding::Rocketmq => {
                for (index, piece) in &self.holes {
                    pen = piece.write(values[*index].write_binary(pen)?)?;
                }
                if let Some(last) = self.last {
                    pen = values[last].write_binary(pen)?;
                }
            }
        }
        let (back, pen) = pen.piece(&self.back)?;
        match self.opaque {
            Opaque::InFront(at) => *slot(front, at)? = opaque.to_be_bytes(),
            Opaque::InBack(at) => {
                let opaque = u32::try_from(opaque).ok().filter(|opaque| decimal::is_of_ten(*opaque))?;
                *slot(back, at)? = decimal::ten_digits(opaque);
            }
        }
        if let Some(block) = self.block {
            let length = front.len() - block + behind_front - pen.left();
            *slot(front, block.checked_sub(4)?)? = i32::try_from(length).ok()?.to_be_bytes();
        }

        let header = before - pen.left();
        let total = HEAD + header + body;
        if header > MAX_HEADER.min(limits.max_header_bytes) || total > limits.max_frame_bytes {
            return None;
        }
        let length = u64::try_from(i32::try_from(total - LENGTH_WORD).ok()?).ok()?;
        let words = length << 32 | u64::from(type_byte(self.encoding)) << 24 | header as u64;
        *head = words.to_be_bytes();
        Some(pen)
    }
}

#[inline]
fn slot<const N: usize>(piece: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    piece.get_mut(at..)?.first_chunk_mut()
}
