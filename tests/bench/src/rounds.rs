//! Interleaved rounds: every contestant at every depth, in random order, and the ratios taken inside the round.
//!
//! One after the other, two contestants would be compared at two different times; within a round the machine is nearly the same.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rmq_remoting::Random;

use crate::contestant::{NAMES, Order, Taken};
use crate::null_broker_process::NullBroker;
use crate::pinning::Pinning;

/// How many requests are under way at once.
pub(crate) const DEPTHS: &[usize] = &[1, 16, 256];

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// What one run of one contestant takes, about.
    pub(crate) each: Duration,
}

/// All results of one contestant at one depth, one per round.
pub(crate) type Results = HashMap<(&'static str, usize), Vec<Taken>>;

pub(crate) fn run(effort: Effort, pinning: Pinning) -> anyhow::Result<Results> {
    let broker = NullBroker::start(pinning, &[])?;
    let mut clients = HashMap::new();
    for name in NAMES {
        clients.insert(*name, Client::start(name, broker.address(), pinning)?);
    }
    let mut cells: Vec<(&'static str, usize)> =
        NAMES.iter().flat_map(|name| DEPTHS.iter().map(move |depth| (*name, *depth))).collect();
    let mut messages = HashMap::new();
    for cell in &cells {
        let client = clients.get_mut(cell.0).context("all were started")?;
        // The first run warms up, the second one tells how many messages fill the time.
        client.send(cell.1, 2_000)?;
        let taken = client.send(cell.1, 2_000)?;
        let rate = 2_000.0 / taken.wall.as_secs_f64().max(1e-6);
        messages.insert(*cell, whole(rate * effort.each.as_secs_f64()).clamp(1_000, 5_000_000));
    }
    let random = Random::new(None);
    let mut results = Results::new();
    for round in 1..=effort.rounds {
        eprint!("\rround {round} of {} ", effort.rounds);
        shuffle(&mut cells, &random);
        for cell in &cells {
            let taken = clients.get_mut(cell.0).context("all were started")?.send(cell.1, messages[cell])?;
            results.entry(*cell).or_default().push(taken);
        }
    }
    eprintln!();
    Ok(results)
}

fn shuffle(cells: &mut [(&'static str, usize)], random: &Random) {
    for end in (1..cells.len()).rev() {
        let other = usize::try_from(random.below(end as u64 + 1)).unwrap_or(0);
        cells.swap(end, other);
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of messages, which is clamped")]
fn whole(messages: f64) -> u64 {
    messages as u64
}

/// A contestant in its process.
struct Client {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start(name: &str, address: &str, pinning: Pinning) -> anyhow::Result<Self> {
        let mut command = pinning.this_program()?;
        let mut child = command.args(["client", name, address]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take().context("no input")?;
        let answers = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, orders, answers })
    }

    fn send(&mut self, in_flight: usize, messages: u64) -> anyhow::Result<Taken> {
        writeln!(self.orders, "{}", serde_json::to_string(&Order { in_flight, messages })?)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("a contestant failed: {line}"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_loses_nobody() {
        let mut cells: Vec<(&'static str, usize)> = (0..50).map(|n| ("x", n)).collect();
        shuffle(&mut cells, &Random::new(Some(1)));
        assert_ne!(cells[..5], [("x", 0), ("x", 1), ("x", 2), ("x", 3), ("x", 4)]);
        cells.sort_unstable();
        assert_eq!(cells.len(), 50);
        assert!(cells.iter().enumerate().all(|(n, cell)| cell.1 == n));
    }
}
