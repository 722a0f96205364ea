//! The flag word of a message that belongs to RocketMQ, not to the user: compression, transaction, address families.
//!
//! Bits that this crate does not know are kept as they are.

use std::fmt;
use std::ops::BitOr;

use crate::CompressionType;

/// The `sysFlag` of a send request or a stored message.
///
/// A producer sets [`COMPRESSED`](Self::COMPRESSED) with its type bits and the transaction bits; all others are the
/// broker's. The user's own flag word is [`Message::user_flag`](crate::Message::user_flag).
#[doc(alias = "MessageSysFlag")]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SysFlag(pub i32);

impl SysFlag {
    /// The body is compressed; how, [`compression_type`](Self::compression_type) says.
    #[doc(alias = "COMPRESSED_FLAG")]
    pub const COMPRESSED: Self = Self(0x1);
    /// The topic filters by several tags (set by the broker).
    #[doc(alias = "MULTI_TAGS_FLAG")]
    pub const MULTI_TAGS: Self = Self(0x2);
    /// The born host is an IPv6 address (set by the broker).
    #[doc(alias = "BORNHOST_V6_FLAG")]
    pub const BORN_HOST_V6: Self = Self(0x10);
    /// The store host is an IPv6 address (set by the broker).
    #[doc(alias = "STOREHOSTADDRESS_V6_FLAG")]
    pub const STORE_HOST_V6: Self = Self(0x20);
    /// The message holds several and has to be unwrapped (set by the broker).
    #[doc(alias = "NEED_UNWRAP_FLAG")]
    pub const NEED_UNWRAP: Self = Self(0x40);
    /// The message is an inner batch (set by the broker).
    #[doc(alias = "INNER_BATCH_FLAG")]
    pub const INNER_BATCH: Self = Self(0x80);

    const TRANSACTION_MASK: i32 = 0xC;
    const COMPRESSION_SHIFT: u32 = 8;
    const COMPRESSION_MASK: i32 = 0x7 << Self::COMPRESSION_SHIFT;

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the body is compressed.
    #[must_use]
    pub const fn is_compressed(self) -> bool {
        self.contains(Self::COMPRESSED)
    }

    /// How the body is compressed if it is: type bits 0 mean zlib (clients before 4.9.4 wrote none); `None` = a type
    /// that RocketMQ 5.5.0 does not know either. Says nothing about [whether](Self::is_compressed) it is.
    #[doc(alias = "getCompressionType")]
    #[must_use]
    pub const fn compression_type(self) -> Option<CompressionType> {
        CompressionType::from_code((self.0 & Self::COMPRESSION_MASK) >> Self::COMPRESSION_SHIFT)
    }

    /// Marks the body as compressed in this way.
    #[must_use]
    pub const fn with_compression(self, kind: CompressionType) -> Self {
        Self(self.0 & !Self::COMPRESSION_MASK | kind.code() << Self::COMPRESSION_SHIFT | Self::COMPRESSED.0)
    }

    /// Clears the compressed bit and, as Java does, leaves the type bits standing.
    #[doc(alias = "clearCompressedFlag")]
    #[must_use]
    pub const fn without_compression(self) -> Self {
        Self(self.0 & !Self::COMPRESSED.0)
    }

    /// What the message is to a transaction.
    #[doc(alias = "getTransactionValue")]
    #[must_use]
    pub const fn transaction(self) -> TransactionType {
        match self.0 & Self::TRANSACTION_MASK {
            0x4 => TransactionType::Prepared,
            0x8 => TransactionType::Commit,
            0xC => TransactionType::Rollback,
            _ => TransactionType::None,
        }
    }

    /// Replaces the transaction bits.
    #[doc(alias = "resetTransactionValue")]
    #[must_use]
    pub const fn with_transaction(self, kind: TransactionType) -> Self {
        Self(self.0 & !Self::TRANSACTION_MASK | kind.bits())
    }
}

/// What a message is to a transaction: bits 2 and 3 of the flag word.
#[expect(clippy::exhaustive_enums, reason = "two bits have four values")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TransactionType {
    /// An ordinary message.
    #[doc(alias = "TRANSACTION_NOT_TYPE")]
    #[default]
    None,
    /// A half message, not visible to consumers yet.
    #[doc(alias = "TRANSACTION_PREPARED_TYPE")]
    Prepared,
    /// Committed.
    #[doc(alias = "TRANSACTION_COMMIT_TYPE")]
    Commit,
    /// Rolled back.
    #[doc(alias = "TRANSACTION_ROLLBACK_TYPE")]
    Rollback,
}

impl TransactionType {
    /// The two bits in place: 0, 4, 8 or 12, as `commitOrRollback` of END_TRANSACTION takes them too.
    #[must_use]
    pub const fn bits(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Prepared => 0x4,
            Self::Commit => 0x8,
            Self::Rollback => 0xC,
        }
    }
}

impl From<i32> for SysFlag {
    fn from(bits: i32) -> Self {
        Self(bits)
    }
}

impl From<SysFlag> for i32 {
    fn from(flag: SysFlag) -> Self {
        flag.0
    }
}

impl BitOr for SysFlag {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for SysFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SysFlag({:#x})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marking_a_body_replaces_the_type_and_keeps_the_rest() {
        let flag = SysFlag(0x10 | 0x300).with_compression(CompressionType::Lz4);
        assert_eq!(flag, SysFlag(0x10 | 0x101));
        assert_eq!(flag.compression_type(), Some(CompressionType::Lz4));
        assert_eq!(flag.without_compression(), SysFlag(0x10 | 0x100));
    }

    #[test]
    fn a_type_that_nobody_knows_is_none() {
        for code in 4..=7 {
            assert_eq!(SysFlag(code << 8 | 1).compression_type(), None);
        }
    }

    #[test]
    fn transaction_bits_come_back() {
        use TransactionType::{Commit, None, Prepared, Rollback};
        for kind in [None, Prepared, Commit, Rollback] {
            let flag = SysFlag(-1).with_transaction(kind);
            assert_eq!(flag.transaction(), kind);
            assert_eq!(flag.0 | 0xC, -1, "other bits stay");
        }
    }
}
