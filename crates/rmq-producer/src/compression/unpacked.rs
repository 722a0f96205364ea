//! The body that comes out of a decoder, and where it has to stop.
//!
//! Never longer than its limit by more than a byte, and never given more memory than that.

use bytes::Bytes;

use super::decompress::{DecompressError, DecompressLimits};

/// What is unpacked so far. It grows by and by, and never beyond its limit by more than a byte.
pub(super) struct Unpacked {
    bytes: Vec<u8>,
    input_bytes: usize,
    limits: DecompressLimits,
    limit: usize,
}

impl Unpacked {
    pub(super) fn new(input_bytes: usize, limits: &DecompressLimits) -> Self {
        let limit = limits.limit(input_bytes);
        let first = input_bytes.saturating_mul(3).clamp(64, 256 * 1024).min(limit.saturating_add(1));
        Self { bytes: Vec::with_capacity(first), input_bytes, limits: limits.clone(), limit }
    }

    /// The bytes with spare capacity behind them, for a decoder that fills just that. What it writes is to be
    /// [checked](Self::check).
    pub(super) fn room(&mut self) -> Result<&mut Vec<u8>, DecompressError> {
        self.check()?;
        if self.bytes.len() == self.bytes.capacity() {
            // the byte beyond the limit tells a body that ends there from one that goes on
            self.grow(self.bytes.len().saturating_add(1));
        }
        Ok(&mut self.bytes)
    }

    /// Refuses what became too large.
    pub(super) fn check(&self) -> Result<(), DecompressError> {
        if self.bytes.len() > self.limit { Err(self.refusal()) } else { Ok(()) }
    }

    /// Makes room for so many bytes in all, and for twice as many as before where the limit allows it.
    fn grow(&mut self, length: usize) {
        if length > self.bytes.capacity() {
            let roomy = self.bytes.capacity().saturating_mul(2).min(self.limit.saturating_add(1));
            self.bytes.reserve_exact(roomy.max(length).saturating_sub(self.bytes.len()));
        }
    }

    fn refusal(&self) -> DecompressError {
        self.limits.refusal(self.input_bytes)
    }

    pub(super) fn into_bytes(mut self) -> Bytes {
        self.bytes.shrink_to_fit();
        self.bytes.into()
    }
}

/// For a decoder of blocks, which knows how much one may hold.
#[cfg(feature = "lz4")]
impl Unpacked {
    /// Lets `write` fill up to `at_most` bytes and say how many those were. It gets fewer where the limit comes first;
    /// what does not fit then is too large.
    pub(super) fn fill(
        &mut self,
        at_most: usize,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Fill>,
    ) -> Result<(), DecompressError> {
        let start = self.bytes.len();
        let room = at_most.min(self.limit.saturating_sub(start));
        self.grow(start.saturating_add(room));
        self.bytes.resize(start.saturating_add(room), 0);
        let written = write(self.bytes.get_mut(start..).unwrap_or_default()).map_err(|fill| match fill {
            Fill::TooSmall(_) if room < at_most => self.refusal(),
            Fill::TooSmall(error) | Fill::Failed(error) => error,
        })?;
        self.bytes.truncate(start.saturating_add(written));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn written_since(&self, start: usize) -> &[u8] {
        self.bytes.get(start..).unwrap_or_default()
    }
}

/// Why [`Unpacked::fill`] was not filled.
#[cfg(feature = "lz4")]
pub(super) enum Fill {
    /// There was too little room; the error counts only if there was all that was asked for.
    TooSmall(DecompressError),
    Failed(DecompressError),
}

#[cfg(test)]
mod tests {
    use super::super::{Compressor, Zlib, zlib};
    use super::*;

    const LIMIT: usize = 1 << 20;

    fn unpacked(packed: &[u8]) -> Unpacked {
        Unpacked::new(packed.len(), &DecompressLimits::default().max_bytes(LIMIT))
    }

    #[test]
    fn a_bomb_takes_no_memory_beyond_the_limit() {
        let packed = Zlib::new(9).compress(&vec![0; 8 << 20]).unwrap();
        let mut out = unpacked(&packed);
        let refused = zlib::decompress(&packed, &mut out);
        assert!(matches!(refused, Err(DecompressError::TooLarge { .. })), "{refused:?}");
        assert_eq!(out.bytes.capacity(), LIMIT + 1);
    }

    #[cfg(feature = "lz4")]
    #[test]
    fn nor_does_one_of_blocks() {
        let packed = super::super::Lz4::new().compress(&vec![0; 8 << 20]).unwrap();
        let mut out = unpacked(&packed);
        let refused = super::super::lz4::decompress(&packed, &mut out);
        assert!(matches!(refused, Err(DecompressError::TooLarge { .. })), "{refused:?}");
        assert!(out.bytes.capacity() <= LIMIT + 1, "{}", out.bytes.capacity());
    }
}
