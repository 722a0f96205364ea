//! `cargo xtask fuzz`: random bytes for the decoders, for as long as one likes.
//!
//! The targets live in tests/fuzz, outside the workspace. Their seeds are ordinary tests of the crates; this goes further.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use crate::cargo;

const HELP: &str = "\
Runs the fuzz targets of tests/fuzz with cargo-fuzz, on the stable compiler.

Usage: cargo xtask fuzz --seconds N [TARGET]

  --seconds N   how long each target runs
  TARGET        one of the files in tests/fuzz/fuzz_targets; all of them, one after the other, when none is named

An input that breaks a target is kept in tests/fuzz/artifacts/TARGET. Mend the code, and copy the input to
tests/fuzz/seeds/TARGET: from then on `cargo xtask test` replays it.
";

const FOLDER: &str = "tests/fuzz";

struct Plan {
    seconds: u64,
    target: Option<String>,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some(plan) = parse(arguments)? else {
        print!("{HELP}");
        return Ok(());
    };
    let known = targets(&cargo::workspace_root().join(FOLDER).join("fuzz_targets"))?;
    if let Some(target) = plan.target.as_ref().filter(|target| !known.contains(target)) {
        bail!("there is no fuzz target `{target}`; there are {}", known.join(", "));
    }
    ensure!(
        cargo::answers(&mut cargo::cargo(&["fuzz", "--version"]))?,
        "cargo-fuzz is not installed; install it with: cargo install cargo-fuzz --locked"
    );
    let mut broken = Vec::new();
    for target in known.iter().filter(|target| plan.target.as_ref().is_none_or(|chosen| chosen == *target)) {
        if let Err(error) = fuzz(target, plan.seconds) {
            eprintln!("{target}: {error:#}");
            broken.push(target.as_str());
        }
    }
    ensure!(broken.is_empty(), "broken by some input: {}", broken.join(", "));
    Ok(())
}

/// None: help is wanted.
fn parse(arguments: &[String]) -> anyhow::Result<Option<Plan>> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut seconds, mut target) = (None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seconds") => seconds = Some(parser.value()?.parse()?),
            Short('h') | Long("help") => return Ok(None),
            Value(value) if target.is_none() => target = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let seconds = seconds.context("say how long each target runs: --seconds N")?;
    ensure!(seconds > 0, "--seconds 0 would run for ever; say at least 1");
    Ok(Some(Plan { seconds, target }))
}

fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let files = std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut names = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn fuzz(target: &str, seconds: u64) -> anyhow::Result<()> {
    let corpus = format!("{FOLDER}/corpus/{target}");
    std::fs::create_dir_all(cargo::workspace_root().join(&corpus))
        .with_context(|| format!("could not create {corpus}"))?;
    let seeds = format!("{FOLDER}/seeds/{target}");
    // Without a sanitizer: the code has no unsafe, and the stable compiler has none to offer.
    let mut command =
        cargo::cargo(&["fuzz", "run", "--fuzz-dir", FOLDER, "--sanitizer", "none", target, &corpus, &seeds]);
    cargo::run(command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-print_final_stats=1"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> anyhow::Result<Option<Plan>> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_arguments_are_seconds_and_perhaps_one_target() {
        let plan = parsed("--seconds 5 frame_json").unwrap().unwrap();
        assert_eq!((plan.seconds, plan.target.as_deref()), (5, Some("frame_json")));
        assert_eq!(parsed("--seconds=7").unwrap().unwrap().target, None);
        assert!(parsed("--help").unwrap().is_none());
        for wrong in ["", "frame_json", "--seconds", "--seconds x", "--seconds 0", "--seconds 1 a b", "--second 1"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_target_has_seeds() {
        let folder = cargo::workspace_root().join(FOLDER);
        let targets = targets(&folder.join("fuzz_targets")).unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            let seeds = std::fs::read_dir(folder.join("seeds").join(&target)).map_or(0, Iterator::count);
            assert!(seeds > 0, "{target}");
        }
    }
}
