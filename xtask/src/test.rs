//! `cargo xtask test`: every test of the workspace, doctests included, with real brokers beside them where that is possible.
//!
//! Compiles first, then starts the brokers, runs the tests, stops the brokers whatever happened. A run without a single test is a failure.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::brokers::SharedBrokers;
use crate::cargo;
use crate::outcome::Outcome;

const HELP: &str = "\
Runs every test of the workspace. Where Java and Maven are there, it starts Apache RocketMQ 4.9.7 and 5.5.0 for the tests that talk to
real brokers (fetched once by Maven, into the user's cache folder, or $RMQ_SERVER_CACHE) and stops them at the end. Where they are
not, it prints `SKIPPED real brokers: why`; with CI=true in the environment that is a failure.

Usage: cargo xtask test [ARGUMENTS OF cargo test]

  cargo xtask test retry     tests whose name contains `retry`
  cargo xtask test -p CRATE  one crate; real brokers only when it is e2e
";

/// The package whose tests use the shared brokers.
const USES_BROKERS: &str = "e2e";

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    wants_brokers: bool,
    /// For `cargo test`, its name not included.
    arguments: Vec<String>,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let before_names = arguments.iter().take_while(|argument| *argument != "--");
    if before_names.into_iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let plan = Plan::new(arguments);
    compile(&plan.arguments)?;
    test(&plan).map(drop)
}

/// As a step of `ci`.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    let tally = test(&Plan::new(&[]))?;
    Ok(Outcome::note(tally.to_string()))
}

/// Builds everything that the tests need, with these arguments of `cargo test`.
pub(crate) fn compile(arguments: &[String]) -> anyhow::Result<()> {
    cargo::run(cargo_test(arguments).arg("--no-run"))
}

impl Plan {
    fn new(arguments: &[String]) -> Self {
        let packages = packages(arguments);
        let wants_brokers = packages.is_empty() || packages.contains(&USES_BROKERS);
        Self { wants_brokers, arguments: arguments.to_vec() }
    }
}

/// The packages that these arguments choose; none: the whole workspace.
fn packages(arguments: &[String]) -> Vec<&str> {
    let mut packages = Vec::new();
    let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "-p" || argument == "--package" {
            packages.extend(arguments.next().map(String::as_str));
        } else if let Some(package) = argument.strip_prefix("--package=") {
            packages.push(package);
        }
    }
    packages
}

fn cargo_test(arguments: &[String]) -> Command {
    let mut command = cargo::cargo(&["test", "--all-features"]);
    if packages(arguments).is_empty() {
        command.arg("--workspace");
    }
    command.args(arguments.iter().take_while(|argument| *argument != "--"));
    command
}

fn test(plan: &Plan) -> anyhow::Result<Tally> {
    // Brokers that fail to start must not hide how the other tests fare.
    let started = if plan.wants_brokers { SharedBrokers::start() } else { Ok(SharedBrokers::none()) };
    let (brokers, trouble) = match started {
        Ok(brokers) => (brokers, None),
        Err(error) => (SharedBrokers::none(), Some(error)),
    };
    if let Some(error) = &trouble {
        println!("FAILED real brokers: {error:#}");
    }
    let tested = run_tests(plan, &brokers);
    let stopped = brokers.stop();
    let (tally, success) = tested?;
    println!("tests: {tally}");
    stopped?;
    if let Some(error) = trouble {
        return Err(error);
    }
    ensure!(success, "{} tests failed ({tally})", tally.failed.max(1));
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(tally)
}

/// Runs `cargo test` and shows its output while counting in it.
fn run_tests(plan: &Plan, brokers: &SharedBrokers) -> anyhow::Result<(Tally, bool)> {
    let mut command = cargo_test(&plan.arguments);
    command.arg("--no-fail-fast").args(plan.arguments.iter().skip_while(|argument| *argument != "--"));
    for (variable, address) in brokers.variables() {
        println!("{variable}={address}");
        command.env(variable, address);
    }
    cargo::show(&command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("could not start cargo")?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).context("could not read what the tests print")? > 0 {
            std::io::stdout().write_all(&line).context("could not show what the tests print")?;
            tally.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child.wait().context("could not wait for cargo")?;
    Ok((tally, status.success()))
}

/// How many tests there were, over all test programs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Adds up the lines that close a test program: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.trim().strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split(';') {
            let Some((count, what)) = part.trim().split_once(' ') else { continue };
            let count = count.parse::<u64>().unwrap_or(0);
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Plan {
        Plan::new(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn words(line: &str) -> String {
        let plan = plan(line);
        cargo::words(&cargo_test(&plan.arguments))
    }

    #[test]
    fn brokers_are_started_for_the_whole_workspace_and_for_the_package_that_uses_them() {
        for (line, wants) in [
            ("", true),
            ("retry", true),
            ("-p e2e", true),
            ("-p rmq-route", false),
            ("--package=rmq-route", false),
            ("-p rmq-route --package e2e", true),
            ("-- -p", true),
        ] {
            assert_eq!(plan(line).wants_brokers, wants, "{line}");
        }
    }

    #[test]
    fn what_is_not_ours_goes_to_cargo() {
        assert_eq!(words(""), "cargo test --all-features --workspace");
        assert_eq!(words("retry -- --nocapture"), "cargo test --all-features --workspace retry");
        assert_eq!(words("-p rmq-route retry"), "cargo test --all-features -p rmq-route retry");
    }

    #[test]
    fn the_tally_adds_up_every_test_program() {
        let mut tally = Tally::default();
        for line in [
            "running 5 tests",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
            "test a::b ... ok",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 8, failed: 2, ignored: 1 });
        assert_eq!(tally.to_string(), "8 passed, 2 failed, 1 skipped");
    }
}
