//! `cargo xtask ci`: everything that has to hold, step by step, and a table at the end.
//!
//! A failed step does not hide the later ones, except that nothing is run on code that does not compile.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::cargo;
use crate::outcome::Outcome;
use crate::{advisories, crate_count, duplicates, features, layers, licences, msrv, package, sources, test, tidy};

struct Step {
    name: &'static str,
    about: &'static str,
    needs: Needs,
    check: fn() -> anyhow::Result<Outcome>,
}

#[derive(PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The step `compile` went well, or was not asked for.
    CompiledCode,
}

/// In an order that reuses builds: what `compile` builds serves `test`, what `lint` checks serves `doc` and `features`.
const STEPS: &[Step] = &[
    Step { name: "lock", about: "Cargo.lock fits the manifests", needs: Needs::Nothing, check: lock },
    Step { name: "fmt", about: "cargo fmt --check", needs: Needs::Nothing, check: fmt },
    Step { name: "tidy", about: "house rules (cargo xtask tidy)", needs: Needs::Nothing, check: tidy::check },
    Step {
        name: "layers",
        about: "allowed dependencies (cargo xtask layers)",
        needs: Needs::Nothing,
        check: layers::check,
    },
    Step {
        name: "crates",
        about: "third-party crates under rmq-producer",
        needs: Needs::Nothing,
        check: crate_count::check,
    },
    Step { name: "licences", about: "every licence is on the list", needs: Needs::Nothing, check: licences::check },
    Step { name: "sources", about: "everything comes from crates.io", needs: Needs::Nothing, check: sources::check },
    Step { name: "duplicates", about: "no crate in two versions", needs: Needs::Nothing, check: duplicates::check },
    Step {
        name: "advisories",
        about: "known vulnerabilities, by cargo-deny",
        needs: Needs::Nothing,
        check: advisories::check,
    },
    Step { name: "compile", about: "everything, tests and examples included", needs: Needs::Nothing, check: compile },
    Step { name: "lint", about: "clippy, warnings are errors", needs: Needs::CompiledCode, check: lint },
    Step { name: "test", about: "every test (cargo xtask test)", needs: Needs::CompiledCode, check: test::check },
    Step { name: "doc", about: "rustdoc, warnings are errors", needs: Needs::CompiledCode, check: doc },
    Step { name: "features", about: "each library alone", needs: Needs::CompiledCode, check: features::check },
    Step { name: "msrv", about: "the promised Rust version", needs: Needs::CompiledCode, check: msrv::check },
    Step {
        name: "package",
        about: "each crate from its package (cargo xtask package)",
        needs: Needs::CompiledCode,
        check: package::check,
    },
];

/// How one step went.
struct Row {
    name: &'static str,
    took: Duration,
    result: Result<Outcome, Failure>,
}

enum Failure {
    Failed(String),
    NotRun(&'static str),
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{}", help());
        return Ok(());
    }
    let steps = chosen(arguments)?;
    let rows = run_steps(&steps);
    println!("\n{}", table(&rows));
    let failed = rows.iter().filter(|row| row.result.is_err()).count();
    ensure!(failed == 0, "{failed} of {} steps failed", rows.len());
    Ok(())
}

/// True where a script runs us and nobody watches: then a skipped test of real brokers is a failure, and a dirty tree too.
pub(crate) fn is_unattended() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

fn help() -> String {
    let mut text = String::from(
        "Runs everything that has to hold before a commit lands, and prints a table at the end.\n\n\
         Usage: cargo xtask ci [STEP]...\n\nSteps, all of them when none is named:\n",
    );
    for step in STEPS {
        text += &format!("  {:<11} {}\n", step.name, step.about);
    }
    text + "\nWith CI=true in the environment, missing Java or Maven is a failure of `test`, and uncommitted files one of `package`.\n"
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str())) {
        bail!("there is no step `{unknown}`; `cargo xtask ci --help` lists them");
    }
    let is_chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(is_chosen).collect())
}

fn run_steps(steps: &[&'static Step]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for step in steps {
        let broken = rows.iter().any(|row| row.name == "compile" && row.result.is_err());
        if broken && step.needs == Needs::CompiledCode {
            let result = Err(Failure::NotRun("the code does not compile"));
            rows.push(Row { name: step.name, took: Duration::ZERO, result });
            continue;
        }
        println!("\n=== {}: {}", step.name, step.about);
        let started = Instant::now();
        let result = (step.check)().map_err(|error| Failure::Failed(format!("{error:#}")));
        let row = Row { name: step.name, took: started.elapsed(), result };
        match &row.result {
            Ok(Outcome::Skipped(why)) => println!("SKIPPED {}: {why}", row.name),
            _ => println!("{}", line(&row)),
        }
        rows.push(row);
    }
    rows
}

fn table(rows: &[Row]) -> String {
    let total: Duration = rows.iter().map(|row| row.took).sum();
    let lines: String = rows.iter().map(|row| line(row) + "\n").collect();
    format!(
        "{lines}{:<11} {:<8} {:>7.1} s",
        "all",
        if rows.iter().all(|row| row.result.is_ok()) { "ok" } else { "FAILED" },
        total.as_secs_f64()
    )
}

fn line(row: &Row) -> String {
    let (word, note) = match &row.result {
        Ok(Outcome::Done(note)) => ("ok", note.as_str()),
        Ok(Outcome::Skipped(why)) => ("SKIPPED", why.as_str()),
        Err(Failure::Failed(why)) => ("FAILED", why.as_str()),
        Err(Failure::NotRun(why)) => ("NOT RUN", *why),
    };
    let note = note.lines().next().unwrap_or_default();
    format!("{:<11} {word:<8} {:>7.1} s  {note}", row.name, row.took.as_secs_f64()).trim_end().to_owned()
}

fn lock() -> anyhow::Result<Outcome> {
    let locked = cargo::output_of(&mut cargo::cargo(&["metadata", "--format-version", "1", "--locked"]));
    match locked {
        Ok(_) => Ok(Outcome::done()),
        Err(error) => Err(error.context("Cargo.lock is out of date: run `cargo metadata > /dev/null` and commit it")),
    }
}

fn fmt() -> anyhow::Result<Outcome> {
    cargo::run(&mut cargo::cargo(&["fmt", "--all", "--check"]))?;
    cargo::run(&mut cargo::cargo(&["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"]))?;
    Ok(Outcome::done())
}

fn compile() -> anyhow::Result<Outcome> {
    test::compile(&[])?;
    Ok(Outcome::done())
}

fn lint() -> anyhow::Result<Outcome> {
    cargo::run(&mut cargo::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "--deny",
        "warnings",
    ]))?;
    Ok(Outcome::done())
}

fn doc() -> anyhow::Result<Outcome> {
    let mut command = cargo::cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    cargo::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::done())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, result: Result<Outcome, Failure>) -> Row {
        Row { name, took: Duration::from_millis(1_234), result }
    }

    #[test]
    fn the_table_has_a_line_for_every_step_and_one_for_all() {
        let rows = [
            row("fmt", Ok(Outcome::done())),
            row("advisories", Ok(Outcome::skipped("no tool"))),
            row("test", Err(Failure::Failed("2 tests failed\nmore".to_owned()))),
            row("doc", Err(Failure::NotRun("the code does not compile"))),
        ];
        let expected = "\
fmt         ok           1.2 s
advisories  SKIPPED      1.2 s  no tool
test        FAILED       1.2 s  2 tests failed
doc         NOT RUN      1.2 s  the code does not compile
all         FAILED       4.9 s";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn a_failed_step_hides_no_later_one_but_code_that_does_not_compile_does() {
        const FAILS: fn() -> anyhow::Result<Outcome> = || bail!("broken");
        const WORKS: fn() -> anyhow::Result<Outcome> = || Ok(Outcome::done());
        static EARLY: Step = Step { name: "fmt", about: "", needs: Needs::Nothing, check: FAILS };
        static COMPILE: Step = Step { name: "compile", about: "", needs: Needs::Nothing, check: FAILS };
        static LATER: Step = Step { name: "tidy", about: "", needs: Needs::Nothing, check: WORKS };
        static LAST: Step = Step { name: "test", about: "", needs: Needs::CompiledCode, check: WORKS };
        let rows = run_steps(&[&EARLY, &COMPILE, &LATER, &LAST]);
        assert!(matches!(rows[0].result, Err(Failure::Failed(_))));
        assert!(matches!(rows[2].result, Ok(Outcome::Done(_))));
        assert!(matches!(rows[3].result, Err(Failure::NotRun(_))));
        assert!(run_steps(&[&EARLY, &LAST])[1].result.is_ok());
    }

    #[test]
    fn steps_can_be_named_and_a_wrong_name_is_refused() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        let picked: Vec<_> = chosen(&names(&["tidy", "fmt"])).unwrap().iter().map(|step| step.name).collect();
        assert_eq!(picked, ["fmt", "tidy"]);
        assert!(chosen(&names(&["fmtt"])).is_err());
    }
}
