//! `cargo xtask layers`: who may depend on whom, between crates and at one seam inside rmq-producer.

use anyhow::bail;

use crate::cargo;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

mod arrows;
mod seam;

const HELP: &str = "\
Holds the workspace against its layers:
  - dependencies between our crates only along the arrows of xtask/src/layers/arrows.rs;
  - published crates name our crates as dev-dependencies by path, without a version;
  - libraries depend on the agreed third-party crates only;
  - in rmq-producer, the module `instance` never names `send`.

Usage: cargo xtask layers
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    if let Outcome::Done(note) = check()? {
        println!("layers: {note}");
    }
    Ok(())
}

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let mut findings = arrows::findings(&workspace);
    findings.extend(seam::findings(&cargo::workspace_root().join("crates/rmq-producer/src"))?);
    if findings.is_empty() {
        return Ok(Outcome::note(format!("{} crates keep to the arrows", workspace.members().count())));
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("{} dependencies against the layers", findings.len())
}
