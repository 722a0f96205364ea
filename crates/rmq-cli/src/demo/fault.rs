//! The fault of the demo: one of the two brokers in the process is killed in mid-load.
//!
//! It is dead before the burst hears of any further result, so that every run of the demo meets it.

use std::fmt;
use std::time::Duration;

use rmq_testkit::{Broker, TestCluster};
use tokio::time::Instant;

use super::Sent;
use crate::latency::Time;
use crate::number::Count;

/// A broker that is killed once so many messages are done.
pub(super) struct Fault {
    victim: Broker,
    after: u64,
    done: u64,
    killed: Option<Duration>,
}

impl Fault {
    /// The last broker of the cluster is the victim.
    pub(super) fn new(cluster: &TestCluster, after: u64) -> Option<Self> {
        let victim = cluster.brokers().pop()?;
        Some(Self { victim, after, done: 0, killed: None })
    }

    /// One more message is done.
    pub(super) async fn one_done(&mut self, started: Instant) {
        self.done += 1;
        if self.done == self.after {
            self.victim.kill().await;
            self.killed = Some(started.elapsed());
        }
    }

    /// What happened, once all is over; nothing where the broker was never killed.
    pub(super) fn report(&self, sent: &[Sent]) -> Option<Report> {
        Some(Report::new(self.victim.name(), self.killed?, self.after, sent))
    }
}

/// What a killed broker did to the sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    broker: String,
    killed: Duration,
    done: u64,
    moved: u64,
    retries: u64,
    maybe_stored: u64,
}

impl Report {
    fn new(broker: &str, killed: Duration, done: u64, sent: &[Sent]) -> Self {
        let records = || sent.iter().map(|sent| &sent.record);
        Self {
            broker: broker.to_owned(),
            killed,
            done,
            moved: records().filter(|record| record.moved).count() as u64,
            retries: records().map(|record| record.attempts.saturating_sub(1) as u64).sum(),
            maybe_stored: records().map(|record| record.maybe_stored_attempts as u64).sum(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { broker, killed, done, moved, retries, maybe_stored } = self;
        writeln!(f, "{broker} was killed after {}, when {} messages were done.", Time(*killed), Count(*done))?;
        let sends = if *moved == 1 { "send" } else { "sends" };
        let tries = if *retries == 1 { "retry" } else { "retries" };
        write!(f, "{} {sends} moved to the other broker, with {} {tries}; ", Count(*moved), Count(*retries))?;
        match maybe_stored {
            0 => write!(f, "no failed attempt can have left a copy."),
            1 => write!(f, "1 failed attempt may have left a copy."),
            many => write!(f, "{} failed attempts may have left a copy each.", Count(*many)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send_record::SendRecord;

    #[tokio::test]
    async fn the_last_broker_is_killed_once_and_its_store_can_still_be_read() {
        let cluster = TestCluster::builder().brokers(2).topic("t", 1).start().await.expect("free ports");
        let mut fault = Fault::new(&cluster, 2).expect("two brokers");
        let started = Instant::now();
        fault.one_done(started).await;
        assert_eq!(fault.report(&[]), None, "not yet");
        for _ in 0..2 {
            fault.one_done(started).await;
        }
        let report = fault.report(&[]).expect("killed");
        assert_eq!((report.broker.as_str(), report.done), ("broker-b", 2));
        let broker = rmq_remoting::Endpoint::parse(&cluster.broker("broker-b").address()).expect("an address");
        assert!(tokio::net::TcpStream::connect((broker.host(), broker.port())).await.is_err(), "it is dead");
        assert!(cluster.messages("t").is_empty());
    }

    #[test]
    fn the_report_adds_up_what_the_sends_tell() {
        let moved = SendRecord { moved: true, attempts: 2, maybe_stored_attempts: 1, ..once() };
        let twice = SendRecord { moved: true, attempts: 3, ..once() };
        let sent: Vec<_> = [once(), moved, twice].into_iter().map(|record| Sent { number: 0, record }).collect();
        let report = Report::new("broker-b", Duration::from_millis(120), 500, &sent);
        assert_eq!(
            report.to_string(),
            "broker-b was killed after 120 ms, when 500 messages were done.\n\
             2 sends moved to the other broker, with 3 retries; 1 failed attempt may have left a copy."
        );
    }

    fn once() -> SendRecord {
        SendRecord::oneway("t", Duration::ZERO)
    }
}
