//! What was measured, as a table for people and as JSON for everything else.

use std::fmt::Write as _;

use serde::Serialize;

use crate::contestant::{MESSAGE, NAMES, Taken};
use crate::pinning::Pinning;
use crate::rounds::{DEPTHS, Results};
use crate::spread::Spread;
use crate::valgrind::Counts;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether clients and broker shared one processor. Without it the figures say little.
    pub(crate) pinned: bool,
    pub(crate) processors: usize,
    /// Of the last minute, before the start.
    pub(crate) load_average: Option<f64>,
    pub(crate) rows: Vec<Row>,
    pub(crate) counts: Vec<Counted>,
    pub(crate) route_look_up_ns: f64,
    pub(crate) memory: Vec<Memory>,
}

/// One contestant at one depth.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) contestant: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) messages_per_second: Spread,
    pub(crate) cpu_ns_per_message: Spread,
    /// Ratio to the codec floor of the same round.
    pub(crate) cpu_to_floor: Spread,
    pub(crate) p50_us: Spread,
    /// Ratio to raw tokio of the same round.
    pub(crate) p50_to_tokio: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) writes_per_message: Option<f64>,
}

/// What valgrind counted, per message.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    pub(crate) contestant: &'static str,
    pub(crate) in_flight: usize,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

/// Resident memory of many sends at once, without their bodies, and without what as many tasks take that do nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) contestant: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) bytes_per_send: f64,
}

pub(crate) fn rows(results: &Results) -> Vec<Row> {
    let none = Vec::new();
    let mut rows = Vec::new();
    for depth in DEPTHS {
        let floor = results.get(&(FLOOR, *depth)).unwrap_or(&none);
        let tokio = results.get(&(TOKIO, *depth)).unwrap_or(&none);
        for name in NAMES {
            let taken = results.get(&(*name, *depth)).unwrap_or(&none);
            let ratio = |of: fn(&Taken) -> f64, to: &[Taken]| {
                Spread::of(taken.iter().zip(to).map(|(mine, other)| of(mine) / of(other).max(1e-9)))
            };
            let plain = |of: fn(&Taken) -> f64| Spread::of(taken.iter().map(of));
            let writes: Option<Vec<f64>> =
                taken.iter().map(|taken| taken.writes.map(|writes| writes as f64 / taken.messages as f64)).collect();
            rows.push(Row {
                contestant: name,
                in_flight: *depth,
                messages_per_second: plain(|taken| taken.messages as f64 / taken.wall.as_secs_f64().max(1e-9)),
                cpu_ns_per_message: plain(cpu),
                cpu_to_floor: ratio(cpu, floor),
                p50_us: plain(p50),
                p50_to_tokio: ratio(p50, tokio),
                p99_us: plain(|taken| taken.p99.as_secs_f64() * 1e6),
                writes_per_message: writes.map(|writes| Spread::of(writes).median),
            });
        }
    }
    rows
}

fn cpu(taken: &Taken) -> f64 {
    taken.cpu.as_secs_f64() * 1e9 / taken.messages as f64
}

fn p50(taken: &Taken) -> f64 {
    taken.p50.as_secs_f64() * 1e6
}

impl Report {
    pub(crate) fn pinned(pinning: Pinning) -> bool {
        pinning != Pinning::Free
    }

    /// The table, and how far the targets were reached.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Into a string, which takes everything.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if !self.pinned {
            writeln!(
                text,
                "Not pinned (taskset of util-linux is missing): the figures below depend on the scheduler's mood.\n"
            )?;
        }
        if let Some(load) = self.load_average.filter(|load| *load > 0.5) {
            writeln!(text, "The machine was busy (load {load:.1}): trust counts more than times.\n")?;
        }
        writeln!(
            text,
            "100 bytes of body, JSON headers; medians of the rounds, ratios inside a round [least-most].\n"
        )?;
        writeln!(
            text,
            "in flight  contestant           msg/s   CPU ns   / codec floor         p50 us  / raw tokio         p99 us  writes/msg"
        )?;
        for row in &self.rows {
            let writes = row.writes_per_message.map_or_else(|| "-".to_owned(), |writes| format!("{writes:.3}"));
            writeln!(
                text,
                "{:>9}  {:<17} {:>8.0} {:>8.0}   {:<18} {:>8.1}  {:<18} {:>8.1}  {:>10}",
                row.in_flight,
                row.contestant,
                row.messages_per_second.median,
                row.cpu_ns_per_message.median,
                ratio(row.cpu_to_floor),
                row.p50_us.median,
                ratio(row.p50_to_tokio),
                row.p99_us.median,
                writes
            )?;
        }
        if !self.counts.is_empty() {
            writeln!(
                text,
                "\nin flight  contestant         instructions  allocations  allocated bytes   per message, by valgrind"
            )?;
        }
        for Counted { contestant, in_flight, counts } in &self.counts {
            writeln!(
                text,
                "{in_flight:>9}  {contestant:<17} {:>13.0} {:>12.2} {:>16.0}",
                counts.instructions, counts.allocations, counts.allocated_bytes
            )?;
        }
        writeln!(text, "\nroute look-up at 10,000 topics: {:.1} ns", self.route_look_up_ns)?;
        for Memory { contestant, in_flight, bytes_per_send } in &self.memory {
            writeln!(
                text,
                "resident at {in_flight} in flight, {contestant}: {bytes_per_send:.0} bytes per send beyond its body and its task"
            )?;
        }
        writeln!(text, "\ntarget                                                          at most    here")?;
        for target in self.targets() {
            let reached = if target.is <= target.most { "reached" } else { "missed" };
            writeln!(text, "{:<62} {:>8} {:>8.2}  {reached}", target.what, target.most, target.is)?;
        }
        Ok(())
    }

    fn targets(&self) -> Vec<Target> {
        let row =
            |name: &str, depth: usize| self.rows.iter().find(|row| row.contestant == name && row.in_flight == depth);
        let counts = |name: &str| {
            self.counts.iter().find(|row| row.contestant == name && row.in_flight == 256).map(|row| row.counts)
        };
        let mut targets = Vec::new();
        let mut add = |what, most, is: Option<f64>| targets.extend(is.map(|is| Target { what, most, is }));
        let cpu = |name| row(name, 256).map(|row| row.cpu_to_floor.median);
        add("send: CPU / codec floor, 256 in flight, same core", 3.5, cpu("send"));
        add("transport: CPU / codec floor, 256 in flight, same core", 1.8, cpu("transport"));
        add("transport, window: the same", 1.4, cpu("transport, window"));
        add("send: p50 / raw tokio, alone", 1.15, row("send", 1).map(|row| row.p50_to_tokio.median));
        let own = counts(MESSAGE).unwrap_or_default();
        let beside = |counts: Counts| counts.instructions - own.instructions;
        add("send: instructions beside the caller's, 256 in flight", 3_000.0, counts("send").map(beside));
        add("transport: instructions, 256 in flight", 2_000.0, counts("transport").map(|counts| counts.instructions));
        let beside = |counts: Counts| counts.allocations - own.allocations;
        add("send: allocations beside the caller's", 2.0, counts("send").map(beside));
        add("transport: allocations", 0.02, counts("transport").map(|counts| counts.allocations));
        let writes = |depth| row("transport", depth).and_then(|row| row.writes_per_message);
        add("transport: writes per message, 256 in flight", 0.03, writes(256));
        add("transport: writes per message, 16 in flight", 0.15, writes(16));
        add("route look-up at 10,000 topics, ns", 20.0, Some(self.route_look_up_ns));
        let memory = self.memory.iter().find(|memory| memory.contestant == "send");
        add("send: resident bytes at 65,536 in flight", 512.0, memory.map(|memory| memory.bytes_per_send));
        targets
    }
}

struct Target {
    what: &'static str,
    most: f64,
    is: f64,
}

fn ratio(spread: Spread) -> String {
    format!("{:.2} [{:.2}-{:.2}]", spread.median, spread.least, spread.most)
}

const FLOOR: &str = "codec floor";
const TOKIO: &str = "raw tokio";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ratios_are_taken_inside_a_round() {
        let taken = |cpu: u64, p50: u64| Taken {
            messages: 1_000,
            cpu: Duration::from_micros(cpu),
            wall: Duration::from_millis(1),
            p50: Duration::from_micros(p50),
            p99: Duration::from_micros(p50),
            writes: Some(10),
        };
        // The machine was twice as slow in the second round.
        let mut results = Results::new();
        results.insert((FLOOR, 256), vec![taken(100, 10), taken(200, 20)]);
        results.insert((TOKIO, 256), vec![taken(90, 10), taken(180, 20)]);
        results.insert(("send", 256), vec![taken(300, 11), taken(600, 22)]);
        let rows = rows(&results);
        let send = rows.iter().find(|row| row.contestant == "send" && row.in_flight == 256).unwrap();
        assert!((send.cpu_to_floor.most - 3.0).abs() < 1e-6 && (send.cpu_to_floor.least - 3.0).abs() < 1e-6);
        assert!((send.p50_to_tokio.median - 1.1).abs() < 1e-6);
        let report = Report {
            pinned: true,
            processors: 2,
            load_average: None,
            rows,
            counts: Vec::new(),
            route_look_up_ns: 12.0,
            memory: Vec::new(),
        };
        let text = report.to_text();
        assert!(text.contains("3.00 [3.00-3.00]") && text.contains("reached"), "{text}");
    }
}
