//! Reading compressed bodies back: replies to requests, and stored messages in tests.
//!
//! No input makes more output than its limit: what would go beyond is refused while it is unpacked, not afterwards.

use std::error::Error;

use bytes::Bytes;
use rmq_message::{CompressionType, SysFlag};

use super::unpacked::Unpacked;
use super::zlib;

/// How large a body may become when it is unpacked.
///
/// The ratio bounds what a small body may grow to, but it leaves alone whatever a producer with default limits can have
/// sent: 4 MiB of zeros pack into 4 KiB of zlib, or some hundred bytes of Zstandard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecompressLimits {
    max_bytes: usize,
    max_ratio: usize,
}

impl DecompressLimits {
    /// The longest body by default: 16 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 16 * 1024 * 1024;
    /// The most that one byte may become by default: 1,000 bytes.
    pub const DEFAULT_MAX_RATIO: usize = 1000;
    /// Up to here the ratio does not count: 4 MiB, the longest body that a producer sends by default.
    pub const FREE_OF_RATIO_BYTES: usize = 4 * 1024 * 1024;

    /// Bounds the unpacked body, in bytes. Default: 16 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Bounds what the packed bytes may become, each. Default: 1,000; counts beyond 4 MiB only.
    #[must_use]
    pub fn max_ratio(mut self, ratio: usize) -> Self {
        self.max_ratio = ratio;
        self
    }

    pub(super) fn refusal(&self, input_bytes: usize) -> DecompressError {
        if self.limit(input_bytes) == self.max_bytes {
            DecompressError::TooLarge { limit: self.max_bytes }
        } else {
            DecompressError::RatioTooHigh { limit: self.max_ratio }
        }
    }

    pub(super) fn limit(&self, input_bytes: usize) -> usize {
        input_bytes.saturating_mul(self.max_ratio).max(Self::FREE_OF_RATIO_BYTES).min(self.max_bytes)
    }
}

impl Default for DecompressLimits {
    fn default() -> Self {
        Self { max_bytes: Self::DEFAULT_MAX_BYTES, max_ratio: Self::DEFAULT_MAX_RATIO }
    }
}

/// Unpacks the body of a message whose flag says that it is compressed; another body comes back as it is.
///
/// # Errors
/// See [`decompress`]; and a compression type that does not exist.
#[doc(alias = "MessageSysFlag")]
pub fn plain_body(flag: SysFlag, body: &Bytes, limits: &DecompressLimits) -> Result<Bytes, DecompressError> {
    if !flag.is_compressed() {
        return Ok(body.clone());
    }
    let kind = flag.compression_type().ok_or(DecompressError::UnknownType { flag })?;
    decompress(kind, body, limits)
}

/// Unpacks a body, as the Java classes do:
///
/// | input | zlib | LZ4 | Zstandard |
/// |---|---|---|---|
/// | several streams or frames | the first | all | all |
/// | bytes after the end | ignored | an error | ignored |
/// | nothing | an empty body | an error | an empty body |
/// | cut off, garbage | an error | an error | an error |
///
/// # Errors
/// The bytes are not of the type, end too early, would become too large, or the crate's feature for the type is off.
#[doc(alias = "uncompress")]
pub fn decompress(kind: CompressionType, input: &[u8], limits: &DecompressLimits) -> Result<Bytes, DecompressError> {
    let mut out = Unpacked::new(input.len(), limits);
    match kind {
        CompressionType::Zlib => zlib::decompress(input, &mut out)?,
        #[cfg(feature = "lz4")]
        CompressionType::Lz4 => super::lz4::decompress(input, &mut out)?,
        #[cfg(feature = "zstd")]
        CompressionType::Zstd => super::zstd::decompress(input, &mut out)?,
        _ => return Err(DecompressError::NotBuilt { kind }),
    }
    Ok(out.into_bytes())
}

/// A body was not unpacked.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// It ends before its end mark.
    #[error("the compressed body is cut off")]
    Truncated,
    /// It is something else, or damaged.
    #[error("the body is not what {kind} makes")]
    Malformed {
        /// What it should be.
        kind: CompressionType,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It would become larger than any body may be.
    #[error("the body unpacks to more than {limit} bytes")]
    TooLarge {
        /// The longest body, in bytes.
        limit: usize,
    },
    /// It would become too large for so few bytes.
    #[error("the body unpacks to more than {limit} times its length")]
    RatioTooHigh {
        /// The highest ratio.
        limit: usize,
    },
    /// The flag names a compression type that does not exist.
    #[error("nobody knows the compression type of {flag:?}")]
    UnknownType {
        /// The flag.
        flag: SysFlag,
    },
    /// The crate was built without the type.
    #[error("a {kind} body came, but rmq-producer is built without the feature for it")]
    NotBuilt {
        /// The type.
        kind: CompressionType,
    },
}

impl DecompressError {
    pub(super) fn malformed(kind: CompressionType, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Malformed { kind, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Compressor, Zlib};
    use super::*;

    fn zeros(bytes: usize) -> Bytes {
        Zlib::new(9).compress(&vec![0; bytes]).expect("zlib takes anything")
    }

    fn unpacked(packed: &[u8], limits: &DecompressLimits) -> Result<usize, DecompressError> {
        decompress(CompressionType::Zlib, packed, limits).map(|plain| plain.len())
    }

    #[test]
    fn a_body_may_have_just_the_length_of_the_limit() {
        for length in [1, 63, 64, 65, 1000, 300_000] {
            let packed = zeros(length);
            let limits = DecompressLimits::default().max_bytes(length);
            assert_eq!(unpacked(&packed, &limits).unwrap(), length);
            let error = unpacked(&packed, &limits.max_bytes(length - 1)).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge { limit } if limit == length - 1), "{error:?}");
        }
    }

    #[test]
    fn four_mebibytes_of_zeros_are_a_message_and_no_bomb() {
        let length = DecompressLimits::FREE_OF_RATIO_BYTES;
        let packed = zeros(length);
        assert!(length / packed.len() > DecompressLimits::DEFAULT_MAX_RATIO, "the ratio alone would refuse it");
        assert_eq!(unpacked(&packed, &DecompressLimits::default()).unwrap(), length);
    }

    #[test]
    fn a_bomb_is_refused_for_its_ratio_or_its_size() {
        let limits = DecompressLimits::default();
        let error = unpacked(&zeros(DecompressLimits::FREE_OF_RATIO_BYTES + 100_000), &limits).unwrap_err();
        assert!(matches!(error, DecompressError::RatioTooHigh { limit: 1000 }), "{error:?}");
        let error = unpacked(&zeros(DecompressLimits::DEFAULT_MAX_BYTES + 1), &limits.max_ratio(2000)).unwrap_err();
        assert!(matches!(error, DecompressError::TooLarge { limit } if limit == 16 << 20), "{error:?}");
    }

    #[test]
    fn a_limit_of_nothing_lets_an_empty_body_through() {
        let limits = DecompressLimits::default().max_bytes(0);
        assert_eq!(unpacked(&zeros(0), &limits).unwrap(), 0);
        assert!(unpacked(&zeros(1), &limits).is_err());
        assert!(unpacked(&zeros(1), &limits.max_bytes(usize::MAX).max_ratio(usize::MAX)).is_ok());
    }

    #[test]
    fn a_body_that_is_not_compressed_comes_back_as_it_is() {
        let body = Bytes::from_static(b"plain");
        let limits = DecompressLimits::default();
        let same = plain_body(SysFlag(0x300), &body, &limits).unwrap();
        assert_eq!(same.as_ptr(), body.as_ptr(), "shared, not copied");
        let packed = Zlib::new(5).compress(&body).unwrap();
        for zlib in [SysFlag(0x1), SysFlag(0x301)] {
            assert_eq!(plain_body(zlib, &packed, &limits).unwrap(), body);
        }
        let error = plain_body(SysFlag(0x401), &packed, &limits).unwrap_err();
        assert!(matches!(error, DecompressError::UnknownType { .. }), "{error:?}");
    }

    #[cfg(not(feature = "zstd"))]
    #[test]
    fn a_type_that_is_not_built_in_says_so() {
        let error = decompress(CompressionType::Zstd, b"", &DecompressLimits::default()).unwrap_err();
        assert_eq!(error.to_string(), "a ZSTD body came, but rmq-producer is built without the feature for it");
    }
}
