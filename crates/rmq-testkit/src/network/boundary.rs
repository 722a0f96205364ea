//! Finds the ends of frames in a stream of bytes, whatever pieces it comes in.

/// Where in a frame the stream is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Boundary {
    /// The length word as far as it has passed.
    word: u32,
    word_bytes: u8,
    /// Bytes of the frame still to come behind its length word.
    left: u64,
}

impl Boundary {
    /// Whether the next byte begins a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.left == 0 && self.word_bytes == 0
    }

    /// Takes note of bytes that have passed.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= u64::try_from(passed).unwrap_or(self.left);
                bytes = &bytes[passed..];
                continue;
            }
            self.word = self.word << 8 | u32::from(first);
            self.word_bytes += 1;
            bytes = rest;
            if self.word_bytes == 4 {
                self.left = u64::from(self.word);
                self.word_bytes = 0;
                self.word = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_their_length_word_says_in_any_pieces() {
        let stream = [&[0, 0, 0, 2, 7, 7][..], &[0, 0, 0, 0], &[0, 0, 1, 0], &[9; 256]].concat();
        let ends = [0, 6, 10, 270];
        for step in 1..20 {
            let mut boundary = Boundary::default();
            let mut at = 0;
            assert!(boundary.is_between_frames());
            for piece in stream.chunks(step) {
                boundary.pass(piece);
                at += piece.len();
                assert_eq!(boundary.is_between_frames(), ends.contains(&at), "at {at} in steps of {step}");
            }
        }
    }
}
