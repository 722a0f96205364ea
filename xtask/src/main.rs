//! How we work on this repository: `cargo xtask COMMAND`, one file per command.
//!
//! Every command runs from the workspace root, talks to its user on standard output, and exits with 1 when it failed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its user")]

use std::process::ExitCode;

mod advisories;
mod bench;
mod brokers;
mod cargo;
mod ci;
mod cluster;
mod crate_count;
mod demo;
mod duplicates;
mod features;
mod fuzz;
mod layers;
mod licences;
mod msrv;
mod outcome;
mod package;
mod rust_files;
mod rust_text;
mod sources;
mod test;
mod tidy;
mod workspace;

type Command = (&'static str, &'static str, fn(&[String]) -> anyhow::Result<()>);

/// Name, one line of help, code; in the order in which a newcomer needs them.
const COMMANDS: &[Command] = &[
    ("demo", "send 1,000 messages to a cluster inside the process, or to yours with --namesrv HOST:PORT", demo::run),
    ("test", "run every test, with real brokers too where Java and Maven are there", test::run),
    ("ci", "everything that has to hold before a commit lands, with a table at the end", ci::run),
    ("cluster", "a real Apache RocketMQ to play with: cluster up|down|status [VERSION]", cluster::run),
    ("layers", "hold the crates' dependencies against the allowed arrows", layers::run),
    ("tidy", "house rules that no compiler checks: openings, rooms, paths, links", tidy::run),
    ("package", "pack every published crate and build it from its package", package::run),
    (
        "bench",
        "what a send costs beside the floor, or with a broken broker: bench [--quick | --faults] [--json FILE]",
        bench::run,
    ),
    ("fuzz", "feed random bytes to the decoders: fuzz --seconds N [TARGET]", fuzz::run),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        print!("{}", help());
        return ExitCode::SUCCESS;
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some((_, _, run)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
        eprintln!("error: there is no command `{name}`\n\n{}", help());
        return ExitCode::FAILURE;
    };
    match run(&arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let mut text =
        String::from("How we work on this repository.\n\nUsage: cargo xtask COMMAND [ARGUMENTS]\n\nCommands:\n");
    for (name, about, _) in COMMANDS {
        text += &format!("  {name:<8} {about}\n");
    }
    text + "\n`cargo xtask COMMAND --help` says more about one of them.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command_once() {
        for (name, about, _) in COMMANDS {
            assert_eq!(help().matches(&format!("  {name:<8} {about}\n")).count(), 1, "{name}");
        }
    }
}
