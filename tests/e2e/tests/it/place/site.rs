//! Site: which kind of cluster a place has, and what follows from that.
//!
//! Where Java or Maven is missing there are no real sites; the line that says so is printed once, and with CI=true that is a failure.

use std::fmt;
use std::time::Duration;

use real_servers::{Version, available_or_skipped};
use rmq_testkit::{Dialect, TestCluster, TestClusterBuilder};
use tokio::runtime::{Builder, Runtime};

/// A kind of cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Scripted, in pipes inside the process, on a paused clock.
    Memory(Dialect),
    /// Scripted, over TCP.
    Tcp(Dialect),
    /// Apache RocketMQ itself.
    Real(Version),
}

/// The generations whose brokers differ in what a producer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    V4,
    V5,
}

impl Site {
    pub(crate) fn scripted() -> Vec<Self> {
        let in_memory = [Dialect::V5, Dialect::V4_9, Dialect::V4_9_3].map(Self::Memory);
        [in_memory.to_vec(), Self::over_tcp()].concat()
    }

    pub(crate) fn over_tcp() -> Vec<Self> {
        [Dialect::V5, Dialect::V4_9].map(Self::Tcp).to_vec()
    }

    /// Those of which clusters are up, or can be started.
    pub(crate) fn real() -> Vec<Self> {
        if available_or_skipped(&Version::SHARED).expect("real brokers are there") {
            Version::SHARED.map(Self::Real).to_vec()
        } else {
            Vec::new()
        }
    }

    pub(crate) fn is_memory(self) -> bool {
        matches!(self, Self::Memory(_))
    }

    pub(crate) fn is_real(self) -> bool {
        matches!(self, Self::Real(_))
    }

    pub(crate) fn version(self) -> Version {
        match self {
            Self::Real(version) => version,
            Self::Memory(_) | Self::Tcp(_) => panic!("{self} has no version"),
        }
    }

    pub(crate) fn release(self) -> Release {
        match self {
            Self::Memory(dialect) | Self::Tcp(dialect) if dialect == Dialect::V5 => Release::V5,
            Self::Real(version) if version.major() == 5 => Release::V5,
            _ => Release::V4,
        }
    }

    pub(super) fn test_cluster(self) -> TestClusterBuilder {
        let builder = TestCluster::builder().brokers(2);
        match self {
            Self::Memory(dialect) => builder.dialect(dialect).memory(),
            Self::Tcp(dialect) => builder.dialect(dialect),
            Self::Real(_) => panic!("{self} is not scripted"),
        }
    }

    pub(super) fn runtime(self) -> Runtime {
        let mut builder = match self {
            Self::Memory(_) => Builder::new_current_thread(),
            // Tests block in calls of the Java client; the producer goes on meanwhile.
            Self::Tcp(_) | Self::Real(_) => Builder::new_multi_thread(),
        };
        builder.enable_all().start_paused(self.is_memory()).build().expect("a runtime")
    }

    /// How long a test may take here before it counts as hung.
    pub(super) fn patience(self) -> Duration {
        Duration::from_secs(if self.is_memory() { 24 * 3600 } else { 1_800 })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(dialect) => write!(f, "memory as {dialect:?}"),
            Self::Tcp(dialect) => write!(f, "a scripted cluster as {dialect:?}"),
            Self::Real(version) => write!(f, "Apache RocketMQ {version}"),
        }
    }
}
