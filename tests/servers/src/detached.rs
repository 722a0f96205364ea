//! Detached: clusters that outlive the command that started them, one per release.
//!
//! Such a cluster runs exactly as long as its state file exists: removing the file is how it is stopped, and a file that stands
//! there without servers (after a reboot) is cleared away before the next start.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::cluster::{Cluster, Row, wait_until_free};
use crate::home::Home;
use crate::run_folder::RunFolder;
use crate::signal;
use crate::spec::ClusterSpec;
use crate::version::Version;
use crate::wire;

/// A cluster in the background.
#[derive(Debug)]
pub struct Detached {
    version: Version,
    folder: PathBuf,
    state: State,
}

/// One server of a detached cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachedServer {
    /// `namesrv-0`, `broker-a`, `broker-a-1`.
    pub name: String,
    /// Where it listens for clients.
    pub address: SocketAddr,
    /// Its process id.
    pub pid: u32,
    /// All ports that it takes.
    pub ports: Vec<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    version: String,
    supervisor_pid: u32,
    name_servers: Vec<DetachedServer>,
    brokers: Vec<DetachedServer>,
}

impl Detached {
    /// Starts the servers, or finds them running; in the latter case the specification counts for nothing.
    ///
    /// # Errors
    /// As for [`Home::prepare`] and [`Cluster::start`].
    pub fn up(version: Version, spec: &ClusterSpec) -> Result<Self> {
        let cache = Cache::open()?;
        let _lock = cache.lock(&format!("cluster-{version}"))?;
        if let Some(found) = Self::read(&folder(&cache, version))? {
            if found.is_answering() {
                return Ok(found);
            }
            found.down()?;
        }
        let home = Home::prepare(version)?;
        let place = folder(&cache, version);
        clear(&place)?; // without a state file nothing runs in it
        let cluster = Cluster::start_in(&home, spec, RunFolder::at(&place)?)?;
        let state = State::of(&cluster)?;
        let folder = cluster.folder().clone();
        let file = folder.join(STATE);
        let writing = folder.join("state.writing");
        fs::write(&writing, serde_json::to_vec_pretty(&state)?)?;
        fs::rename(&writing, &file)?;
        cluster.detach(&file)?;
        Ok(Self { version, folder, state })
    }

    /// The cluster of this release, whether its servers still run or not.
    ///
    /// # Errors
    /// A state file that cannot be read.
    pub fn find(version: Version) -> Result<Option<Self>> {
        Self::read(&folder(&Cache::open()?, version))
    }

    /// All clusters that were started and not stopped.
    ///
    /// # Errors
    /// A state file that cannot be read.
    pub fn list() -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(Cache::open()?.path(CLUSTERS)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            found.extend(Self::read(&entry?.path())?);
        }
        found.sort_by_key(|cluster| cluster.version);
        Ok(found)
    }

    /// Stops the servers and waits until their ports are free and their files are gone.
    ///
    /// # Errors
    /// A port that stays taken: its owner was not started by us, or its supervisor was killed while it was suspended.
    pub fn down(&self) -> Result<()> {
        remove(&self.folder.join(STATE))?;
        let ports: Vec<u16> = self.servers().flat_map(|server| server.ports.iter().copied()).collect();
        wait_until_free(&ports, Duration::from_secs(60)).with_context(|| {
            let pids: Vec<u32> = self.servers().map(|server| server.pid).collect();
            format!("the servers of {} should have ended (their processes were {pids:?})", self.version)
        })?;
        // the supervisor clears up; after a reboot it is gone, or its id belongs to somebody else
        let end = Instant::now() + Duration::from_secs(10);
        while self.folder.exists() && signal::is_alive(self.state.supervisor_pid) && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
        clear(&self.folder)
    }

    /// The release.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What a client is given as its name servers.
    #[must_use]
    pub fn name_server(&self) -> String {
        self.state.name_servers.iter().map(|server| server.address.to_string()).collect::<Vec<_>>().join(";")
    }

    /// All servers, name servers first.
    pub fn servers(&self) -> impl Iterator<Item = &DetachedServer> {
        self.state.name_servers.iter().chain(&self.state.brokers)
    }

    /// Whether all name servers and brokers answer.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.state.name_servers.iter().all(|server| wire::route(server.address, "TBW102").is_ok())
            && self.state.brokers.iter().all(|server| wire::broker_answers(server.address))
    }

    /// Where configuration, stores and logs are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(STATE);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let state: State = serde_json::from_slice(&bytes).with_context(|| format!("cannot read {}", file.display()))?;
        let version = Version::parse(&state.version)?;
        Ok(Some(Self { version, folder: folder.to_owned(), state }))
    }
}

impl State {
    fn of(cluster: &Cluster) -> Result<Self> {
        let servers = |rows: &[Row]| -> Result<Vec<DetachedServer>> {
            let server = |row: &Row| {
                let pid = cluster.supervisor().running(&row.name);
                let pid = pid.with_context(|| format!("{} ended right after its start", row.name))?;
                Ok(DetachedServer { name: row.name.clone(), address: row.address(), pid, ports: row.all_ports() })
            };
            rows.iter().map(server).collect()
        };
        Ok(Self {
            version: cluster.version().to_string(),
            supervisor_pid: cluster.supervisor().pid(),
            name_servers: servers(cluster.name_server_rows())?,
            brokers: servers(cluster.broker_rows())?,
        })
    }
}

const CLUSTERS: &str = "clusters";
/// The lease: without it the supervisor ends.
const STATE: &str = "state.json";

fn folder(cache: &Cache, version: Version) -> PathBuf {
    cache.path(CLUSTERS).join(version.to_string())
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => bail!("cannot remove {}: {error}", file.display()),
        _ => Ok(()),
    }
}

fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => bail!("cannot remove {}: {error}", folder.display()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(port: u16) -> State {
        let mut gone = std::process::Command::new("true").spawn().expect("a process");
        gone.wait().expect("it ends");
        let server = |name: &str, port| DetachedServer {
            name: name.to_owned(),
            address: ([127, 0, 0, 1], port).into(),
            pid: 7,
            ports: vec![port],
        };
        State {
            version: "5.3.3".to_owned(),
            supervisor_pid: gone.id(),
            name_servers: vec![server("namesrv-0", port)],
            brokers: vec![server("broker-a", port)],
        }
    }

    #[test]
    fn a_state_file_is_read_as_it_was_written() {
        let room = RunFolder::new("detached-test").unwrap();
        assert!(Detached::read(room.path()).unwrap().is_none(), "no file, no cluster");
        let written = state(1);
        fs::write(room.path().join(STATE), serde_json::to_vec(&written).unwrap()).unwrap();
        let found = Detached::read(room.path()).unwrap().unwrap();
        assert_eq!((found.version(), &found.state), (Version::V5_3_3, &written));
        assert_eq!(found.name_server(), "127.0.0.1:1");
        fs::write(room.path().join(STATE), "half a fi").unwrap();
        assert!(Detached::read(room.path()).unwrap_err().to_string().contains(STATE));
    }

    #[test]
    fn what_is_left_of_a_cluster_that_died_is_cleared_away() {
        let room = RunFolder::new("detached-test").unwrap();
        let place = room.path().join("5.3.3");
        fs::create_dir(&place).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(place.join(STATE), serde_json::to_vec(&state(free)).unwrap()).unwrap();
        let found = Detached::read(&place).unwrap().unwrap();
        assert!(!found.is_answering());
        found.down().unwrap();
        assert!(!place.exists());
    }
}
