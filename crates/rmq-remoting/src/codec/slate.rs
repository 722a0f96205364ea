//! Slate: bytes, and room behind them that may be written in place.
//!
//! To append to a `Vec` is to look each time whether it has to grow, and to be ready for that. Here whoever writes several things gets room
//! for all of them at once, which was filled with zeros before.

use super::pen::Pen;

#[derive(Clone, Debug, Default)]
pub(crate) struct Slate {
    /// As long as the room reaches.
    bytes: Vec<u8>,
    filled: usize,
    /// For what can only be appended to a `Vec`.
    aside: Vec<u8>,
}

impl Slate {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), filled: 0, aside: Vec::new() }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.filled
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Bytes that are allocated.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.aside.capacity()
    }

    /// Forgets what is written; the room stays.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Appends what `write` writes, if there is room. `None`: there is not, or it wrote nothing that counts.
    #[inline(always)]
    pub(crate) fn try_write(&mut self, write: impl FnOnce(Pen<'_>) -> Option<Pen<'_>>) -> Option<usize> {
        let room = self.bytes.get_mut(self.filled..)?;
        let before = room.len();
        let written = before - write(Pen::new(room))?.left();
        self.filled += written;
        Some(written)
    }

    /// Appends what `write` writes, which needs no more room than `needs` says. `None`: it wrote nothing that counts, although there was room.
    #[inline]
    pub(crate) fn write(
        &mut self,
        needs: impl FnOnce() -> usize,
        write: impl Fn(Pen<'_>) -> Option<Pen<'_>>,
    ) -> Option<usize> {
        match self.try_write(&write) {
            None if self.make_room(needs()) => self.try_write(write),
            written => written,
        }
    }

    /// Makes room for that many bytes, unless there is.
    #[cold]
    pub(crate) fn make_room(&mut self, needs: usize) -> bool {
        if self.bytes.len() - self.filled >= needs {
            return false;
        }
        // By as much as there is, so that it does not grow often.
        self.bytes.resize(self.filled + needs.max(self.filled.clamp(FIRST, MOST)), 0);
        true
    }

    /// Appends what `write` appends to a `Vec`; nothing on an error. Returns its length.
    pub(crate) fn append_with<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<usize, E> {
        let mut aside = std::mem::take(&mut self.aside);
        let written = write(&mut aside);
        let length = aside.len();
        if written.is_ok() {
            self.write(|| length, |pen| pen.slice(&aside));
        }
        aside.clear();
        self.aside = aside;
        written.map(|()| length)
    }

    /// What is written, without the room.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }
}

const FIRST: usize = 1024;
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_way_it_is_written_the_bytes_stand_in_order() {
        let mut slate = Slate::new();
        let mut expected = Vec::new();
        for round in 0..300_usize {
            let bytes: Vec<u8> = (0..round * 7 % 90).map(|n| (n + round).to_le_bytes()[0]).collect();
            match round % 4 {
                0 => assert_eq!(slate.write(|| bytes.len(), |pen| pen.slice(&bytes)), Some(bytes.len())),
                1 => {
                    assert_eq!(slate.write(|| 10, |pen| pen.slice(b"half").and(None)), None);
                    continue;
                }
                2 => {
                    let refused = slate.append_with(|out| {
                        out.extend_from_slice(b"half");
                        Err(())
                    });
                    assert_eq!(refused, Err(()));
                    continue;
                }
                _ => {
                    let appended = slate.append_with(|out| {
                        out.extend_from_slice(&bytes);
                        Ok::<_, ()>(())
                    });
                    assert_eq!(appended, Ok(bytes.len()));
                }
            }
            expected.extend_from_slice(&bytes);
            assert_eq!((slate.as_slice(), slate.len()), (&expected[..], expected.len()));
        }
        assert_eq!(slate.clone().into_vec(), expected);
        slate.clear();
        assert_eq!(slate.as_slice(), b"");
    }
}
