//! What may be done with a topic's queues on one broker.
//!
//! Any number is a [`Perm`]: bits that are not known here are kept, so that they survive reading and writing.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::json;

/// The permission bits of a topic on a broker.
///
/// Its text is that of the Java class: `RW-`, `R--`, `RWX` and so on.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
#[doc(alias("PermName", "PERM_READ", "PERM_WRITE", "PERM_INHERIT"))]
pub struct Perm(pub i32);

impl Perm {
    /// Bit 0: new topics may be created after this one; only the topic `TBW102` has it.
    pub const INHERIT: Self = Self(1);
    /// Bit 1: producers may send.
    pub const WRITE: Self = Self(1 << 1);
    /// Bit 2: consumers may read.
    pub const READ: Self = Self(1 << 2);
    /// Bit 3: the queues hold messages of different priority (5.x).
    pub const PRIORITY: Self = Self(1 << 3);
    /// Reading and writing, what an ordinary topic has.
    pub const READ_WRITE: Self = Self(Self::READ.0 | Self::WRITE.0);

    /// Tells whether producers may send.
    #[must_use]
    #[doc(alias = "isWriteable")]
    pub const fn is_writable(self) -> bool {
        self.contains(Self::WRITE)
    }

    /// Tells whether consumers may read.
    #[must_use]
    #[doc(alias = "isReadable")]
    pub const fn is_readable(self) -> bool {
        self.contains(Self::READ)
    }

    /// Tells whether new topics may be created after this one.
    #[must_use]
    #[doc(alias = "isInherited")]
    pub const fn is_inherited(self) -> bool {
        self.contains(Self::INHERIT)
    }

    /// Tells whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits but for those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bit = |set: bool, letter: char| if set { letter } else { '-' };
        let text = [bit(self.is_readable(), 'R'), bit(self.is_writable(), 'W'), bit(self.is_inherited(), 'X')];
        f.pad(&String::from_iter(text))
    }
}

impl fmt::Debug for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Perm({}, {self})", self.0)
    }
}

impl<'de> Deserialize<'de> for Perm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::number(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_are_not_known_are_kept() {
        let perm: Perm = serde_json::from_str("22").unwrap();
        assert_eq!(perm, Perm::READ_WRITE.with(Perm(16)));
        assert_eq!(serde_json::to_string(&perm).unwrap(), "22");
    }

    #[test]
    fn taking_the_write_bit_away_leaves_the_others() {
        assert_eq!(Perm(7).without(Perm::WRITE), Perm(5));
        assert!(!Perm(7).without(Perm::WRITE).is_writable());
        assert!(Perm(7).without(Perm::WRITE).is_inherited());
    }

    #[test]
    fn the_text_can_be_padded() {
        assert_eq!(format!("[{:>5}]", Perm(6)), "[  RW-]");
        assert_eq!(format!("{:?}", Perm(4)), "Perm(4, R--)");
    }
}
