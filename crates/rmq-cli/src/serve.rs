//! `rmq serve`: a cluster for development inside this process, until Ctrl-C.
//!
//! Nothing is kept on disk, and memory is bounded: each broker forgets its oldest messages.

use std::io::{self, Write as _};
use std::process::ExitCode;

use rmq_testkit::{Dialect, TestCluster};

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
    let cluster = builder.start().await?;
    io::stdout().write_all(welcome(&args, &cluster).as_bytes())?;
    stop_signal().await?;
    cluster.shutdown().await;
    Ok(ExitCode::SUCCESS)
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

/// Waits for Ctrl-C, or for what a service manager sends.
async fn stop_signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

const KEPT_BYTES: usize = 256 << 20;
