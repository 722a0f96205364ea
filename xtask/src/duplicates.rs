//! No crate twice in what users compile, and some not twice anywhere.
//!
//! Two versions of a crate cost build time, and of a runtime or a lock they cost correctness: two tokios do not share a reactor.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;

use crate::crate_count::normal_tree;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Not even tests and tools may bring a second incompatible version of these.
const ONCE_IN_CARGO_LOCK: &[&str] = &[
    "bytes",
    "flate2",
    "lock_api",
    "mio",
    "parking_lot",
    "serde",
    "socket2",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
];

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let mut findings = Vec::new();
    for library in workspace.published_libraries() {
        for found in twice(&normal_tree(&library.name, &["--target", "all"])?) {
            findings.push(format!("{}: {found}", library.name));
        }
    }
    let everything: BTreeSet<_> =
        workspace.packages.iter().map(|package| (package.name.clone(), package.version.clone())).collect();
    let watched = everything.into_iter().filter(|(name, _)| ONCE_IN_CARGO_LOCK.contains(&name.as_str())).collect();
    findings.extend(twice(&watched).into_iter().map(|found| format!("Cargo.lock: {found}")));
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} crates are there in two incompatible versions", findings.len());
    Ok(Outcome::done())
}

/// Crates that stand there in versions that cargo cannot merge into one.
fn twice(crates: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeMap<String, &str>> = BTreeMap::new();
    for (name, version) in crates {
        versions.entry(name).or_default().insert(compatible_range(version), version);
    }
    let doubles = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    doubles
        .map(|(name, versions)| format!("{name} {}", versions.into_values().collect::<Vec<_>>().join(" and ")))
        .collect()
}

/// What cargo takes for one and the same: up to the first part that is not zero.
fn compatible_range(version: &str) -> String {
    let mut range = Vec::new();
    for part in version.split('.') {
        range.push(part);
        if part != "0" {
            break;
        }
    }
    range.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
        list.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn versions_are_two_when_cargo_cannot_merge_them() {
        assert_eq!(twice(&crates(&[("syn", "1.0.9"), ("syn", "2.0.1"), ("bytes", "1.2.0")])), ["syn 1.0.9 and 2.0.1"]);
        assert_eq!(twice(&crates(&[("lock_api", "0.4.1"), ("lock_api", "0.5.0")])), ["lock_api 0.4.1 and 0.5.0"]);
        assert_eq!(twice(&crates(&[("a", "0.0.1"), ("a", "0.0.2")])), ["a 0.0.1 and 0.0.2"]);
    }

    #[test]
    fn versions_that_cargo_could_merge_are_no_doubles() {
        assert_eq!(twice(&crates(&[("syn", "2.0.1"), ("syn", "2.1.0"), ("a", "0.4.1"), ("a", "0.4.2")])), [""; 0]);
    }
}
