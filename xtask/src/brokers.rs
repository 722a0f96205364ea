//! The real servers that one run of the tests shares: a cluster of each version, known to the tests by environment variables.
//!
//! They end with this value; were we killed first, they end because their supervisor's standard input closes.

use std::thread;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use real_servers::{Cluster, ClusterSpec, Home, Version, availability};

use crate::ci;

pub(crate) struct SharedBrokers {
    clusters: Vec<Cluster>,
}

impl SharedBrokers {
    /// No servers: the tests that need some skip themselves.
    pub(crate) fn none() -> Self {
        Self { clusters: Vec::new() }
    }

    /// Starts them all, side by side; where Java or Maven is missing, says so in one line and starts none.
    ///
    /// With CI=true a machine without them is an error.
    pub(crate) fn start() -> anyhow::Result<Self> {
        if let Err(missing) = availability() {
            if ci::is_unattended() {
                bail!("with CI=true the tests need real brokers: {missing}");
            }
            println!("{}", missing.skip_line());
            return Ok(Self::none());
        }
        let started = Instant::now();
        let homes = Version::SHARED.map(Home::prepare);
        let starts = thread::scope(|scope| {
            let starts: Vec<_> =
                homes.into_iter().map(|home| scope.spawn(|| Cluster::start(&home?, &ClusterSpec::default()))).collect();
            let outcome = |start: thread::ScopedJoinHandle<'_, _>| {
                start.join().unwrap_or_else(|_| Err(anyhow!("the start panicked")))
            };
            starts.into_iter().map(outcome).collect::<Vec<_>>()
        });
        let clusters = starts.into_iter().collect::<anyhow::Result<Vec<_>>>().context("real brokers did not start")?;
        for cluster in &clusters {
            println!("Apache RocketMQ {} serves at {}", cluster.version(), cluster.name_server());
        }
        println!("real brokers started in {:.1} s", started.elapsed().as_secs_f64());
        Ok(Self { clusters })
    }

    /// Variable and name-server address for each cluster.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.clusters.iter().map(|cluster| (cluster.version().variable(), cluster.name_server()))
    }

    pub(crate) fn stop(self) -> anyhow::Result<()> {
        let stops: Vec<_> = self.clusters.into_iter().map(Cluster::stop).collect();
        stops.into_iter().collect::<anyhow::Result<()>>().context("real brokers did not stop")
    }
}
