//! Compression of message bodies: which bodies, in which way, and how they are read back.
//!
//! Compressed bytes and their flag bits are made together, so that they cannot disagree; a body that could not be
//! compressed is an error here and travels as it was. What is unpacked is bounded while it is unpacked.

mod decompress;
#[cfg(feature = "lz4")]
mod lz4;
mod options;
mod state_pool;
mod unpacked;
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

pub use decompress::{DecompressError, DecompressLimits, decompress, plain_body};
#[cfg(feature = "lz4")]
pub use lz4::Lz4;
pub use rmq_message::CompressionType;
pub use zlib::Zlib;
#[cfg(feature = "zstd")]
pub use zstd::Zstd;

/// Which bodies a producer compresses, and how. Default: zlib of level 5 from 4,096 bytes, as Java.
///
/// A body that gets no shorter is sent as it is (in Java compressed all the same). As in Java, the limit of the body counts
/// what was there before. Batches are never compressed.
///
/// ```
/// use rmq_producer::compression::Compression;
///
/// let fast = Compression::zlib().level(1).over(64 * 1024);
/// let none = Compression::off();
/// # assert!(fast.applies_to(65536) && !none.applies_to(65536));
/// ```
#[derive(Clone)]
pub struct Compression {
    compressor: Option<Arc<dyn Compressor>>,
    /// Made here, so that its level can be changed.
    built_in: bool,
    level: i32,
    over_bytes: usize,
}

impl Compression {
    /// From how many bytes a body is compressed by default.
    #[doc(alias = "compressMsgBodyOverHowmuch")]
    pub const DEFAULT_OVER_BYTES: usize = 4096;
    /// The level by default.
    #[doc(alias = "rocketmq.message.compressLevel")]
    pub const DEFAULT_LEVEL: i32 = 5;

    /// By zlib: every consumer reads it.
    pub fn zlib() -> Self {
        Self::built_in(Zlib::new(Self::DEFAULT_LEVEL))
    }

    /// By LZ4: fast; consumers since 4.9.4 read it. It has no levels.
    #[cfg(feature = "lz4")]
    pub fn lz4() -> Self {
        Self::built_in(Lz4::new())
    }

    /// By Zstandard: smaller than zlib and faster; consumers since 4.9.4 read it.
    #[cfg(feature = "zstd")]
    pub fn zstd() -> Self {
        Self::built_in(Zstd::new(Self::DEFAULT_LEVEL))
    }

    /// By a compressor of one's own.
    pub fn own(compressor: impl Compressor) -> Self {
        Self::shared(Arc::new(compressor))
    }

    /// By a compressor that others use too.
    pub fn shared(compressor: Arc<dyn Compressor>) -> Self {
        let (level, over_bytes) = (Self::DEFAULT_LEVEL, Self::DEFAULT_OVER_BYTES);
        Self { compressor: Some(compressor), built_in: false, level, over_bytes }
    }

    /// Never.
    #[must_use]
    pub fn off() -> Self {
        Self { compressor: None, built_in: true, level: Self::DEFAULT_LEVEL, over_bytes: usize::MAX }
    }

    /// Sets the level, from fast to small. Default: 5. zlib has 0 (none) to 9, and −1 for its own default, which is 6;
    /// Zstandard has 1 to 22; what lies outside is taken as the nearest. LZ4 and own compressors ignore it.
    #[doc(alias("compressLevel", "rocketmq.message.compressLevel"))]
    #[must_use]
    pub fn level(mut self, level: i32) -> Self {
        self.level = level;
        let kind = self.compression_type().filter(|_| self.built_in);
        match kind {
            Some(CompressionType::Zlib) => self.compressor = Some(Arc::new(Zlib::new(level))),
            #[cfg(feature = "zstd")]
            Some(CompressionType::Zstd) => self.compressor = Some(Arc::new(Zstd::new(level))),
            _ => {}
        }
        self
    }

    /// Compresses bodies of so many bytes and more. Default: 4,096.
    #[doc(alias("compressMsgBodyOverHowmuch", "compressBodyOverHowmuch"))]
    #[must_use]
    pub fn over(mut self, bytes: usize) -> Self {
        self.over_bytes = bytes;
        self
    }

    /// In which way; `None` = not at all.
    #[doc(alias = "compressType")]
    #[must_use]
    pub fn compression_type(&self) -> Option<CompressionType> {
        self.compressor.as_ref().map(|compressor| compressor.compression_type())
    }

    /// From how many bytes a body is compressed.
    #[must_use]
    pub fn over_bytes(&self) -> usize {
        self.over_bytes
    }

    /// Whether a body of this length is compressed.
    #[must_use]
    pub fn applies_to(&self, body_bytes: usize) -> bool {
        self.compressor.is_some() && body_bytes >= self.over_bytes
    }

    /// Compresses a body if it is long enough: the bytes to send and their type, for
    /// [`SysFlag::with_compression`](rmq_message::SysFlag::with_compression); `None` = it is sent as it is.
    ///
    /// Runs on the caller's thread: by zlib of level 5 some 25 µs for 4 KiB, and 7 ms for 1 MiB.
    ///
    /// # Errors
    /// The compressor failed or panicked: the body can still be sent as it is.
    pub fn compress(&self, body: &[u8]) -> Result<Option<(Bytes, CompressionType)>, CompressError> {
        let Some(compressor) = self.compressor.as_ref().filter(|_| body.len() >= self.over_bytes) else {
            return Ok(None);
        };
        // An own compressor may panic; what it leaves behind is its own, and ours take their state with them.
        let compressed = catch_unwind(AssertUnwindSafe(|| (compressor.compress(body), compressor.compression_type())));
        match compressed {
            Ok((bytes, kind)) => Ok(Some((bytes?, kind))),
            Err(_) => Err(CompressError::new("the compressor panicked")),
        }
    }

    fn built_in(compressor: impl Compressor) -> Self {
        Self { built_in: true, ..Self::own(compressor) }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::zlib()
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.compression_type() {
            None => f.write_str("Compression(off)"),
            Some(kind) => write!(f, "Compression({kind} over {} bytes)", self.over_bytes),
        }
    }
}

/// Compresses bodies; called by many tasks at once.
///
/// ```
/// use bytes::Bytes;
/// use rmq_producer::compression::{CompressError, Compression, CompressionType, Compressor, Zlib};
///
/// /// Compresses what holds little but text, and leaves the rest to be sent as it is.
/// struct TextOnly(Zlib);
///
/// impl Compressor for TextOnly {
///     fn compression_type(&self) -> CompressionType {
///         self.0.compression_type()
///     }
///
///     fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
///         std::str::from_utf8(body).map_err(CompressError::new)?;
///         self.0.compress(body)
///     }
/// }
///
/// let compression = Compression::own(TextOnly(Zlib::new(9)));
/// # assert!(compression.compress(&[b'a'; 4096]).is_ok() && compression.compress(&[0xFF; 4096]).is_err());
/// ```
pub trait Compressor: Send + Sync + 'static {
    /// What its output is, as the flag of the message says it to consumers; always the same.
    fn compression_type(&self) -> CompressionType;

    /// Compresses a body: one whole stream or frame of the type, as `java.util.zip`, lz4-java or zstd-jni read it.
    ///
    /// # Errors
    /// Whatever keeps it from that; the body is then sent as it is.
    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError>;
}

/// A body was not compressed.
#[derive(Debug, thiserror::Error)]
#[error("the body could not be compressed")]
pub struct CompressError {
    source: Box<dyn Error + Send + Sync>,
}

impl CompressError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: cause.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Own(fn() -> Result<Bytes, CompressError>);

    impl Compressor for Own {
        fn compression_type(&self) -> CompressionType {
            CompressionType::Lz4
        }

        fn compress(&self, _: &[u8]) -> Result<Bytes, CompressError> {
            (self.0)()
        }
    }

    #[test]
    fn bodies_from_4096_bytes_on_are_compressed() {
        let compression = Compression::default();
        assert_eq!(compression.compress(&[7; 4095]).unwrap(), None);
        let (bytes, kind) = compression.compress(&[7; 4096]).unwrap().unwrap();
        assert_eq!(kind, CompressionType::Zlib);
        assert!(bytes.starts_with(&[0x78, 0x5E]), "level 5");
        assert!(bytes.len() < 100);
    }

    #[test]
    fn threshold_and_level_can_be_set_in_any_order() {
        for compression in [Compression::zlib().level(9).over(2), Compression::zlib().over(2).level(9)] {
            assert_eq!(compression.compress(b"a").unwrap(), None);
            let (bytes, _) = compression.compress(b"aa").unwrap().unwrap();
            assert!(bytes.starts_with(&[0x78, 0xDA]));
        }
        assert!(Compression::default().over(0).applies_to(0));
    }

    #[test]
    fn off_compresses_nothing_whatever_else_is_set() {
        let off = Compression::off().level(9).over(0);
        assert!(!off.applies_to(usize::MAX));
        assert_eq!(off.compress(&[7; 5000]).unwrap(), None);
        assert_eq!(format!("{off:?}"), "Compression(off)");
    }

    #[test]
    fn an_own_compressor_decides_bytes_and_type_and_keeps_its_level() {
        let own = Compression::own(Own(|| Ok(Bytes::from_static(b"packed")))).level(9);
        let (bytes, kind) = own.compress(&[7; 5000]).unwrap().unwrap();
        assert_eq!((&bytes[..], kind), (&b"packed"[..], CompressionType::Lz4));
        assert_eq!(format!("{own:?}"), "Compression(LZ4 over 4096 bytes)");
    }

    #[test]
    fn a_compressor_that_fails_or_panics_is_an_error_with_a_cause() {
        let failing: [fn() -> Result<Bytes, CompressError>; 2] = [|| Err(CompressError::new("no")), || panic!("ouch")];
        for (fail, cause) in failing.into_iter().zip(["no", "the compressor panicked"]) {
            let error = Compression::own(Own(fail)).compress(&[7; 5000]).unwrap_err();
            assert_eq!(error.to_string(), "the body could not be compressed");
            assert_eq!(error.source().map(ToString::to_string).as_deref(), Some(cause));
        }
    }
}
