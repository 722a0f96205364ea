//! The libraries build with the Rust version that they declare.
//!
//! Four looks: newer standard-library items by clippy's `incompatible_msrv` (denied in the workspace lints, so `lint` sees it), newer
//! syntax, what the dependencies declare, and a real build where that toolchain is installed.

mod newer_syntax;

use anyhow::{Context as _, ensure};

use crate::cargo;
use crate::crate_count::normal_tree;
use crate::outcome::Outcome;
use crate::rust_files::rust_files;
use crate::workspace::{Package, Workspace};

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let mut findings = Vec::new();
    let mut promise = None;
    for library in workspace.published_libraries() {
        let declared =
            library.rust_version.as_deref().with_context(|| format!("{} declares no rust-version", library.name))?;
        findings.extend(newer_dependencies(library, declared, &workspace)?);
        if is_newer("1.88", declared) {
            findings.extend(let_chains(library)?);
        }
        promise = promise.max(Some(declared));
    }
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} places need a newer Rust than the libraries promise", findings.len());
    build_with(promise.context("no published library")?, &workspace)
}

fn newer_dependencies(library: &Package, declared: &str, workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let tree = normal_tree(&library.name, &["--target", "all", "--all-features"])?;
    let in_tree =
        workspace.third_party().filter(|package| tree.contains(&(package.name.clone(), package.version.clone())));
    let newer =
        in_tree.filter(|package| package.rust_version.as_deref().is_some_and(|needs| is_newer(needs, declared)));
    Ok(newer
        .map(|package| {
            let needs = package.rust_version.as_deref().unwrap_or_default();
            format!("{} promises Rust {declared}, but {} {} needs {needs}", library.name, package.name, package.version)
        })
        .collect())
}

fn let_chains(library: &Package) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in rust_files(&library.folder.join("src"))? {
        let place = format!("{}/src/{}", library.name, file.name);
        let lines = newer_syntax::let_chains(&file.source).into_iter();
        findings.extend(lines.map(|line| format!("{place}:{line}: a let chain needs Rust 1.88")));
    }
    Ok(findings)
}

fn build_with(version: &str, workspace: &Workspace) -> anyhow::Result<Outcome> {
    let installed = cargo::output_of(cargo::program("rustup").args(["toolchain", "list"])).unwrap_or_default();
    let Some(toolchain) = toolchain_of(&installed, version) else {
        return Ok(Outcome::skipped(format!(
            "no build with Rust {version}, that toolchain is not installed (rustup toolchain install {version}); syntax and declared versions agree"
        )));
    };
    let mut command = cargo::program("rustup");
    command.args(["run", toolchain, "cargo", "check", "--lib", "--all-features"]);
    for library in workspace.published_libraries() {
        command.args(["--package", &library.name]);
    }
    // Set by the newer cargo that runs us.
    cargo::run(command.env_remove("RUSTC").env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN"))?;
    Ok(Outcome::note(format!("built with Rust {version}")))
}

/// The installed toolchain (a line of `rustup toolchain list`) that is this version.
fn toolchain_of<'a>(installed: &'a str, version: &str) -> Option<&'a str> {
    let names = installed.lines().filter_map(|line| line.split_whitespace().next());
    names.into_iter().find(|name| {
        let rest = name.strip_prefix(version);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-') || rest.starts_with('.'))
    })
}

fn is_newer(version: &str, than: &str) -> bool {
    let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    let (mut version, mut than) = (numbers(version), numbers(than));
    version.resize(3, 0);
    than.resize(3, 0);
    version > than
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (version, than, newer) in [
            ("1.85", "1.85", false),
            ("1.85.0", "1.85", false),
            ("1.85.1", "1.85", true),
            ("1.100", "1.85", true),
            ("1.9", "1.85", false),
        ] {
            assert_eq!(is_newer(version, than), newer, "{version} than {than}");
        }
    }

    #[test]
    fn the_toolchain_is_found_under_any_of_its_names() {
        let listed = "stable-x86_64-unknown-linux-gnu (active, default)\n1.85.1-x86_64-unknown-linux-gnu\n";
        assert_eq!(toolchain_of(listed, "1.85"), Some("1.85.1-x86_64-unknown-linux-gnu"));
        assert_eq!(toolchain_of("1.85\n", "1.85"), Some("1.85"));
        assert_eq!(toolchain_of("1.850.0-x86_64\n1.8-x86_64\n", "1.85"), None);
    }
}
