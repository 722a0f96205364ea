//! `rmq demo`: a thousand messages of mixed sizes, what became of each, and whether the brokers really have them.
//!
//! Without an address the cluster lives in this process, so that the demo runs on any machine; one of its two brokers is killed half-way.
//! In a cluster of yours nothing is killed.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use rmq_producer::{Producer, ProducerConfig};
use rmq_testkit::TestCluster;
use tokio::time::Instant;

use crate::access;
use crate::args::DemoArgs;
use crate::burst::{Burst, Ended};
use crate::number::Size;
use crate::progress::Progress;
use crate::send_record::SendRecord;
use crate::tally::Tally;
use crate::{INTERRUPTED, cure, quickstart};

mod fault;
mod messages;
mod proof;
mod tables;

use fault::Fault;
use proof::Proof;

/// A message by its number, and what became of it.
struct Sent {
    number: u64,
    record: SendRecord,
}

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    rmq_message::validate_topic(&args.topic)?;
    let (cluster, config) = match &args.namesrv {
        Some(name_servers) => (None, access::config(&args.access, GROUP, Some(name_servers))?),
        None => {
            if let Some(flag) = args.access.any_flag() {
                anyhow::bail!("{flag} is for a cluster of yours: name it with --namesrv HOST:PORT");
            }
            let cluster = TestCluster::builder().brokers(2).topic(&args.topic, 4).keep_requests(0).start().await?;
            let mut config = ProducerConfig::new(GROUP);
            config.name_servers = cluster.name_servers();
            // Both ends share this machine, so that a slow one is no failure to show.
            (config.send_timeout, config.api_timeout) = (PATIENCE, PATIENCE);
            (Some(cluster), config)
        }
    };
    let name_servers = config.name_servers.clone();
    let mut out = io::stdout();
    let producer = Producer::builder_from(config.clone()).start().await;
    let producer = producer.map_err(|error| anyhow::Error::msg(cure::of_start(&error)))?;
    match &cluster {
        Some(_) => {
            writeln!(out, "A name server and two brokers run in this process; the name server is {name_servers}.")?;
        }
        None => writeln!(out, "Name server {name_servers} answers.")?,
    }
    let mut fault = cluster.as_ref().and_then(|cluster| Fault::new(cluster, messages::COUNT / 2));
    let (sent, tally, ended, took) = send_all(&producer, &args.topic, fault.as_mut()).await?;
    producer.shutdown(GRACE).await;
    if tally.sent() == 0 {
        write!(io::stderr(), "{}", tally.remarks()).ok();
        return Ok(if ended == Ended::Interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::FAILURE });
    }
    let bytes: u64 = sent.iter().map(|sent| messages::size(sent.number) as u64).sum();
    writeln!(out, "{}; {} to topic {}\n", tally.summary(messages::COUNT, took, ended), Size(bytes), args.topic)?;
    writeln!(out, "{}", tables::results(&sent))?;
    writeln!(out, "{}", tables::spread(&sent))?;
    writeln!(out, "time of one send: {}\n", tally.latency())?;
    if let Some(report) = fault.and_then(|fault| fault.report(&sent)) {
        writeln!(out, "{report}")?;
    }
    let proof = match cluster {
        Some(cluster) => {
            let proof = Proof::of_cluster(&cluster, &args.topic, &sent);
            cluster.shutdown().await;
            proof
        }
        None => Proof::of_offsets(&config, &args.topic, &sent).await,
    };
    writeln!(out, "{proof}\n")?;
    write!(io::stderr(), "{}", tally.remarks()).ok();
    if ended == Ended::Interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    writeln!(out, "The same from a program of yours (crate rmq-producer):\n")?;
    for line in quickstart::lines_for(args.namesrv.as_deref()).lines() {
        writeln!(out, "    {line}")?;
    }
    Ok(if tally.failed() == 0 && proof.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends the first message alone, so that a cluster that takes none says so once and at once; then all others.
async fn send_all(
    producer: &Producer,
    topic: &str,
    mut fault: Option<&mut Fault>,
) -> anyhow::Result<(Vec<Sent>, Tally, Ended, Duration)> {
    let (mut tally, mut sent, started) = (Tally::default(), Vec::new(), Instant::now());
    let progress = Progress::new(messages::COUNT, true);
    let mut ended = Ended::Complete;
    for (first, count, concurrency) in [(0, 1, 1), (1, messages::COUNT - 1, AT_ONCE)] {
        let topic = topic.to_owned();
        let burst = Burst {
            producer: producer.clone(),
            message: Box::new(move |number| messages::message(&topic, first + number)),
            count,
            concurrency,
            oneway: false,
            timeout: producer.config().send_timeout,
        };
        ended = burst
            .run(async |number, record| {
                tally.add(&record);
                sent.push(Sent { number: first + number, record });
                progress.one_done();
                if let Some(fault) = &mut fault {
                    fault.one_done(started).await;
                }
                Ok(())
            })
            .await?;
        if tally.sent() == 0 || ended == Ended::Interrupted {
            break;
        }
    }
    sent.sort_by_key(|sent| sent.number);
    Ok((sent, tally, ended, started.elapsed()))
}

const GROUP: &str = "rmq-demo";
const AT_ONCE: u16 = 32;
const GRACE: Duration = Duration::from_secs(3);
/// With the cluster of this process.
const PATIENCE: Duration = Duration::from_secs(60);
