//! Pen: writes into room that is there, one thing behind the other.
//!
//! `None` = there is not enough room. Nothing grows here, which is what makes it quick; and a pen is handed on from step to step, so that it
//! stays in registers.

#[derive(Debug)]
#[allow(unnameable_types, reason = "a sealed trait has it in a method")]
pub struct Pen<'a> {
    rest: &'a mut [u8],
}

impl<'a> Pen<'a> {
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        Self { rest: room }
    }

    /// Bytes of the room that are left.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Writes `bytes`, but of them only the first `length` are to stay: what comes next is written over the others.
    #[inline]
    pub(crate) fn block<const N: usize>(self, bytes: [u8; N], length: usize) -> Option<Self> {
        *self.rest.first_chunk_mut()? = bytes;
        Some(Self { rest: self.rest.get_mut(length..)? })
    }

    #[inline]
    pub(crate) fn slice(self, bytes: &[u8]) -> Option<Self> {
        self.piece(bytes).map(|(_, pen)| pen)
    }

    /// Writes `bytes`, and returns the place where they stand now.
    #[inline]
    pub(crate) fn piece(self, bytes: &[u8]) -> Option<(&'a mut [u8], Self)> {
        let (place, rest) = self.rest.split_at_mut_checked(bytes.len())?;
        place.copy_from_slice(bytes);
        Some((place, Self { rest }))
    }

    /// Leaves out a place that is written later.
    #[inline]
    pub(crate) fn place<const N: usize>(self) -> Option<(&'a mut [u8; N], Self)> {
        let (place, rest) = self.rest.split_first_chunk_mut()?;
        Some((place, Self { rest }))
    }

    /// Writes a text, which mostly is a short one: such are written as two blocks that overlap.
    #[inline]
    pub(crate) fn text(self, bytes: &[u8]) -> Option<Self> {
        match (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            (Some(first), Some(last)) if bytes.len() <= 32 => {
                let [first, last] = [first, last].map(|block| u128::from_le_bytes(*block).to_le_bytes());
                self.block(first, bytes.len() - 16)?.block(last, 16)
            }
            _ => match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
                (Some(first), Some(last)) if bytes.len() <= 16 => {
                    let [first, last] = [first, last].map(|block| u64::from_le_bytes(*block).to_le_bytes());
                    self.block(first, bytes.len() - 8)?.block(last, 8)
                }
                _ => self.slice(bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stands_one_behind_the_other() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..=bytes.len() {
            for room in [0, 10, length, length + 7, length + 8, length + 100] {
                let mut out = vec![0xFF; room];
                let pen = Pen::new(&mut out);
                let written = pen.text(&bytes[..length]).and_then(|pen| pen.block(*b"end     ", 3));
                match written.map(|pen| room - pen.left()) {
                    Some(written) => assert_eq!(out[..written], [&bytes[..length], b"end"].concat()),
                    None => assert!(room < length + 8, "{room} for {length}"),
                }
            }
        }
    }
}
