//! The ways in which a body can be compressed, by name and by code.
//!
//! Only their names: the compressing itself is the producer's work.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How a message body is compressed.
#[doc(alias = "org.apache.rocketmq.common.compression.CompressionType")]
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompressionType {
    /// LZ4 in its frame format; read by consumers since 4.9.4.
    Lz4,
    /// Zstandard; read by consumers since 4.9.4.
    Zstd,
    /// A zlib stream (RFC 1950); read by every consumer.
    Zlib,
}

impl CompressionType {
    /// The code in bits 8 to 10 of the [`SysFlag`](crate::SysFlag): 1, 2 or 3.
    #[doc(alias = "getValue")]
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Lz4 => 1,
            Self::Zstd => 2,
            Self::Zlib => 3,
        }
    }

    /// The type of a code; 0 is zlib too (clients before 4.9.4 wrote no code), `None` beyond 3.
    #[doc(alias = "findByValue")]
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        match code {
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd),
            0 | 3 => Some(Self::Zlib),
            _ => None,
        }
    }

    /// The name as RocketMQ writes it: `LZ4`, `ZSTD`, `ZLIB`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "LZ4",
            Self::Zstd => "ZSTD",
            Self::Zlib => "ZLIB",
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads the name, upper or lower case, white space around it ignored.
impl FromStr for CompressionType {
    type Err = UnknownCompressionType;

    fn from_str(name: &str) -> Result<Self, UnknownCompressionType> {
        [Self::Lz4, Self::Zstd, Self::Zlib]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))
            .ok_or(UnknownCompressionType)
    }
}

/// The text names no compression type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a compression type: one of LZ4, ZSTD, ZLIB is expected")]
pub struct UnknownCompressionType;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_come_back() {
        for kind in [CompressionType::Lz4, CompressionType::Zstd, CompressionType::Zlib] {
            assert_eq!(CompressionType::from_code(kind.code()), Some(kind));
            assert_eq!(kind.to_string().to_lowercase().parse(), Ok(kind));
        }
    }
}
