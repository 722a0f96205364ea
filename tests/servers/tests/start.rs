//! The library against real servers: start, send, kill, restart, read back, stop; and nothing left when a test is killed.
//!
//! One cluster at a time, of the newest release or of the one in RMQ_SERVERS_VERSION; where Java or Maven is missing the test
//! says SKIPPED.

#![allow(clippy::print_stdout, reason = "the steps and their times, shown with --nocapture")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use real_servers::{Cluster, ClusterSpec, Home, Oracle, Version, available_or_skipped};

/// Set for the copy of this program that is to be killed.
const VICTIM: &str = "RMQ_SERVERS_VICTIM";

fn version() -> Version {
    match std::env::var("RMQ_SERVERS_VERSION") {
        Ok(text) => Version::parse(&text).expect("a version in RMQ_SERVERS_VERSION"),
        Err(_) => Version::V5_5_0,
    }
}

#[test]
fn what_was_sent_is_read_back_also_after_a_kill_and_nothing_is_left_at_the_end() -> anyhow::Result<()> {
    if !available_or_skipped(&[version()])? {
        return Ok(());
    }
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim();
    }
    let home = Home::prepare(version())?;
    let clock = Clock::start();
    let cluster = Cluster::start_alone(&home, &ClusterSpec::default())?;
    let name_server = cluster.name_server();
    clock.say("cluster started");
    let oracle = Oracle::new(&home)?;

    oracle.create_topic("start-test", &name_server, 3)?;
    clock.say("topic created");
    let sent = oracle.produce("start-test", &name_server, 10)?;
    assert_eq!(sent.len(), 10);
    let broker = cluster.broker("broker-a")?;
    let first_pid = broker.pid().expect("the broker runs");
    clock.say("10 messages sent");

    broker.suspend()?;
    broker.resume()?;
    broker.kill()?;
    assert_eq!(broker.pid(), None);
    assert!(TcpStream::connect(broker.address()).is_err(), "nobody listens any more");
    clock.say("broker killed");
    broker.restart()?;
    assert_ne!(broker.pid().expect("the broker runs again"), first_pid);
    clock.say("broker restarted");

    let read = oracle.read_when("start-test", &name_server, 10, Duration::from_secs(60))?;
    clock.say("read back");
    assert_eq!(read.len(), 10);
    for (number, sent) in sent.iter().enumerate() {
        let read = read.iter().find(|read| read.msg_id == sent.msg_id).expect("every message is there");
        assert_eq!(sent.status, "SEND_OK");
        assert_eq!((read.queue_id, read.queue_offset), (sent.queue_id, sent.queue_offset));
        assert_eq!((&read.broker_name, &read.offset_msg_id), (&sent.broker_name, &sent.offset_msg_id));
        assert_eq!(read.body.as_deref(), Some(format!("message {number}").as_bytes()));
        assert_eq!((read.tags.as_deref(), read.keys.as_deref()), (Some("java"), Some(&*format!("key-{number}"))));
        assert_eq!(read.properties["number"], number.to_string());
        assert!(read.wait_store_msg_ok && read.reconsume_times == 0);
    }
    let consumed = oracle.consume("start-test", &name_server, 10, Duration::from_secs(120))?;
    assert_eq!(consumed.len(), 10);
    clock.say("consumed");
    assert!(oracle.read("no-such-topic", &name_server).is_err());

    let pids: Vec<u32> = cluster.name_servers().chain(cluster.brokers()).filter_map(|server| server.pid()).collect();
    assert_eq!(pids.len(), 2);
    cluster.stop()?;
    clock.say("cluster stopped");
    assert!(pids.iter().all(|pid| !is_alive(*pid)));

    a_killed_test_leaves_nothing_running(&clock)
}

/// Runs this program again up to a running cluster, kills it, and looks for its servers.
fn a_killed_test_leaves_nothing_running(clock: &Clock) -> anyhow::Result<()> {
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--nocapture", "--test-threads=1"])
        .env(VICTIM, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(victim.stdout.take().expect("its output is piped"));
    let line = output.lines().map_while(Result::ok).find_map(|line| Some(line.split_once("pids ")?.1.to_owned()));
    victim.kill()?;
    victim.wait()?;
    let line = line.expect("the victim starts a cluster");
    let pids: Vec<u32> = line.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect();
    assert_eq!(pids.len(), 2);
    let end = Instant::now() + Duration::from_secs(120);
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(Instant::now() < end, "the servers {pids:?} outlive the test that was killed");
        std::thread::sleep(Duration::from_millis(20));
    }
    clock.say("a killed test's servers are gone");
    Ok(())
}

fn be_the_victim() -> anyhow::Result<()> {
    let cluster = Cluster::start(&Home::prepare(version())?, &ClusterSpec::default())?;
    cluster.broker("broker-a")?.suspend()?; // the worst case: a server that cannot see its input close
    let pids: Vec<String> =
        cluster.name_servers().chain(cluster.brokers()).filter_map(|server| Some(server.pid()?.to_string())).collect();
    println!("\npids {}", pids.join(" "));
    std::thread::sleep(Duration::from_secs(600));
    Ok(())
}

fn is_alive(pid: u32) -> bool {
    let asked = Command::new("sh").args(["-c", &format!("kill -0 {pid}")]).stderr(Stdio::null()).status();
    asked.expect("a shell").success()
}

/// Says with `--nocapture` how long each step took.
struct Clock {
    start: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now() }
    }

    fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.start.elapsed().as_secs_f64());
    }
}
