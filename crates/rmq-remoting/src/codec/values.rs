//! Values: the texts in which one header differs from its skeleton, without an allocation.

use super::plain_text::{is_plain_block, is_usual_block};

/// The varying texts of one header, in their order.
#[derive(Clone)]
pub(crate) struct Values {
    text: [u8; Self::BYTES],
    bounds: Bounds,
}

/// Where each text starts, and where it ends and the next one starts.
pub(super) type Bounds = [u8; Values::MOST + 1];

impl Values {
    /// Two ids of 32 digits and two numbers. The whole answer then is no larger than 112 bytes.
    const BYTES: usize = 80;
    pub(super) const MOST: usize = 8;

    /// Puts in the first `length` bytes of `text`, as the text of this index, behind those of lower ones.
    #[inline]
    pub(super) fn put(&mut self, index: usize, text: &[u8], length: usize) -> Option<()> {
        let start = self.start(index);
        let room = self.text.get_mut(start..)?;
        match (room.first_chunk_mut::<32>(), text.first_chunk::<32>()) {
            // A copy whose length is known is cheaper; the next text goes over what is too much.
            (Some(room), Some(block)) if length <= block.len() => *room = *block,
            _ => copy(room, text.get(..length)?)?,
        }
        // Not above BYTES.
        *self.bounds.get_mut(index + 1)? = u8::try_from(start + length).ok()?;
        Some(())
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Where the text of this index starts.
    #[inline]
    pub(super) fn start(&self, index: usize) -> usize {
        self.bounds.get(index).copied().map_or(Self::BYTES, usize::from)
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let (Some(start), Some(end)) = (self.bounds.get(index), self.bounds.get(index + 1)) else { return &[] };
        self.text.get(usize::from(*start)..usize::from(*end)).unwrap_or_default()
    }

    /// ASCII: it was looked at when it was put in.
    pub(crate) fn text(&self, index: usize) -> &str {
        std::str::from_utf8(self.get(index)).unwrap_or_default()
    }
}

impl Default for Values {
    fn default() -> Self {
        Self { text: [0; Self::BYTES], bounds: Bounds::default() }
    }
}

/// Of its own, so that the copies of known length are not made one with this.
#[inline(never)]
fn copy(room: &mut [u8], text: &[u8]) -> Option<()> {
    room.get_mut(..text.len())?.copy_from_slice(text);
    Some(())
}

/// Where values are laid out that are known to fit: a text is put in with what is behind it, over which the next one goes.
#[derive(Debug)]
pub(super) struct Room([u8; Values::BYTES + WIDE]);

/// As much as most texts are long at most.
const WIDE: usize = 32;

impl Room {
    /// Puts in the first `length` bytes of `text` at `start`.
    #[inline]
    pub(super) fn put(&mut self, start: usize, text: &[u8], length: usize) -> Option<()> {
        match text.first_chunk::<WIDE>() {
            Some(text) if length <= WIDE => {
                *self.0.get_mut(start..)?.first_chunk_mut()? = *text;
                Some(())
            }
            _ => copy(self.0.get_mut(start..)?, text.get(..length)?),
        }
    }

    /// Whether what was put in is plain, as far as `end`, where the last text ends. If not, nothing is in there any more.
    #[inline(always)]
    pub(super) fn is_plain(&mut self, end: usize) -> bool {
        // So that all of it can be looked at, whatever its length: behind the last text is nothing odd.
        match self.0.get_mut(end..).and_then(<[u8]>::first_chunk_mut::<WIDE>) {
            Some(behind) => *behind = [b'0'; WIDE],
            None => return false,
        }
        let plain = is_usual_block(self.text()) || is_plain_block(self.text());
        if !plain {
            *self = Self::default();
        }
        plain
    }

    /// What was put in, with its bounds.
    #[inline]
    pub(super) fn values(&self, bounds: Bounds) -> Values {
        Values { text: *self.text(), bounds }
    }

    #[inline]
    fn text(&self) -> &[u8; Values::BYTES] {
        self.0.first_chunk().unwrap_or(&NO_TEXT)
    }
}

static NO_TEXT: [u8; Values::BYTES] = [0; Values::BYTES];

impl Default for Room {
    fn default() -> Self {
        Self([b'0'; Values::BYTES + WIDE])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts texts in, one behind the other.
    struct Putting(Values, usize);

    impl Putting {
        fn new() -> Self {
            Self(Values::default(), 0)
        }

        fn put(&mut self, text: &[u8], length: usize) -> bool {
            let put = self.0.put(self.1, text, length).is_some();
            self.1 += usize::from(put);
            put
        }
    }

    #[test]
    fn texts_fill_their_room_and_no_more() {
        let mut values = Putting::new();
        assert!(values.put(&[b'x'; 76], 76));
        assert!(!values.put(&[b'y'; 5], 5));
        assert!(values.put(&[b'y'; 40], 4));
        assert!(values.put(b"", 0));
        assert_eq!((values.0.get(0).len(), values.0.text(1), values.0.text(2)), (76, "yyyy", ""));
        let mut values = Putting::new();
        assert!(values.put(b"01234567890123456789012345678901234567890", 5));
        assert!(values.put(&[b'z'; 32], 32) && values.put(&[b'!'; 60], 7));
        assert_eq!((values.0.text(0), values.0.get(1), values.0.text(2)), ("01234", &[b'z'; 32][..], "!!!!!!!"));
        let mut values = Putting::new();
        for _ in 0..Values::MOST {
            assert!(values.put(b"1", 1));
        }
        assert!(!values.put(b"1", 1));
    }

    #[test]
    fn a_room_takes_plain_texts_and_is_clean_after_odd_ones() {
        let mut bounds = Bounds::default();
        (bounds[1], bounds[2]) = (3, 8);
        let mut room = Room::default();
        for _ in 0..3 {
            assert!(room.put(0, b"0123456789", 3).is_some());
            assert!(room.put(3, b"abcde\"\\fghijklmnopqrstuvwxyz0123456789", 5).is_some() && room.is_plain(8));
            let values = room.values(bounds);
            assert_eq!((values.text(0), values.text(1)), ("012", "abcde"));
            assert!(room.put(0, b"\\\\\"", 3).is_some() && !room.is_plain(8), "odd texts");
            assert!(room.put(0, &[b'"'; 40], 0).is_some() && room.is_plain(0), "none");
        }
        assert!(room.put(0, b"012", 4).is_none(), "too short a text");
        assert!(room.put(Values::BYTES + 1, &[b'x'; 32], 3).is_none(), "no room");
        assert!(!room.is_plain(Values::BYTES + 1), "no room");
    }
}
