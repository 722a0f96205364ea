//! Cluster: running name servers and brokers, and what can be done to each of them.
//!
//! A cluster that was started serves: every broker's address stands in the route of TBW102 at every name server. It ends with
//! its value, or with this process, whichever goes first.

use std::env;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cache::{Cache, say};
use crate::home::Home;
use crate::launch::Launch;
use crate::log_tail::log_tail;
use crate::ports::{self, Ports};
use crate::run_folder::RunFolder;
use crate::signal;
use crate::spec::ClusterSpec;
use crate::supervisor::Supervisor;
use crate::version::Version;
use crate::wire;

/// Set it to leave the folder with configuration, stores and logs when a cluster ends; its path is told on standard error.
pub const KEEP_VARIABLE: &str = "RMQ_SERVER_KEEP";

/// A running cluster; dropping it kills its servers and removes their files.
#[derive(Debug)]
pub struct Cluster {
    version: Version,
    folder: PathBuf,
    supervisor: Supervisor,
    name_servers: Vec<Row>,
    brokers: Vec<Row>,
    probe_topic: &'static str,
    ports_only: bool,
    start_limit: Duration,
    cache: Cache,
    alone: Option<File>,
}

/// What a cluster knows of one server.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Others once it has moved.
    ports: Mutex<Ports>,
    launch: Launch,
}

impl Row {
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports().listen()).into()
    }

    pub(crate) fn all_ports(&self) -> Vec<u16> {
        self.ports().all()
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// Starts the servers and waits until clients can send: 7 to 15 seconds on a quiet machine.
    ///
    /// # Errors
    /// A server that ended (with the end of its log), or one that does not serve within the limit of the specification.
    pub fn start(home: &Home, spec: &ClusterSpec) -> Result<Self> {
        Self::start_in(home, spec, RunFolder::new("cluster")?)
    }

    /// Like [`Self::start`], but first waits until no other cluster that was started by this function runs, in whatever process
    /// of this user: for tests that reconfigure or break their servers, so that they do not crowd the machine.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_alone(home: &Home, spec: &ClusterSpec) -> Result<Self> {
        let lock = home.cache().lock_quietly("alone")?;
        let mut cluster = Self::start(home, spec)?;
        cluster.alone = Some(lock);
        Ok(cluster)
    }

    pub(crate) fn start_in(home: &Home, spec: &ClusterSpec, mut run: RunFolder) -> Result<Self> {
        if spec.name_servers == 0 {
            bail!("a cluster without a name server");
        }
        let folder = run.path().to_owned();
        let classes = Supervisor::classes(home)?;
        let supervisor = Supervisor::start(home, &classes, &folder)?;
        run.leave(); // the supervisor removes it, also when we cannot
        if env::var_os(KEEP_VARIABLE).is_some() {
            supervisor.keep_folder()?;
            say(&format!("the servers' files stay in {}", folder.display()));
        }
        let mut name_servers = Vec::new();
        for number in 0..spec.name_servers {
            let ports = Ports::choose(home.cache())?;
            let name = format!("namesrv-{number}");
            let launch = Launch::name_server(home, &classes, &folder.join(&name), spec, ports.listen())?;
            name_servers.push(Row { name, ports: Mutex::new(ports), launch });
        }
        let addresses = join(&name_servers);
        let mut brokers: Vec<Row> = Vec::new();
        for broker in &spec.brokers {
            let name = broker.label();
            if brokers.iter().any(|other| other.name == name) {
                bail!("two brokers are called {name}");
            }
            let ports = Ports::choose(home.cache())?;
            let launch = Launch::broker(home, &classes, &folder.join(&name), spec, broker, &ports, &addresses)?;
            brokers.push(Row { name, ports: Mutex::new(ports), launch });
        }
        let cluster = Self {
            version: home.version(),
            folder,
            supervisor,
            name_servers,
            brokers,
            probe_topic: spec.probe_topic(),
            ports_only: spec.ports_only,
            start_limit: spec.start_limit,
            cache: home.cache().clone(),
            alone: None,
        };
        cluster.start_all()?;
        Ok(cluster)
    }

    fn start_all(&self) -> Result<()> {
        let end = Instant::now() + self.start_limit;
        for row in &self.name_servers {
            self.supervisor.launch(&row.name, &row.launch)?;
        }
        // a broker that finds no name server registers only after 10 more seconds
        for row in &self.name_servers {
            self.until_it_answers(row, end)?;
        }
        for row in &self.brokers {
            self.supervisor.launch(&row.name, &row.launch)?;
        }
        for row in &self.brokers {
            self.until_it_serves(row, end)?;
        }
        Ok(())
    }

    /// The release that runs here.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// What a client is given as its name servers: `127.0.0.1:20002`, several with `;` between them.
    #[must_use]
    pub fn name_server(&self) -> String {
        join(&self.name_servers)
    }

    /// A broker by name: `broker-a`, or `broker-a-1` for its slave 1.
    ///
    /// # Errors
    /// No broker has this name.
    pub fn broker(&self, name: &str) -> Result<Server<'_>> {
        let row = self.brokers.iter().find(|row| row.name == name);
        let row = row.with_context(|| format!("the cluster has no broker {name:?}"))?;
        Ok(Server { cluster: self, row })
    }

    /// All brokers, in the order of the specification.
    pub fn brokers(&self) -> impl Iterator<Item = Server<'_>> {
        self.brokers.iter().map(|row| Server { cluster: self, row })
    }

    /// All name servers.
    pub fn name_servers(&self) -> impl Iterator<Item = Server<'_>> {
        self.name_servers.iter().map(|row| Server { cluster: self, row })
    }

    /// Kills all servers, waits until their ports are free, and removes their files.
    ///
    /// # Errors
    /// A server that does not go, or a port that stays taken.
    pub fn stop(self) -> Result<()> {
        let ports: Vec<u16> = self.rows().flat_map(Row::all_ports).collect();
        self.supervisor.stop(Duration::from_secs(60))?;
        wait_until_free(&ports, Duration::from_secs(30))?;
        drop(self.alone);
        Ok(())
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.name_servers.iter().chain(&self.brokers)
    }

    pub(crate) fn name_server_rows(&self) -> &[Row] {
        &self.name_servers
    }

    pub(crate) fn broker_rows(&self) -> &[Row] {
        &self.brokers
    }

    pub(crate) fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Gives the servers to nobody; they run until the file is removed.
    pub(crate) fn detach(self, lease: &std::path::Path) -> Result<()> {
        self.supervisor.detach(lease)
    }

    /// Waits for a name server.
    fn until_it_answers(&self, row: &Row, end: Instant) -> Result<()> {
        if self.ports_only {
            return self.until(end, row, || wire::listens(row.address()).map_err(|error| error.to_string()));
        }
        self.until(end, row, || {
            wire::route(row.address(), self.probe_topic).map(|_| true).map_err(|error| error.to_string())
        })
    }

    fn until_it_serves(&self, broker: &Row, end: Instant) -> Result<()> {
        if self.ports_only {
            return self.until(end, broker, || wire::listens(broker.address()).map_err(|error| error.to_string()));
        }
        let quoted = format!("\"{}\"", broker.address());
        for name_server in &self.name_servers {
            if self.supervisor.running(&name_server.name).is_none() {
                continue; // a test has killed it
            }
            self.until(end, broker, || {
                let route = wire::route(name_server.address(), self.probe_topic).map_err(|error| error.to_string())?;
                Ok(route.is_some_and(|text| text.contains(&quoted)))
            })?;
        }
        self.until(end, broker, || Ok(wire::broker_answers(broker.address())))
    }

    /// Polls until `ready`; the server must go on running meanwhile.
    fn until(&self, end: Instant, row: &Row, ready: impl Fn() -> Result<bool, String>) -> Result<()> {
        loop {
            let state = ready();
            if state == Ok(true) {
                return Ok(());
            }
            let log = || log_tail(&row.launch.log);
            if self.supervisor.running(&row.name).is_none() {
                bail!("{} of {} ended: {}\n{}", row.name, self.version, self.supervisor.status_text(&row.name), log());
            }
            if Instant::now() > end {
                let why = state.err().unwrap_or_else(|| format!("no route of {} leads to it", self.probe_topic));
                let limit = self.start_limit;
                bail!("{} of {} does not serve after {limit:?}: {why}\n{}", row.name, self.version, log());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// One server of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    cluster: &'a Cluster,
    row: &'a Row,
}

impl Server<'_> {
    /// Its name: `broker-a`, `broker-a-1` (slave 1 of broker-a), `namesrv-0`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// Where it listens for clients: `127.0.0.1:20002`.
    #[must_use]
    pub fn address(&self) -> String {
        self.row.address().to_string()
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.cluster.supervisor.running(self.name())
    }

    /// The end of what it wrote to its console.
    #[must_use]
    pub fn log_tail(&self) -> String {
        log_tail(&self.row.launch.log)
    }

    /// Kills it (SIGKILL) and waits until it is gone. A server that does not run stays as it is.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn kill(&self) -> Result<()> {
        self.cluster.supervisor.kill(self.name())
    }

    /// Stops it in its tracks (SIGSTOP): its connections stay open and silent, its route stays.
    ///
    /// # Errors
    /// It does not run.
    pub fn suspend(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Lets it go on after [`Self::suspend`] (SIGCONT); it then answers what has piled up.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Kills it if it runs, starts it again on the same store and ports, and waits until it serves.
    ///
    /// # Errors
    /// As for the start of a cluster.
    pub fn restart(&self) -> Result<()> {
        let Self { cluster, row } = self;
        self.kill()?;
        wait_until_free(&row.all_ports(), Duration::from_secs(30))?;
        let end = Instant::now() + cluster.start_limit;
        cluster.supervisor.launch(&row.name, &row.launch)?;
        if cluster.brokers.iter().any(|broker| broker.name == row.name) {
            cluster.until_it_serves(row, end)
        } else {
            cluster.until_it_answers(row, end)
        }
    }

    /// Kills it if it runs, starts it again on the same store, but on other ports, as one that moves to another machine, and waits until it
    /// serves. Returns its new address.
    ///
    /// # Errors
    /// As for the start of a cluster; it is a name server, whose address others are configured with.
    pub fn move_to_new_port(&self) -> Result<String> {
        let Self { cluster, row } = self;
        if !cluster.brokers.iter().any(|broker| broker.name == row.name) {
            bail!("{} is no broker", row.name);
        }
        self.kill()?;
        let ports = Ports::choose(&cluster.cache)?;
        row.launch.change_ports(ports.listen(), ports.ha())?;
        *row.ports() = ports;
        self.restart()?;
        Ok(self.address())
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid().with_context(|| format!("{} does not run", self.name()))?;
        if !signal::send(signal, pid) {
            bail!("cannot send SIG{signal} to {}, process {pid}", self.name());
        }
        Ok(())
    }
}

/// Waits until nobody listens on these ports.
pub(crate) fn wait_until_free(ports: &[u16], limit: Duration) -> Result<()> {
    let end = Instant::now() + limit;
    loop {
        let taken: Vec<u16> = ports.iter().copied().filter(|port| !ports::is_free(*port)).collect();
        if taken.is_empty() {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("the ports {taken:?} are still taken after {limit:?}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn join(rows: &[Row]) -> String {
    rows.iter().map(|row| row.address().to_string()).collect::<Vec<_>>().join(";")
}
