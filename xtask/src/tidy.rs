//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Findings fail, one line each with the file and the line. Advice (on size) is printed and never fails.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::cargo;
use crate::outcome::Outcome;

mod crates;
mod error_kinds;
mod feature_table;
mod links;
mod log_lines;
mod machine_names;
mod rooms;

const HELP: &str = "\
Looks at every file that git tracks or would track:
  - every .rs file opens with `//!`, holds something, and is named after what it holds;
  - no path of somebody's machine and no package-registry host anywhere;
  - every published crate has README.md and CHANGELOG.md, Cargo.lock is tracked, golden and seed folders say their origin;
  - links between Markdown files lead somewhere;
  - docs/operations.md explains every line that a library logs at INFO or above;
  - docs/when-a-send-fails.md has one heading for each kind of error;
  - a row of the README's tables that says `yes` links the test that proves it, as [yes](path/to/file.rs#name_of_the_test).
Long files are only pointed out.

Usage: cargo xtask tidy
";

/// A file of the repository: where it is from the root, with `/`, and its text.
#[derive(Debug)]
pub(crate) struct File {
    path: String,
    text: String,
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    if let Outcome::Done(note) = check()? {
        println!("tidy: {note}");
    }
    Ok(())
}

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let files = Files::load()?;
    for advice in rooms::advice(&files) {
        println!("advice: {advice}");
    }
    let mut findings = rooms::findings(&files);
    findings.extend(machine_names::findings(&files));
    findings.extend(crates::findings(&files, &crate::workspace::Workspace::load()?));
    findings.extend(links::findings(&files));
    findings.extend(log_lines::findings(&files));
    findings.extend(error_kinds::findings(&files));
    findings.extend(feature_table::findings(&files));
    if findings.is_empty() {
        return Ok(Outcome::note(format!("{} files", files.all.len())));
    }
    for finding in &findings {
        println!("{finding}");
    }
    bail!("{} findings", findings.len())
}

/// Everything that is or would be committed.
#[derive(Debug, Default)]
pub(crate) struct Files {
    all: Vec<File>,
}

impl Files {
    fn load() -> anyhow::Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed =
            cargo::output_of(cargo::program("git").args(arguments)).context("tidy asks git for the list of files")?;
        let root = cargo::workspace_root();
        let mut paths: Vec<_> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        // A file that was deleted and is still in git's index is not there any more.
        let there = paths.into_iter().filter(|path| root.join(path).is_file());
        let all = there.map(|path| File::load(&root, path)).collect::<anyhow::Result<_>>()?;
        Ok(Self { all })
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.all.iter().find(|file| file.path == path)
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.all.iter().filter(|file| file.path.ends_with(".rs"))
    }

    fn markdown(&self) -> impl Iterator<Item = &File> {
        self.all.iter().filter(|file| file.path.ends_with(".md"))
    }

    /// Whether this is a file or a folder that holds one.
    fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.all.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    #[cfg(test)]
    fn sample(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { all: files.iter().map(file).collect() }
    }
}

impl File {
    fn load(root: &Path, path: &str) -> anyhow::Result<Self> {
        let full: PathBuf = root.join(path);
        let bytes = std::fs::read(&full).with_context(|| format!("could not read {path}"))?;
        Ok(Self { path: path.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}
