//! `rmq serve`: a cluster for development inside this process, until Ctrl-C.
//!
//! Nothing is kept on disk, and memory is bounded: each broker forgets its oldest messages.

use std::io::{self, Write as _};
use std::process::ExitCode;

use rmq_testkit::{Dialect, StartError, TestCluster};

use crate::args::{Release, ServeArgs};
use crate::number::Size;

pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let mut builder = TestCluster::builder()
        .brokers(args.brokers.into())
        .dialect(dialect(args.dialect))
        .listen_on(args.host)
        .port(args.port)
        .broker_port(args.broker_port)
        .keep_requests(0)
        .store_limit_bytes(KEPT_BYTES);
    if let Some(address) = args.advertise {
        builder = builder.advertise(address);
    }
    for topic in &args.topics {
        builder = builder.topic(&topic.topic, topic.queues.into());
    }
    let cluster = builder.start().await.map_err(|error| anyhow::Error::msg(sentence(&error)))?;
    // Before the welcome, after which anybody may want to stop it.
    let stop = Stop::listen()?;
    io::stdout().write_all(welcome(&args, &cluster).as_bytes())?;
    stop.wait().await;
    cluster.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

fn sentence(error: &StartError) -> String {
    match error {
        StartError::Listen { source, .. } => {
            let advice = match source.kind() {
                io::ErrorKind::AddrInUse => {
                    "check whether another server is running, or choose another --port (0 takes a free one)"
                }
                io::ErrorKind::PermissionDenied => "choose a port above 1023 with --port",
                _ => "check --host and --port",
            };
            format!("{error} ({source}): {advice}")
        }
        other => other.to_string(),
    }
}

fn welcome(args: &ServeArgs, cluster: &TestCluster) -> String {
    let release = match args.dialect {
        Release::V4_9 => "4.9.7",
        Release::V5 => "5.5.0",
    };
    let name_server = cluster.name_servers();
    let mut text = format!("A development cluster that behaves as Apache RocketMQ {release}. Ctrl-C ends it.\n\n");
    text += &format!("  name server  {name_server}\n");
    for broker in cluster.brokers() {
        text += &format!("  {:<11}  {}\n", broker.name(), broker.address());
    }
    for topic in &args.topics {
        text += &format!("  topic        {}, {} queues on each broker\n", topic.topic, topic.queues);
    }
    text += "  topics       are created by the first message sent to them\n";
    text += &format!("  messages     stay in memory, the newest {} of each broker\n\n", Size(KEPT_BYTES as u64));
    text += &format!("From a shell   rmq send --namesrv {name_server} --topic orders --body hello\n");
    text += &format!("From Rust      Producer::builder(\"orders\").name_servers(\"{name_server}\")\n");
    text += &format!(
        "From Java      producer.setNamesrvAddr(\"{name_server}\"), or the variable NAMESRV_ADDR={name_server}\n"
    );
    text += &format!("From Go        producer.WithNameServer([]string{{\"{name_server}\"}})\n");
    text
}

fn dialect(release: Release) -> Dialect {
    match release {
        Release::V4_9 => Dialect::V4_9,
        Release::V5 => Dialect::V5,
    }
}

/// Ctrl-C, or what a service manager sends. Caught from the moment it is made.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Stop(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Stop {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn wait(mut self) {
        self.0.recv().await;
    }
}

const KEPT_BYTES: usize = 256_000_000;
