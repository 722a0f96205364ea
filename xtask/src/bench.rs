//! `cargo xtask bench`: builds the comparison of tests/bench with optimisation and runs it.

use crate::cargo;

const HELP: &str = "\
Measures what a send costs beside the floor, on this machine: CPU and latency as ratios, instructions and allocations per message (where
valgrind is installed), memory. The clients and a broker that does nothing share one processor (taskset), so leave the machine alone meanwhile.

Usage: cargo xtask bench [--quick] [--rounds N] [--json FILE]

  --quick       3 short rounds and no valgrind
  --rounds N    how often everything is measured; 7 by default
  --json FILE   writes the figures there too
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let mut command = cargo::cargo(&["run", "--release", "--package", "bench", "--"]);
    cargo::run(command.args(arguments))
}
