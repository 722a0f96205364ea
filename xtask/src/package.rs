//! `cargo xtask package`: what users get from crates.io is complete and builds.
//!
//! The packages are unpacked side by side and built there, each against the packages of the others and nothing of this checkout.
//! (`cargo package` can verify too, but between two runs it takes a package of the same version for unchanged and builds the old one.)

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
    let mut command = cargo::cargo(&["package", "--quiet", "--no-verify"]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    if allow_dirty {
        command.arg("--allow-dirty");
    }
    cargo::run(&mut command)?;

    let unpacked = unpack(&workspace)?;
    let mut findings = Vec::new();
    for package in workspace.published() {
        findings.extend(missing(package, &unpacked.join(folder_of(package)))?);
    }
    for finding in &findings {
        println!("{finding}");
    }
    for package in workspace.published() {
        let mut command = cargo::cargo(&["build", "--package", &package.name, "--target-dir"]);
        command.arg(&workspace.target_folder).arg("--manifest-path").arg(unpacked.join("Cargo.toml"));
        cargo::run(&mut command).with_context(|| format!("{} does not build from its package", package.name))?;
    }
    ensure!(findings.is_empty(), "{} files are missing in packages", findings.len());
    Ok(Outcome::note(format!("{} packages", workspace.published().count())))
}

/// Unpacks all packages into one workspace of their own; returns its folder.
fn unpack(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.target_folder.join("unpacked-packages");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    for package in workspace.published() {
        let archive = workspace.target_folder.join("package").join(format!("{}.crate", folder_of(package)));
        extract(&archive, &folder)?;
    }
    std::fs::write(folder.join("Cargo.toml"), manifest(workspace))
        .context("could not write the manifest for the packages")?;
    std::fs::copy(cargo::workspace_root().join("Cargo.lock"), folder.join("Cargo.lock"))
        .context("could not copy Cargo.lock")?;
    Ok(folder)
}

/// Unpacks an archive. Its files are new: those of a package all bear one old date, and cargo would take what it built of others by that name
/// for built of these.
fn extract(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    cargo::output_of(cargo::program("tar").arg("-xzmf").arg(archive).arg("-C").arg(folder))?;
    Ok(())
}

/// A workspace in which the packages find each other, as if all were on crates.io.
fn manifest(workspace: &Workspace) -> String {
    let mut members = String::new();
    let mut patches = String::new();
    for package in workspace.published() {
        members += &format!("  \"{}\",\n", folder_of(package));
        patches += &format!("{} = {{ path = \"{}\" }}\n", package.name, folder_of(package));
    }
    let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n";
    format!("[workspace]\nresolver = \"3\"\nmembers = [\n{members}]\n\n[patch.crates-io]\n{patches}\n{profile}")
}

fn folder_of(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

fn missing(package: &Package, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for name in ALWAYS {
        if std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len()) == 0 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_are_members_and_stand_in_for_what_is_on_crates_io() {
        let text = r#"{"workspace_members": ["a", "b"], "target_directory": "/x/target", "packages": [
            {"id": "a", "name": "rmq-a", "version": "0.1.0", "publish": null},
            {"id": "b", "name": "ours-alone", "version": "0.0.0", "publish": []},
            {"id": "c", "name": "tokio", "version": "1.0.0", "publish": null}]}"#;
        let manifest = manifest(&Workspace::from_json(text).unwrap());
        assert!(manifest.contains("members = [\n  \"rmq-a-0.1.0\",\n]"), "{manifest}");
        assert!(manifest.contains("[patch.crates-io]\nrmq-a = { path = \"rmq-a-0.1.0\" }\n\n"), "{manifest}");
    }

    #[test]
    fn what_is_unpacked_is_new_whatever_its_date_says() {
        let folder = std::env::temp_dir().join(format!("xtask-extract-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (file, archive) = (folder.join("lib.rs"), folder.join("a.crate"));
        std::fs::write(&file, "//! Old.\n").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_153_704_088);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        let pack = cargo::program("tar").arg("-czf").arg(&archive).arg("-C").arg(&folder).arg("lib.rs").status();
        assert!(pack.unwrap().success());
        std::fs::remove_file(&file).unwrap();
        extract(&archive, &folder).unwrap();
        let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(modified > long_ago, "{modified:?}");
    }

    #[test]
    fn a_package_without_its_papers_is_found() {
        let folder = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("README.md"), "# a\n").unwrap();
        std::fs::write(folder.join("LICENSE-MIT"), "something else\n").unwrap();
        std::fs::copy(cargo::workspace_root().join("LICENSE-APACHE"), folder.join("LICENSE-APACHE")).unwrap();
        let workspace = Workspace::load().unwrap();
        let package = workspace.published().next().unwrap();
        let found = missing(package, &folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let name = &package.name;
        assert_eq!(
            found,
            [
                format!("{name}: its package has no CHANGELOG.md"),
                format!("{name}: its package has no LICENSE-MIT, or another one than the root"),
            ]
        );
    }
}
