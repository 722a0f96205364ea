//! What `cargo metadata` says about the workspace, as far as the checks need it.
//!
//! A value made from JSON text: the checks work on it without cargo, and their tests on small samples.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use crate::cargo;

#[derive(Debug)]
pub(crate) struct Workspace {
    /// Every package of Cargo.lock, ours included.
    pub(crate) packages: Vec<Package>,
    /// Where builds go.
    pub(crate) target_folder: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// None: a path inside this repository.
    pub(crate) source: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    pub(crate) is_member: bool,
    pub(crate) is_published: bool,
    pub(crate) is_library: bool,
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The version requirement; `*` where none was written.
    pub(crate) requirement: String,
    pub(crate) is_optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Development,
}

impl Workspace {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let text = cargo::output_of(&mut cargo::cargo(&["metadata", "--format-version", "1", "--all-features"]))?;
        Self::from_json(&text)
    }

    pub(crate) fn from_json(text: &str) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_str(text).context("the output of cargo metadata is not JSON")?;
        let members: Vec<&str> = list(&metadata["workspace_members"]).iter().filter_map(Value::as_str).collect();
        let packages =
            list(&metadata["packages"]).iter().map(|package| Package::from_json(package, &members)).collect();
        let target_folder = metadata["target_directory"].as_str().map(PathBuf::from).unwrap_or_default();
        Ok(Self { packages, target_folder })
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    /// The members that go to crates.io.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.is_published)
    }

    /// The members that other people's code depends on.
    pub(crate) fn published_libraries(&self) -> impl Iterator<Item = &Package> {
        self.published().filter(|package| package.is_library)
    }

    pub(crate) fn third_party(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !package.is_member)
    }

    pub(crate) fn is_member(&self, name: &str) -> bool {
        self.members().any(|package| package.name == name)
    }
}

impl Package {
    fn from_json(package: &Value, members: &[&str]) -> Self {
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let is_library =
            |target: &Value| list(&target["kind"]).iter().any(|kind| kind == "lib" || kind == "proc-macro");
        Self {
            name: text("name").unwrap_or_default(),
            version: text("version").unwrap_or_default(),
            source: text("source"),
            license: text("license"),
            rust_version: text("rust_version"),
            folder: text("manifest_path")
                .map(PathBuf::from)
                .and_then(|path| path.parent().map(Path::to_path_buf))
                .unwrap_or_default(),
            is_member: package["id"].as_str().is_some_and(|id| members.contains(&id)),
            is_published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            is_library: list(&package["targets"]).iter().any(is_library),
            features: package["features"]
                .as_object()
                .map(|features| features.keys().cloned().collect())
                .unwrap_or_default(),
            dependencies: list(&package["dependencies"]).iter().map(Dependency::from_json).collect(),
        }
    }
}

impl Dependency {
    fn from_json(dependency: &Value) -> Self {
        let kind = match dependency["kind"].as_str() {
            Some("dev") => Kind::Development,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        };
        Self {
            name: dependency["name"].as_str().unwrap_or_default().to_owned(),
            kind,
            requirement: dependency["req"].as_str().unwrap_or_default().to_owned(),
            is_optional: dependency["optional"].as_bool().unwrap_or(false),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_workspace_can_be_read() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.members().find(|package| package.name == "xtask").unwrap();
        assert!(!xtask.is_published && !xtask.is_library);
        assert_eq!(xtask.folder, cargo::workspace_root().join("xtask"));
        let remoting = workspace.published_libraries().find(|package| package.name == "rmq-remoting").unwrap();
        let tokio = remoting.dependencies.iter().find(|dependency| dependency.name == "tokio").unwrap();
        assert_eq!((tokio.kind, tokio.is_optional), (Kind::Normal, false));
        assert!(workspace.third_party().any(|package| package.name == "tokio"));
    }
}
