//! `cargo xtask package`: what users get from crates.io is complete and builds.
//!
//! The crates are packed together, so that each one is built against the packages of the others and not against this checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::cargo;
use crate::ci;
use crate::outcome::Outcome;
use crate::workspace::{Package, Workspace};

const HELP: &str = "\
Packs every published crate, builds each from its package, and looks whether README, CHANGELOG and licences are in it.

Usage: cargo xtask package [--allow-dirty]

  --allow-dirty   also with uncommitted files
";

/// Every package has these, and the licences word for word as in the repository's root.
const ALWAYS: &[&str] = &["README.md", "CHANGELOG.md"];
const LICENCES: &[&str] = &["LICENSE-MIT", "LICENSE-APACHE"];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut allow_dirty = false;
    for argument in arguments {
        match argument.as_str() {
            "--allow-dirty" => allow_dirty = true,
            "-h" | "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            other => bail!("unexpected `{other}`; see cargo xtask package --help"),
        }
    }
    pack(allow_dirty).map(drop)
}

/// As a step of `ci`: a developer's tree may be dirty, that of a server may not.
pub(crate) fn check() -> anyhow::Result<Outcome> {
    pack(!ci::is_unattended())
}

fn pack(allow_dirty: bool) -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let target = target_folder()?;
    let mut command = cargo::cargo(&["package"]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    if allow_dirty {
        command.arg("--allow-dirty");
    }
    // Named aloud, else every package would be built in a folder of its own, dependencies and all.
    cargo::run(command.arg("--target-dir").arg(&target))?;
    let mut findings = Vec::new();
    for package in workspace.published() {
        findings.extend(missing(package, &unpacked(&target, package))?);
    }
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} files are missing in packages", findings.len());
    Ok(Outcome::note(format!("{} packages", workspace.published().count())))
}

/// The folder into which cargo unpacked the package to build it.
fn unpacked(target: &Path, package: &Package) -> PathBuf {
    target.join("package").join(format!("{}-{}", package.name, package.version))
}

fn missing(package: &Package, folder: &Path) -> anyhow::Result<Vec<String>> {
    ensure!(folder.is_dir(), "cargo left no package of {} to look at", package.name);
    let mut findings = Vec::new();
    for name in ALWAYS {
        let length = std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len());
        if length == 0 {
            findings.push(format!("{}: its package has no {name}", package.name));
        }
    }
    for name in LICENCES {
        let ours =
            std::fs::read(cargo::workspace_root().join(name)).with_context(|| format!("no {name} in the root"))?;
        if std::fs::read(folder.join(name)).ok().as_ref() != Some(&ours) {
            findings.push(format!("{}: its package has no {name}, or another one than the root", package.name));
        }
    }
    Ok(findings)
}

fn target_folder() -> anyhow::Result<PathBuf> {
    let metadata = cargo::output_of(&mut cargo::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names no target folder")
}
