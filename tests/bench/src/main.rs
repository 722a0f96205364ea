//! What a send costs, as ratios to floors that are measured in the same minute. Started by `cargo xtask bench`.
//!
//! ```text
//! this process ── orders, interleaved and shuffled ──► one process per contestant ── frames ──► null broker
//! ```
//! All of them are tied to one processor, so that processor time is pure work; ratios are taken inside a round.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its user")]
#![allow(clippy::disallowed_methods, reason = "it measures real time")]

mod codec_floor;
mod contestant;
mod message;
mod null_broker;
mod null_broker_process;
mod pinning;
mod processor_time;
mod public_send;
mod raw_tokio;
mod report;
mod resident;
mod rounds;
mod route_look_up;
mod runtime;
mod spread;
mod transport;
mod valgrind;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use null_broker_process::NullBroker;
use pinning::Pinning;
use report::{Counted, Memory, Report};
use rounds::Effort;

const HELP: &str = "\
Measures what a send costs beside the floor: CPU and latency as ratios, instructions and allocations (with valgrind), memory.

Usage: bench [--quick] [--rounds N] [--json FILE]

  --quick       3 short rounds and no valgrind: half a minute, to see that nothing went wrong by far
  --rounds N    how often everything is measured; 7 by default
  --json FILE   writes the figures there too
";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // The roles that this program plays in its own child processes.
        ["null-broker", ref habits @ ..] => null_broker::run(null_broker::Habits {
            binary: habits.contains(&"--binary"),
            silent: habits.contains(&"--silent"),
        }),
        ["client", name, address] => contestant::serve(name, address),
        ["once", name, address, in_flight, messages] => {
            contestant::make(name, address)?.run(in_flight.parse()?, messages.parse()?)?;
            Ok(())
        }
        ["look-up", topics] => {
            println!("{:.1}", route_look_up::nanoseconds(topics.parse()?));
            Ok(())
        }
        ["resident", name, address, in_flight] => {
            println!("{}", resident::bytes_per_send(name, address, in_flight.parse()?)?);
            Ok(())
        }
        _ => compare(&arguments),
    }
}

fn compare(arguments: &[&str]) -> anyhow::Result<()> {
    use lexopt::prelude::*;
    let (mut effort, mut quick, mut json) = (Effort { rounds: 7, each: Duration::from_millis(300) }, false, None);
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("quick") => {
                effort = Effort { rounds: 3, each: Duration::from_millis(80) };
                quick = true;
            }
            Long("rounds") => effort.rounds = parser.value()?.parse::<usize>()?.max(1),
            Long("json") => json = Some(PathBuf::from(parser.value()?)),
            Short('h') | Long("help") => {
                print!("{HELP}");
                return Ok(());
            }
            other => bail!("{}\n\n{HELP}", other.unexpected()),
        }
    }
    let report = measure(effort, quick)?;
    print!("{}", report.to_text());
    if let Some(file) = json {
        std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn measure(effort: Effort, quick: bool) -> anyhow::Result<Report> {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load_average = load.and_then(|text| text.split(' ').next().and_then(|word| word.parse().ok()));
    let pinning = Pinning::find();
    let rows = report::rows(&rounds::run(effort, pinning)?);
    let mut counts = Vec::new();
    if !quick && valgrind::is_there() {
        for contestant in
            ["codec floor", "transport", "transport, window", contestant::MESSAGE, "send", "send, rpc hook"]
        {
            eprintln!("valgrind: {contestant}");
            counts.push(Counted { contestant, in_flight: 256, counts: valgrind::count(contestant, 256)? });
        }
    }
    let mut memory = Vec::new();
    for contestant in ["transport", "send"] {
        // What was measured so far is worth more than this.
        match (resident_in_child(contestant), resident_in_child(resident::IDLE)) {
            (Ok(busy), Ok(idle)) => memory.push(Memory { contestant, in_flight: MANY, bytes_per_send: busy - idle }),
            (busy, idle) => eprintln!("no memory of {contestant}: {:?}", busy.and(idle)),
        }
    }
    Ok(Report {
        pinned: Report::pinned(pinning),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        load_average,
        rows,
        counts,
        route_look_up_ns: look_up_in_child(10_000)?,
        memory,
    })
}

/// In a process of its own, which has used no memory before.
fn resident_in_child(contestant: &str) -> anyhow::Result<f64> {
    let broker = NullBroker::start(Pinning::Free, &["--silent"])?;
    let mut command = Pinning::Free.this_program()?;
    let output = command.args(["resident", contestant, broker.address(), &MANY.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("{contestant}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// In a process of its own, whose memory nobody has strewn with other things before.
fn look_up_in_child(topics: usize) -> anyhow::Result<f64> {
    let output = Pinning::find().this_program()?.args(["look-up", &topics.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("look-up: {}", String::from_utf8_lossy(&output.stderr)))
}

/// As many sends at once as a client may have.
const MANY: usize = 65_536;
