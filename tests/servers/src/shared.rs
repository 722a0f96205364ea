//! Shared: one cluster per release that all tests of a run use, each with topics of its own.
//!
//! Whoever runs several test programs starts the clusters once and hands their addresses down in the environment; a test
//! program that is run by itself starts its own. Tests that reconfigure or break servers start a [`Cluster`] of their own.

use std::collections::BTreeMap;
use std::env;

use anyhow::{Result, anyhow};
use parking_lot::Mutex;

use crate::cluster::Cluster;
use crate::home::Home;
use crate::oracle::Oracle;
use crate::spec::ClusterSpec;
use crate::version::Version;

/// A cluster that is there for everyone, and an oracle on the same release's jars.
#[derive(Debug)]
pub struct Shared {
    name_server: String,
    home: Home,
    oracle: Oracle,
    _own: Option<Cluster>,
}

impl Shared {
    /// The shared cluster of this release: the one whose name server stands in [`Version::variable`], else one with a single
    /// broker that starts with the first call in this process and ends with the process. A failed start is not tried again.
    ///
    /// # Errors
    /// As for [`Home::prepare`] and [`Cluster::start`].
    pub fn from_env(version: Version) -> Result<&'static Self> {
        static STARTED: Mutex<BTreeMap<Version, Result<&'static Shared, String>>> = Mutex::new(BTreeMap::new());
        let mut started = STARTED.lock(); // other callers wait for the start
        let shared = started.entry(version).or_insert_with(|| match Self::start(version) {
            Ok(shared) => Ok(Box::leak(Box::new(shared))),
            Err(error) => Err(format!("{error:#}")),
        });
        shared.clone().map_err(|why| anyhow!("no cluster of {version}: {why}"))
    }

    fn start(version: Version) -> Result<Self> {
        let home = Home::prepare(version)?;
        let oracle = Oracle::new(&home)?;
        let given = env::var(version.variable()).ok().filter(|address| !address.is_empty());
        let own = match given {
            Some(_) => None,
            None => Some(Cluster::start(&home, &ClusterSpec::default())?),
        };
        let name_server = given.or_else(|| own.as_ref().map(Cluster::name_server)).unwrap_or_default();
        Ok(Self { name_server, home, oracle, _own: own })
    }

    /// What a client is given as its name servers.
    #[must_use]
    pub fn name_server(&self) -> &str {
        &self.name_server
    }

    /// Reads back, sends and creates with the Java client.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The jars that the cluster runs on, to start a cluster of one's own with.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }
}
