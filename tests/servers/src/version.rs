//! Version: which release of Apache RocketMQ.
//!
//! Three numbers and nothing else, so that a version can stand in a file name, a variable name and a pom as it is.

use std::fmt;
use std::str::FromStr;

/// A release of Apache RocketMQ, such as 5.5.0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

/// The text is no version of three numbers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no version of three numbers, such as 5.5.0")]
pub struct InvalidVersion {
    text: String,
}

impl Version {
    /// The last 4.x whose servers are complete in the Maven repositories.
    pub const V4_9_7: Self = Self::new(4, 9, 7);
    /// The last complete 5.3.
    pub const V5_3_3: Self = Self::new(5, 3, 3);
    /// The newest release that we test.
    pub const V5_5_0: Self = Self::new(5, 5, 0);
    /// What every run of the whole test suite needs.
    pub const SHARED: [Self; 2] = [Self::V4_9_7, Self::V5_5_0];

    /// Makes a version of its three numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `5.5.0`.
    ///
    /// # Errors
    /// Anything but three numbers with dots between them.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse().ok() } else { None }
        };
        let parts: Option<Vec<u16>> = text.split('.').map(number).collect();
        match parts.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => Err(InvalidVersion { text: text.to_owned() }),
        }
    }

    /// The first number.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.major
    }

    /// The environment variable that hands the name-server address of a running cluster down to tests, such as
    /// `RMQ_TEST_NAMESRV_5_5_0`.
    #[must_use]
    pub fn variable(self) -> String {
        format!("RMQ_TEST_NAMESRV_{}_{}_{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_as_it_is_read() {
        assert_eq!(Version::parse("4.9.7"), Ok(Version::V4_9_7));
        assert_eq!(Version::V5_5_0.to_string(), "5.5.0");
        assert_eq!(Version::V5_3_3.variable(), "RMQ_TEST_NAMESRV_5_3_3");
    }

    #[test]
    fn versions_are_ordered_by_number_and_not_by_letter() {
        assert!(Version::new(5, 10, 0) > Version::V5_5_0);
        assert!(Version::V4_9_7 < Version::V5_3_3);
    }

    #[test]
    fn anything_but_three_numbers_is_refused() {
        for text in ["", "5", "5.5", "5.5.0.1", "5.5.x", "5..0", "5.5.0-SNAPSHOT", "+5.5.0", "5.5.70000", "../5.5"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
