//! `cargo xtask bench`: builds the comparison of tests/bench with optimisation and runs it; with `--faults`, a load whose broker is broken.

mod faults;

use anyhow::bail;

use self::faults::Faults;
use crate::cargo;

const HELP: &str = "\
Measures what a send costs beside the floor, on this machine: CPU and latency as ratios, instructions and allocations per message (where
valgrind is installed), memory. The clients and a broker that does nothing share one processor (taskset), so leave the machine alone meanwhile.

Usage: cargo xtask bench [--quick] [--rounds N] [--json FILE]
       cargo xtask bench --faults [--sends N] [--json FILE]

  --quick       3 short rounds and no valgrind
  --rounds N    how often everything is measured; 7 by default
  --json FILE   writes the figures there too
  --faults      instead of all that: a load on two real brokers (Java and Maven), one of which is suspended or killed half-way, and the time
                beside that of the same load undisturbed; it takes some minutes
  --sends N     how many messages of 200 bytes that load has; 60,000 by default
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    if let Some(faults) = faults(arguments)? {
        return faults.run();
    }
    let mut command = cargo::cargo(&["run", "--release", "--package", "bench", "--"]);
    cargo::run(command.args(arguments))
}

/// What is asked for with `--faults`; `None` without it.
fn faults(arguments: &[String]) -> anyhow::Result<Option<Faults>> {
    use lexopt::prelude::*;
    if !arguments.iter().any(|argument| argument == "--faults") {
        return Ok(None);
    }
    let mut wanted = Faults { sends: 60_000, json: None };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("faults") => {}
            Long("sends") => wanted.sends = parser.value()?.parse()?,
            Long("json") => wanted.json = Some(std::path::absolute(parser.value()?)?),
            other => bail!("{}\n\n{HELP}", other.unexpected()),
        }
    }
    Ok(Some(wanted))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn parse(line: &str) -> anyhow::Result<Option<Faults>> {
        faults(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn faults_are_measured_only_when_asked_for() {
        assert_eq!(parse("--quick --json a").unwrap(), None);
        assert_eq!(parse("--faults").unwrap(), Some(Faults { sends: 60_000, json: None }));
        let wanted = Faults { sends: 500, json: Some(PathBuf::from("/a/b")) };
        assert_eq!(parse("--json /a/b --faults --sends 500").unwrap(), Some(wanted));
        assert!(parse("--faults --rounds 3").unwrap_err().to_string().contains("--rounds"));
    }
}
