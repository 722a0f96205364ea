//! MqVersion: the release a peer says it is, as one number.
//!
//! Two numbers per release, the snapshot first; the numbers of 4.0.0 to 5.9.9 follow one formula.

use std::fmt;

/// A release of Apache RocketMQ as commands carry it: the ordinal of Java's enum of releases.
#[doc(alias = "org.apache.rocketmq.common.MQVersion")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MqVersion(pub i32);

impl MqVersion {
    /// What this crate's commands say: 5.5.0.
    #[doc(alias = "CURRENT_VERSION")]
    pub const CURRENT: Self = Self(513);

    /// The final release `major.minor.patch`, for 4.0.0 to 5.9.9. `None` outside of that range.
    pub const fn release(major: i32, minor: i32, patch: i32) -> Option<Self> {
        if major < 4 || major > 5 || minor < 0 || minor > 9 || patch < 0 || patch > 9 {
            return None;
        }
        Some(Self(FIRST + 200 * (major - 4) + 20 * minor + 2 * patch))
    }
}

impl fmt::Display for MqVersion {
    /// `5.5.0`, `5.5.0-SNAPSHOT`, or `version 7` for numbers outside of 4.0.0 to 5.9.9.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.saturating_sub(FIRST - 1);
        if !(0..400).contains(&steps) {
            return write!(f, "version {}", self.0);
        }
        write!(f, "{}.{}.{}", 4 + steps / 200, steps % 200 / 20, steps % 20 / 2)?;
        if steps % 2 == 0 { f.write_str("-SNAPSHOT") } else { Ok(()) }
    }
}

impl fmt::Debug for MqVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of release 4.0.0.
const FIRST: i32 = 213;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        assert_eq!(MqVersion::release(5, 5, 0), Some(MqVersion::CURRENT));
        assert_eq!(MqVersion::release(4, 9, 7), Some(MqVersion(407)));
        assert_eq!(MqVersion(407).to_string(), "4.9.7");
        assert_eq!(MqVersion(512).to_string(), "5.5.0-SNAPSHOT");
        assert_eq!(MqVersion::release(6, 0, 0), None);
        assert_eq!(MqVersion(121).to_string(), "version 121");
        assert_eq!(MqVersion(i32::MIN).to_string(), format!("version {}", i32::MIN));
    }
}
