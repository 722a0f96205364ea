//! Supervisor: the small process that holds the servers.
//!
//! The servers are children of a Java program (`java/Supervisor.java`) whose standard input only we hold. Whatever ends us,
//! SIGKILL included, closes it, and then it kills the servers and removes the run folder. It is Java because Java is there
//! wherever the servers are, so that a test of any crate gets along without another binary to build and to find.
//!
//! ```text
//! us ── start, kill, detach ──► Supervisor ── SIGKILL ──► name server, brokers
//!    ◄── started, exited ─────             (their standard input ends with it: Leash.java)
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use parking_lot::{Condvar, Mutex};

use crate::home::Home;
use crate::jdk::Source;
use crate::launch::Launch;
use crate::log_tail::log_tail;

/// A running supervisor; dropping it ends its servers.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    input: Mutex<Option<ChildStdin>>,
    table: Arc<Table>,
    log: PathBuf,
}

impl Supervisor {
    /// Starts a supervisor that from now on owns `folder`.
    pub(crate) fn start(home: &Home, classes: &Path, folder: &Path) -> Result<Self> {
        let log = folder.join("supervisor.log");
        let mut command = home.jdk().command(24);
        command.arg("-cp").arg(classes).arg("Supervisor").arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        #[cfg(unix)]
        {
            // a group of its own: an interrupt typed at the terminal ends us, and our end ends the servers
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        let mut child = command.spawn().context("cannot start the supervisor")?;
        let input = child.stdin.take();
        let table = Arc::new(Table::default());
        if let Some(output) = child.stdout.take() {
            let table = Arc::clone(&table);
            thread::Builder::new().name("supervisor".to_owned()).spawn(move || table.follow(output))?;
        }
        Ok(Self { child, input: Mutex::new(input), table, log })
    }

    /// The compiled classes of supervisor and leash.
    pub(crate) fn classes(home: &Home) -> Result<PathBuf> {
        let sources = [
            Source { name: "Supervisor.java", text: include_str!("../java/Supervisor.java") },
            Source { name: "Leash.java", text: include_str!("../java/Leash.java") },
        ];
        home.jdk().compile(home.cache(), "supervisor", &sources, ".")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts a server that does not run now; returns its process id.
    pub(crate) fn launch(&self, name: &str, launch: &Launch) -> Result<u32> {
        if let Status::Running(pid) = self.table.status(name) {
            bail!("{name} runs already, as process {pid}");
        }
        self.table.set(name, Status::Asked);
        self.tell(&["start", name, &launch.log.to_string_lossy(), &launch.command.to_string_lossy()])?;
        match self.wait(name, |status| !matches!(status, Status::Asked))? {
            Status::Running(pid) => Ok(pid),
            other => bail!("{name} did not start: {other}"),
        }
    }

    /// Kills a server and waits until it is gone; nothing happens if it does not run.
    pub(crate) fn kill(&self, name: &str) -> Result<()> {
        if self.running(name).is_some() {
            self.tell(&["kill", name])?;
            self.wait(name, |status| !matches!(status, Status::Running(_)))?;
        }
        Ok(())
    }

    /// The process id of a server while it runs.
    pub(crate) fn running(&self, name: &str) -> Option<u32> {
        match self.table.status(name) {
            Status::Running(pid) => Some(pid),
            _ => None,
        }
    }

    /// What became of a server, for an error message.
    pub(crate) fn status_text(&self, name: &str) -> String {
        self.table.status(name).to_string()
    }

    /// Leaves the run folder there when all is over.
    pub(crate) fn keep_folder(&self) -> Result<()> {
        self.tell(&["keep"])
    }

    /// From now on the servers run until `lease` is removed, whether we live or not.
    pub(crate) fn detach(self, lease: &Path) -> Result<()> {
        self.tell(&["detach", &lease.to_string_lossy()])?;
        self.wait(DETACHED, |status| matches!(status, Status::Running(_)))?;
        Ok(())
    }

    /// Ends the servers and waits until the supervisor is gone too.
    pub(crate) fn stop(mut self, limit: Duration) -> Result<()> {
        self.close(limit)
    }

    fn close(&mut self, limit: Duration) -> Result<()> {
        drop(self.input.lock().take());
        let end = Instant::now() + limit;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("the servers' supervisor (process {}) does not end", self.child.id());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn tell(&self, words: &[&str]) -> Result<()> {
        if let Some(bad) = words.iter().find(|word| word.contains(['\t', '\n', '\r'])) {
            bail!("tabs and line breaks cannot be in {bad:?}");
        }
        let mut input = self.input.lock();
        let input = input.as_mut().context("the supervisor is closed")?;
        input
            .write_all((words.join("\t") + "\n").as_bytes())
            .and_then(|()| input.flush())
            .with_context(|| format!("the servers' supervisor is gone:\n{}", log_tail(&self.log)))
    }

    fn wait(&self, name: &str, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        self.table.wait(name, wanted).with_context(|| format!("no word about {name}:\n{}", log_tail(&self.log)))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if matches!(self.table.status(DETACHED), Status::Running(_)) {
            return;
        }
        // It ends by itself within a moment; we wait only so that no process of ours is left when ours ends.
        drop(self.close(Duration::from_secs(5)));
    }
}

/// The row that says that the supervisor has let go of us; no server may be called so.
const DETACHED: &str = "(detached)";
/// How long the supervisor may take to obey.
const OBEDIENCE: Duration = Duration::from_secs(60);

/// What the supervisor told, by server.
#[derive(Debug, Default)]
struct Table {
    rows: Mutex<Rows>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rows {
    by_name: HashMap<String, Status>,
    over: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Status {
    #[default]
    Never,
    Asked,
    Running(u32),
    Failed(String),
    Exited(i32),
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("it was never started"),
            Self::Asked => f.write_str("its start was asked for"),
            Self::Running(pid) => write!(f, "it runs as process {pid}"),
            Self::Failed(why) => write!(f, "it could not be started: {why}"),
            Self::Exited(code) => write!(f, "it ended with code {code}"),
        }
    }
}

impl Table {
    /// Takes in events until the supervisor ends.
    fn follow(&self, output: ChildStdout) {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if let Some((name, status)) = event(&line) {
                self.set(name, status);
            }
        }
        self.rows.lock().over = true;
        self.changed.notify_all();
    }

    fn set(&self, name: &str, status: Status) {
        self.rows.lock().by_name.insert(name.to_owned(), status);
        self.changed.notify_all();
    }

    fn status(&self, name: &str) -> Status {
        self.rows.lock().by_name.get(name).cloned().unwrap_or_default()
    }

    fn wait(&self, name: &str, wanted: impl Fn(&Status) -> bool) -> Result<Status> {
        let end = Instant::now() + OBEDIENCE;
        let mut rows = self.rows.lock();
        loop {
            let status = rows.by_name.get(name).cloned().unwrap_or_default();
            if wanted(&status) {
                return Ok(status);
            }
            if rows.over {
                bail!("the servers' supervisor ended");
            }
            if self.changed.wait_until(&mut rows, end).timed_out() {
                bail!("the servers' supervisor did not answer within {OBEDIENCE:?}");
            }
        }
    }
}

/// Reads one line of the supervisor; a line that we do not know is passed over.
fn event(line: &str) -> Option<(&str, Status)> {
    let mut words = line.split('\t');
    match (words.next()?, words.next(), words.next()) {
        ("detached", None, None) => Some((DETACHED, Status::Running(0))),
        ("started", Some(name), Some(pid)) => Some((name, Status::Running(pid.parse().ok()?))),
        ("failed", Some(name), Some(why)) => Some((name, Status::Failed(why.to_owned()))),
        ("exited", Some(name), Some(code)) => Some((name, Status::Exited(code.parse().ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_supervisor_is_understood() {
        assert_eq!(event("started\tbroker-a\t42"), Some(("broker-a", Status::Running(42))));
        assert_eq!(event("exited\tbroker-a\t137"), Some(("broker-a", Status::Exited(137))));
        assert_eq!(event("failed\tb\tno such file"), Some(("b", Status::Failed("no such file".to_owned()))));
        assert_eq!(event("detached"), Some((DETACHED, Status::Running(0))));
        assert_eq!(event("started\tbroker-a\tx"), None);
        assert_eq!(event(""), None);
    }

    #[test]
    fn who_waits_for_a_supervisor_that_ended_is_told_so() {
        let table = Table::default();
        table.set("a", Status::Exited(1));
        table.rows.lock().over = true;
        assert_eq!(table.wait("a", |status| matches!(status, Status::Exited(_))).unwrap(), Status::Exited(1));
        assert!(table.wait("b", |status| matches!(status, Status::Running(_))).is_err());
    }
}
