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
use super::recorder::{Hole, Recorded};
use crate::{FrameLimits, HeaderEncoding};

#[derive(Clone, Debug)]
pub(super) struct Slotted<const N: usize> {
    encoding: HeaderEncoding,
    /// Begins with the two words of lengths, of which only the type byte is there. All places in it are counted from its beginning.
    front: Box<[u8]>,
    /// Of the values, in their order.
    places: [Place; N],
    back: Box<[u8]>,
    opaque: Opaque,
    /// Where the ext block of a binary header begins.
    block: Option<usize>,
}

/// Where a value goes.
#[derive(Clone, Debug)]
enum Place {
    /// It is the earlier one of two with the same name.
    Nowhere,
    /// Thirteen digits in the front.
    Millis { at: usize },
    /// Twelve digits in the front, and a text behind it. `text` is where the whole text begins in the front of a binary header.
    Stamp { at: usize, text: Option<usize> },
    /// Behind all that is before it and this piece.
    Json { before: Constant },
    /// The same with its length.
    Binary { before: Constant },
}

#[derive(Clone, Copy, Debug)]
enum Opaque {
    /// Four bytes.
    InFront(usize),
    /// Ten digits.
    InBack(usize),
}

impl<const N: usize> Slotted<N> {
    /// `None`: its parts stand in an unusual order.
    pub(super) fn new(recorded: &Recorded, encoding: HeaderEncoding) -> Option<Self> {
        let Recorded { bytes, millis, stamp, opaque, block, holes } = recorded;
        let front = holes.first().map_or(bytes.len(), |(at, _)| *at);
        let back = holes.last().map_or(bytes.len(), |(at, _)| *at);
        let opaque = match (*opaque)? {
            at if encoding == HeaderEncoding::Rocketmq => Opaque::InFront(HEAD + at),
            at => Opaque::InBack(at.checked_sub(back)?),
        };
        let mut places = [const { Place::Nowhere }; N];
        if let Some((at, index)) = millis {
            places[*index] = Place::Millis { at: HEAD + at };
        }
        let (mut end, mut last) = (front, None);
        for (at, hole) in holes {
            let before = Constant::new(&bytes[end..*at]);
            let (index, place) = match (hole, stamp) {
                (Hole::Json(index), Some(stamp)) if stamp.index == *index => {
                    (*index, Place::Stamp { at: HEAD + stamp.at, text: None })
                }
                (Hole::Binary(index), Some(stamp)) if stamp.index == *index => {
                    (*index, Place::Stamp { at: HEAD + stamp.at, text: Some(HEAD + stamp.text) })
                }
                (Hole::Json(index), _) => (*index, Place::Json { before }),
                (Hole::Binary(index), _) => (*index, Place::Binary { before }),
                (Hole::Opaque, _) => return None,
            };
            // A stamp is in the front, and what stands in holes is written in the order of the values.
            let is_in_order = last.is_none_or(|last| last < index && !matches!(place, Place::Stamp { .. }));
            if !is_in_order {
                return None;
            }
            places[index] = place;
            (end, last) = (*at, Some(index));
        }
        let lengths = (u64::from(type_byte(encoding)) << TYPE_BYTE).to_be_bytes();
        Some(Self {
            encoding,
            front: [&lengths, &bytes[..front]].concat().into(),
            places,
            back: bytes[back..].into(),
            opaque,
            block: block.map(|block| HEAD + block),
        })
    }

    /// Bytes of room that the head needs.
    pub(super) fn room(&self, values: &[FieldValue<'_>]) -> usize {
        let pieces = self.places.iter().map(|place| match place {
            Place::Json { before } | Place::Binary { before } => before.room(),
            Place::Nowhere | Place::Millis { .. } | Place::Stamp { .. } => 0,
        });
        let values = values.iter().map(FieldValue::room);
        self.front.len() + pieces.chain(values).sum::<usize>() + self.back.len()
    }

    /// Writes length word, header length word and header, for a frame with `body` bytes of body.
    #[inline(always)]
    pub(super) fn write<'p>(
        &self,
        values: &[FieldValue<'_>; N],
        opaque: i32,
        body: usize,
        limits: &FrameLimits,
        pen: Pen<'p>,
    ) -> Option<Pen<'p>> {
        let before = pen.left();
        let (front, mut pen) = pen.piece(&self.front)?;
        for (place, value) in self.places.iter().zip(values) {
            pen = match place {
                Place::Millis { at } => {
                    decimal::put_millis(value.number()?, slot(front, *at)?)?;
                    pen
                }
                Place::Stamp { at, text } => {
                    let (stamp, rest) = value.stamped()?;
                    put_twelve_digits(stamp, slot(front, *at)?);
                    if let Some(text) = text {
                        put_length(front, *text, front.len() + rest.len())?;
                    }
                    if rest.len() == 0 { pen } else { pen.slice(rest.carried(self.encoding)?)? }
                }
                Place::Json { before } => value.write_json(before.write(pen)?)?,
                Place::Binary { before } => value.write_binary(before.write(pen)?)?,
                Place::Nowhere => pen,
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
        let head = before - pen.left();
        if let Some(block) = self.block {
            put_length(front, block, head)?;
        }

        let (header, total) = (head - HEAD, head + body);
        let length = u32::try_from(total - LENGTH_WORD).ok()?;
        if header > MAX_HEADER.min(limits.max_header_bytes) || total > limits.max_frame_bytes || length > MAX_LENGTH {
            return None;
        }
        let words = front.first_chunk_mut()?;
        *words = (u64::from(length) << 32 | u64::from_be_bytes(*words) | header as u64).to_be_bytes();
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

/// Where the type byte stands in the two words of lengths, in bits.
const TYPE_BYTE: u32 = 24;
