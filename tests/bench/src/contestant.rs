//! One contestant in a process of its own, told by its standard input how much to send, and telling what it took.
//!
//! The processes live as long as the comparison, so that connections, caches and skeletons are warm, as they are in a real client.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::processor_time;
use crate::{codec_floor, public_send, raw_tokio, transport};

/// Sends messages, so many at a time.
pub(crate) trait Contestant {
    /// Sends `messages` with `in_flight` of them under way, and notes the latency of some.
    fn run(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Latencies>;

    /// Write calls to the kernel since the start.
    fn writes(&self) -> Option<u64> {
        None
    }
}

/// What takes part, in the order in which it is shown.
pub(crate) const NAMES: &[&str] =
    &["codec floor", "raw tokio", "transport", "transport, window", "send", "send, rpc hook"];

/// What a caller does before it sends; its own, and no part of a send.
pub(crate) const MESSAGE: &str = "message alone";

pub(crate) fn make(name: &str, address: &str) -> anyhow::Result<Box<dyn Contestant>> {
    Ok(match name {
        "codec floor" => Box::new(codec_floor::CodecFloor::new(address)?),
        "raw tokio" => Box::new(raw_tokio::RawTokio::new(address)?),
        "transport" => Box::new(transport::Transport::new(address, false)?),
        "transport, window" => Box::new(transport::Transport::new(address, true)?),
        "send" => Box::new(public_send::PublicSend::new(address, false)?),
        "send, rpc hook" => Box::new(public_send::PublicSend::new(address, true)?),
        MESSAGE => Box::new(public_send::MessageAlone),
        other => bail!("there is no contestant `{other}`"),
    })
}

/// An order to a contestant.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) in_flight: usize,
    pub(crate) messages: u64,
}

/// What it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) messages: u64,
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) writes: Option<u64>,
}

/// Carries out orders until the input ends.
pub(crate) fn serve(name: &str, address: &str) -> anyhow::Result<()> {
    let mut contestant = make(name, address)?;
    for line in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?).context("no order")?;
        println!("{}", serde_json::to_string(&measure(contestant.as_mut(), &order)?)?);
    }
    Ok(())
}

fn measure(contestant: &mut dyn Contestant, order: &Order) -> anyhow::Result<Taken> {
    let (writes, cpu, started) = (contestant.writes(), processor_time::used(), Instant::now());
    let mut latencies = contestant.run(order.in_flight, order.messages)?;
    let wall = started.elapsed();
    let cpu = processor_time::used().saturating_sub(cpu);
    let writes = contestant.writes().zip(writes).map(|(after, before)| after - before);
    Ok(Taken { messages: order.messages, cpu, wall, p50: latencies.at(50), p99: latencies.at(99), writes })
}

/// How long some of the messages took.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Two clock reads are a fifth of what a message costs: above one in flight, one in so many is timed.
    pub(crate) fn every(in_flight: usize) -> u64 {
        if in_flight == 1 { 1 } else { 16 }
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The latency that so many per cent do not exceed.
    fn at(&mut self, per_cent: usize) -> Duration {
        self.0.sort_unstable();
        self.0.get((self.0.len() * per_cent / 100).min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let mut latencies = Latencies((1..=100).rev().map(Duration::from_micros).collect());
        assert_eq!((latencies.at(50), latencies.at(99)), (Duration::from_micros(51), Duration::from_micros(100)));
        assert_eq!(Latencies::default().at(50), Duration::ZERO);
    }
}
