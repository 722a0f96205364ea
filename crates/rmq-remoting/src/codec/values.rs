//! Values: the texts in which one header differs from its skeleton, without an allocation.

use super::plain_text::{is_plain_block, is_usual_block};

/// The varying texts of one header, in their order.
#[derive(Clone)]
#[repr(align(8))]
pub(crate) struct Values {
    text: [u8; Self::BYTES],
    bounds: Bounds,
}

/// Where each text starts, and where it ends and the next one starts.
pub(crate) type Bounds = [u8; Values::MOST + 1];

impl Values {
    /// Two ids of 32 digits and two numbers. The whole answer then is no larger than 112 bytes.
    const BYTES: usize = 80;
    pub(super) const MOST: usize = 7;

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

/// Where the texts of an answer are put in by somebody who knows their places: each with what is behind it, over which the next one goes.
#[derive(Debug)]
pub(crate) struct Room([u8; Values::BYTES + WIDE]);

/// As much as most texts are long at most.
pub(super) const WIDE: usize = 32;

impl Room {
    /// Puts in a text at `start`, and what is behind it.
    #[inline(always)]
    pub(super) fn put_wide(&mut self, start: usize, text: &[u8; WIDE]) -> Option<()> {
        *self.0.get_mut(start..)?.first_chunk_mut()? = *text;
        Some(())
    }

    /// Puts in a text at `start`, and nothing else.
    #[inline]
    pub(super) fn put(&mut self, start: usize, text: &[u8]) -> Option<()> {
        copy(self.0.get_mut(start..)?, text)
    }

    /// Whether what was put in is plain, as far as `end`, where the last text ends.
    #[inline(always)]
    pub(super) fn is_plain(&mut self, end: usize) -> bool {
        // So that all of it can be looked at, whatever its length: behind the last text is nothing odd.
        match self.0.get_mut(end..).and_then(<[u8]>::first_chunk_mut::<WIDE>) {
            Some(behind) => *behind = [b'0'; WIDE],
            None => return false,
        }
        is_usual_block(self.text()) || self.is_plain_though_unusual(end)
    }

    /// The same of texts with other characters, or of few texts where there were more of another kind before.
    #[inline(never)]
    fn is_plain_though_unusual(&mut self, end: usize) -> bool {
        self.0[end..].fill(b'0');
        is_plain_block(self.text())
    }

    /// What was put in, with its bounds.
    #[inline(always)]
    pub(crate) fn values(&self, bounds: Bounds) -> Values {
        Values { text: *self.text(), bounds }
    }

    /// Puts in all of these values; returns their bounds.
    pub(crate) fn hold(&mut self, values: &Values) -> Bounds {
        if let Some(text) = self.0.first_chunk_mut() {
            *text = values.text;
        }
        values.bounds
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
    fn a_room_takes_plain_texts_and_no_others() {
        let mut bounds = Bounds::default();
        (bounds[1], bounds[2]) = (3, 8);
        let mut room = Room::default();
        for _ in 0..3 {
            assert!(room.put_wide(0, b"0123456789abcdefghijklmnopqrstuv").is_some());
            assert!(room.put_wide(3, b"abcde\"\\fghijklmnopqrstuvwxyz0123").is_some() && room.is_plain(8));
            let values = room.values(bounds);
            assert_eq!((values.text(0), values.text(1)), ("012", "abcde"));
            assert!(room.put(0, b"\\\\\"").is_some() && !room.is_plain(3), "odd texts");
            assert!(room.put_wide(0, &[b'"'; 32]).is_some() && room.is_plain(0), "none");
        }
        assert!(room.put_wide(Values::BYTES + 1, &[b'x'; 32]).is_none(), "no room");
        assert!(room.put(Values::BYTES + 1, &[b'x'; 32]).is_none(), "no room");
        assert!(!room.is_plain(Values::BYTES + 1), "no room");
    }

    #[test]
    fn a_room_holds_all_values() {
        let mut values = Putting::new();
        assert!(values.put(&[b'x'; 70], 70) && values.put(b"0123456789", 10));
        let mut room = Room::default();
        let bounds = room.hold(&values.0);
        let held = room.values(bounds);
        assert_eq!((held.text(0), held.text(1), held.text(2)), (values.0.text(0), "0123456789", ""));
    }
}
