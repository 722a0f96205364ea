//! Availability: whether real servers can run on this machine, and the one line to print where they cannot.
//!
//! Nothing is fetched and nothing started beyond `java -version`.

use std::env;
use std::sync::Once;

use anyhow::{Result, bail};

use crate::cache::{Cache, say};
use crate::home;
use crate::jdk::Jdk;
use crate::maven;
use crate::version::Version;

/// What this machine lacks to run real servers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Missing {
    what: String,
}

impl Missing {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// `SKIPPED real brokers: why`, to be printed by whoever runs the tests.
    #[must_use]
    pub fn skip_line(&self) -> String {
        format!("SKIPPED real brokers: {self}")
    }
}

/// Whether the servers of [`Version::SHARED`] can run here.
///
/// # Errors
/// What is missing: a JDK of 11 or newer, or Maven while the jars are not in the cache.
pub fn availability() -> Result<(), Missing> {
    availability_of(&Version::SHARED)
}

/// Whether the servers of these versions can run here.
///
/// # Errors
/// What is missing: a JDK of 11 or newer, or Maven while the jars are not in the cache.
pub fn availability_of(versions: &[Version]) -> Result<(), Missing> {
    Jdk::find()?;
    let cached = || match Cache::open() {
        Ok(cache) => versions.iter().all(|version| home::is_cached(&cache, *version)),
        Err(_) => false,
    };
    if maven::find().is_none() && !cached() {
        return Err(Missing::new("no Maven (mvn) on the PATH, and the servers are not in the cache"));
    }
    Ok(())
}

/// `true` where the servers of these versions can run; elsewhere prints, once per process and past the test runner's capture,
/// the line that says why not.
///
/// # Errors
/// With `CI=true` a missing tool is an error: there, real brokers are never skipped.
pub fn available_or_skipped(versions: &[Version]) -> Result<bool> {
    let Err(missing) = availability_of(versions) else { return Ok(true) };
    if is_ci(env::var("CI").ok().as_deref()) {
        bail!("with CI=true real brokers are a must, but: {missing}");
    }
    static SAID: Once = Once::new();
    SAID.call_once(|| say(&missing.skip_line()));
    Ok(false)
}

fn is_ci(variable: Option<&str>) -> bool {
    matches!(variable, Some("true" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skip_line_says_why() {
        assert_eq!(Missing::new("no java").skip_line(), "SKIPPED real brokers: no java");
    }

    #[test]
    fn only_a_true_ci_variable_forbids_skipping() {
        assert!(is_ci(Some("true")) && is_ci(Some("1")));
        assert!(!is_ci(Some("false")) && !is_ci(Some("")) && !is_ci(None));
    }
}
