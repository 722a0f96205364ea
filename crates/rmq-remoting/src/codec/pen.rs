//! Pen: writes small pieces into room that was made for all of them, without a call or a check of the allocator for each.

use bytes::BytesMut;

use super::decimal::{Decimal, eight_digits, leading_digits};
use super::json::writer;
use super::plain_text::unescaped_run;

/// What a header is written with.
pub(super) trait Write {
    /// Bytes written so far.
    fn at(&self) -> usize;

    fn put(&mut self, piece: &[u8]);

    /// Writes a number in decimal.
    fn decimal(&mut self, number: i64);

    /// Writes what stands between the quotes of `text`, with the escapes of fastjson 2.
    fn escaped(&mut self, text: &str);
}

/// For headers of any length.
impl Write for BytesMut {
    fn at(&self) -> usize {
        self.len()
    }

    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }

    fn decimal(&mut self, number: i64) {
        self.extend_from_slice(Decimal::new(number).as_bytes());
    }

    fn escaped(&mut self, text: &str) {
        writer::escaped(self, text);
    }
}

pub(super) struct Pen<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Pen<'a> {
    /// `room` has to be large enough for all that is written, and [`SPARE`] bytes more. What does not fit is lost.
    pub(super) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// Writes the first `length` bytes; the others will be written over.
    #[inline]
    fn block(&mut self, block: [u8; 8], length: usize) {
        if let Some(room) = self.room.get_mut(self.at..self.at + 8) {
            room.copy_from_slice(&block);
            self.at += length;
        }
    }

    #[inline]
    fn leading(&mut self, number: u64) {
        let (digits, length) = leading_digits(number);
        self.block(digits, length);
    }
}

impl Write for Pen<'_> {
    fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn put(&mut self, piece: &[u8]) {
        if let Some(room) = self.room.get_mut(self.at..self.at + piece.len()) {
            room.copy_from_slice(piece);
            self.at += piece.len();
        }
    }

    #[inline]
    fn decimal(&mut self, number: i64) {
        let Ok(rest) = u64::try_from(number) else { return self.put(Decimal::new(number).as_bytes()) };
        if rest < EIGHT_DIGITS {
            self.leading(rest);
        } else if rest < EIGHT_DIGITS * EIGHT_DIGITS {
            self.leading(rest / EIGHT_DIGITS);
            self.block(eight_digits(rest % EIGHT_DIGITS), 8);
        } else {
            self.put(Decimal::new(number).as_bytes());
        }
    }

    #[inline]
    fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        loop {
            let run = unescaped_run(rest);
            self.put(&rest[..run]);
            let Some((&byte, behind)) = rest[run..].split_first() else { return };
            let (escape, length) = writer::escape(byte);
            self.block(escape, length);
            rest = behind;
        }
    }
}

const EIGHT_DIGITS: u64 = 100_000_000;

/// Room that must be left behind what is written, since whole blocks are.
pub(super) const SPARE: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pen_writes_what_the_slow_writers_write(
            pieces in proptest::collection::vec((".{0,30}", r#"[\x00-\x7f]{0,30}"#, any::<i64>(), 0_i64..12), 0..5),
        ) {
            let mut expected = BytesMut::new();
            let mut room = vec![0xAA; 4096];
            let mut pen = Pen::new(&mut room);
            for (plain, odd, large, small) in &pieces {
                expected.extend_from_slice(plain.as_bytes());
                writer::escaped(&mut expected, odd);
                writer::escaped(&mut expected, plain);
                expected.extend_from_slice(large.to_string().as_bytes());
                expected.extend_from_slice(small.to_string().as_bytes());
                pen.put(plain.as_bytes());
                pen.escaped(odd);
                pen.escaped(plain);
                pen.decimal(*large);
                pen.decimal(*small);
            }
            let written = pen.at();
            prop_assert_eq!(&room[..written], &expected[..]);
        }
    }

    #[test]
    fn without_enough_room_nothing_breaks() {
        for size in 0..40 {
            let mut room = vec![0; size];
            let mut pen = Pen::new(&mut room);
            pen.put(&[1; 20]);
            pen.escaped("a\u{1}b\"c and some more");
            pen.decimal(i64::MIN);
        }
    }
}
