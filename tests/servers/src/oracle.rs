//! Oracle: a second opinion on what a broker holds, by Apache's own client classes.
//!
//! Nothing of the client under test is involved: a small Java program (`java/ReadBack.java`) on the jars of the release reads,
//! sends and creates, and we only pass its lines on. One JVM serves all questions of an oracle, one at a time; it ends when we
//! do, because its standard input closes.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use parking_lot::Mutex;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::home::Home;
use crate::jdk::Source;
use crate::read_message::{KnownProducer, ReadMessage, SentMessage};

/// Reads, sends and creates with the Java client of one release. Calls block; they may come from many threads.
#[derive(Debug)]
pub struct Oracle {
    home: Home,
    classes: PathBuf,
    session: Mutex<Option<Session>>,
}

impl Oracle {
    /// Compiles the Java program where that has not been done; its JVM starts with the first question.
    ///
    /// # Errors
    /// javac's words.
    pub fn new(home: &Home) -> Result<Self> {
        let source = Source { name: "ReadBack.java", text: include_str!("../java/ReadBack.java") };
        let label = format!("read-back-{}", home.version());
        let classes = home.jdk().compile(home.cache(), &label, &[source], &home.class_path(&[]))?;
        Ok(Self { home: home.clone(), classes, session: Mutex::new(None) })
    }

    /// All messages of the topic that are there now, queue by queue in the order of offsets.
    ///
    /// # Errors
    /// What the Java client says; a topic without a route is one of them.
    pub fn read(&self, topic: &str, name_server: &str) -> Result<Vec<ReadMessage>> {
        self.ask(&["read", topic, name_server], LIMIT)
    }

    /// Like [`Self::read`], but waits until there is a route and there are `count` messages, at most `limit`; then gives what is
    /// there, fewer or more.
    ///
    /// # Errors
    /// What the Java client says, after `limit`.
    pub fn read_when(&self, topic: &str, name_server: &str, count: usize, limit: Duration) -> Result<Vec<ReadMessage>> {
        let seconds = limit.as_secs().max(1);
        self.ask(&["read", topic, name_server, &count.to_string(), &seconds.to_string()], LIMIT + limit)
    }

    /// What a Java push consumer gets: the first `count` messages, in the order of arrival.
    ///
    /// # Errors
    /// Fewer than `count` came within `limit`.
    pub fn consume(&self, topic: &str, name_server: &str, count: usize, limit: Duration) -> Result<Vec<ReadMessage>> {
        let seconds = limit.as_secs().max(1);
        self.ask(&["consume", topic, name_server, &count.to_string(), &seconds.to_string()], LIMIT + limit)
    }

    /// Lets the Java producer send `count` messages: body `message N`, tag `java`, key `key-N`, property `number` = N.
    ///
    /// # Errors
    /// What the Java client says.
    pub fn produce(&self, topic: &str, name_server: &str, count: usize) -> Result<Vec<SentMessage>> {
        self.ask(
            &["produce", topic, name_server, &count.to_string()],
            LIMIT + Duration::from_millis(100) * count_u32(count),
        )
    }

    /// Makes the topic with so many queues on every master, and waits until its route shows them.
    ///
    /// # Errors
    /// What the Java client says.
    pub fn create_topic(&self, topic: &str, name_server: &str, queues: u32) -> Result<()> {
        self.ask::<IgnoredAny>(&["create", topic, name_server, &queues.to_string()], LIMIT).map(drop)
    }

    /// The producers of the group whose heartbeats the topic's brokers have seen.
    ///
    /// # Errors
    /// What the Java client says; a group without producers is one of them.
    pub fn producers(&self, group: &str, topic: &str, name_server: &str) -> Result<Vec<KnownProducer>> {
        self.ask(&["producers", group, topic, name_server], LIMIT)
    }

    fn ask<T: DeserializeOwned>(&self, words: &[&str], limit: Duration) -> Result<Vec<T>> {
        if let Some(bad) = words.iter().find(|word| word.is_empty() || word.contains(['\t', '\n', '\r'])) {
            bail!("no word for the Java program: {bad:?}");
        }
        let mut place = self.session.lock();
        let mut session = match place.take() {
            Some(session) => session,
            None => Session::start(&self.home, &self.classes)?,
        };
        let what = || format!("the Java program, asked to {}", words.join(" "));
        // a session that broke is dropped here, and the next question gets a new one
        let lines = session.ask(words, limit).with_context(what)?;
        *place = Some(session);
        drop(place);
        let lines = lines.map_err(|why| anyhow!("{why}")).with_context(what)?;
        let read = |line: &String| serde_json::from_str(line).with_context(|| format!("cannot read {line}"));
        lines.iter().map(read).collect()
    }
}

/// How long an answer may take, beyond what was asked for; a JVM may have to start first.
const LIMIT: Duration = Duration::from_secs(120);

fn count_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A running JVM that answers questions.
#[derive(Debug)]
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: Arc<Mutex<VecDeque<String>>>,
}

impl Session {
    fn start(home: &Home, classes: &std::path::Path) -> Result<Self> {
        let quiet = home.cache().path("oracle-home");
        fs::create_dir_all(&quiet)?;
        let logback = quiet.join("logback.xml");
        if !logback.exists() {
            fs::write(&logback, "<configuration/>\n")?;
        }
        let mut command = home.jdk().command(512);
        command.arg(format!("-Duser.home={}", quiet.display()));
        // both generations of the client log, and both would do so into files
        command.arg("-Drocketmq.client.logUseSlf4j=true");
        command.arg(format!("-Dlogback.configurationFile={}", logback.display()));
        command.arg(format!("-Drmq.logback.configurationFile={}", logback.display()));
        command.arg("-cp").arg(home.class_path(&[classes])).args(["ReadBack", "serve"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the Java program")?;
        let (sender, lines) = mpsc::channel();
        if let Some(output) = child.stdout.take() {
            follow("answers", output, move |line| sender.send(line).is_ok())?;
        }
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(errors) = child.stderr.take() {
            let complaints = Arc::clone(&complaints);
            follow("complaints", errors, move |line| {
                let mut kept = complaints.lock();
                kept.push_back(line);
                if kept.len() > 25 {
                    kept.pop_front();
                }
                true
            })?;
        }
        let input = child.stdin.take();
        Ok(Self { child, input, lines, complaints })
    }

    /// Outer error: the session is broken. Inner error: the program says why it cannot.
    fn ask(&mut self, words: &[&str], limit: Duration) -> Result<Result<Vec<String>, String>> {
        let end = Instant::now() + limit;
        let input = self.input.as_mut().context("closed")?;
        let sent = input.write_all((words.join("\t") + "\n").as_bytes()).and_then(|()| input.flush());
        let mut lines = Vec::new();
        if sent.is_ok() {
            loop {
                match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(line) if line == "." => return Ok(Ok(lines)),
                    Ok(line) => match line.strip_prefix("! ") {
                        Some(why) => return Ok(Err(why.to_owned())),
                        None => lines.push(line),
                    },
                    Err(RecvTimeoutError::Timeout) => bail!("no answer within {limit:?}{}", self.complaints()),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        }
        // its last words may still be on their way
        drop(self.child.wait());
        bail!("it ended{}", self.complaints())
    }

    fn complaints(&self) -> String {
        self.complaints.lock().iter().map(|line| format!("\n  {line}")).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has nothing to tidy up; a question that is still open dies with it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Hands every line to `take` on a thread of its own, until the end or until `take` has enough.
fn follow(name: &str, from: impl Read + Send + 'static, take: impl Fn(String) -> bool + Send + 'static) -> Result<()> {
    let work = move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { break };
            if !take(line) {
                break;
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}
