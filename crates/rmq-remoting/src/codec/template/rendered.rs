//! Rendered: a header written once, with a hole wherever something differs from request to request.
//!
//! Takes whatever a field may hold. Nearly all requests can be written by [`Slotted`](super::slotted::Slotted), which is quicker.

use bytes::BufMut as _;

use super::super::{binary, decimal};
use super::field_value::{AroundStamp, FieldValue};
use super::recorder::{Hole, Recorded};
use crate::FrameError;

#[derive(Clone, Debug)]
pub(super) struct Rendered {
    /// All that does not differ, in one piece.
    constant: Box<[u8]>,
    holes: Box<[(usize, Hole)]>,
    /// The place of a binary opaque.
    opaque: Option<usize>,
    /// Where the ext block of a binary header begins.
    block: Option<usize>,
}

impl Rendered {
    pub(super) fn new(recorded: Recorded) -> Self {
        let Recorded { bytes, holes, opaque, block, .. } = recorded;
        Self { constant: bytes.into(), holes: holes.into(), opaque, block }
    }

    /// Bytes of all that does not differ.
    pub(super) fn len(&self) -> usize {
        self.constant.len()
    }

    /// Appends the header. `around` says what the template has around the stamp of a field.
    pub(super) fn write<'a>(
        &self,
        values: &[FieldValue<'_>],
        around: impl Fn(usize) -> AroundStamp<'a>,
        opaque: i32,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let begin = out.len();
        let mut written = 0;
        for &(at, hole) in &self.holes {
            out.put_slice(&self.constant[written..at]);
            written = at;
            match hole {
                Hole::Json(index) => values[index].put_json(around(index), out),
                Hole::Binary(index) => values[index].put_binary(around(index), out)?,
                Hole::Opaque => decimal::put_decimal(out, opaque.into()),
            }
        }
        out.put_slice(&self.constant[written..]);
        // Both stand before the first hole.
        if let Some(at) = self.opaque {
            out[begin + at..begin + at + 4].copy_from_slice(&opaque.to_be_bytes());
        }
        match self.block {
            Some(block) => binary::put_length_from(begin + block, out),
            None => Ok(()),
        }
    }
}
