//! The allowed dependencies of our crates, on each other and on third-party ones.
//!
//! A member without a row is a finding: whoever adds a crate decides here what it may know.

use crate::workspace::{Dependency, Kind, Package, Workspace};

/// What a member may depend on among our own crates.
#[derive(Clone, Copy)]
enum May {
    Name(&'static [&'static str]),
    /// Tests and tools that look at everything.
    NameAll,
}

const ARROWS: &[(&str, May)] = &[
    ("rmq-fault", May::Name(&[])),
    ("rmq-message", May::Name(&[])),
    ("rmq-remoting", May::Name(&[])),
    ("rmq-route", May::Name(&["rmq-message"])),
    ("rmq-producer", May::Name(&["rmq-remoting", "rmq-fault", "rmq-route", "rmq-message"])),
    ("rmq-testkit", May::Name(&["rmq-remoting"])),
    // What its commands show comes from every library, each through its public door.
    ("rmq-cli", May::Name(&["rmq-producer", "rmq-testkit", "rmq-remoting", "rmq-route", "rmq-message"])),
    // The judge must not share code with the judged.
    ("real-servers", May::Name(&[])),
    ("xtask", May::Name(&["real-servers"])),
    ("e2e", May::NameAll),
    ("bench", May::NameAll),
    ("bench", May::NameAll),
];

/// Third-party crates of the libraries' default build.
const LIBRARIES_USE: &[&str] = &[
    "arc-swap",
    "bytes",
    "flate2",
    "parking_lot",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tokio-util",
    "tracing",
];

pub(super) fn findings(workspace: &Workspace) -> Vec<String> {
    workspace.members().flat_map(|package| findings_of(package, workspace)).collect()
}

fn findings_of(package: &Package, workspace: &Workspace) -> Vec<String> {
    let Some((_, may)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
        return vec![format!(
            "{}: has no row in xtask/src/layers/arrows.rs; say there what it may depend on",
            package.name
        )];
    };
    package.dependencies.iter().filter_map(|dependency| finding(package, dependency, *may, workspace)).collect()
}

fn finding(package: &Package, dependency: &Dependency, may: May, workspace: &Workspace) -> Option<String> {
    let (from, to) = (&package.name, &dependency.name);
    if !workspace.is_member(to) {
        let counts = package.is_published && package.is_library && dependency.kind != Kind::Development;
        let agreed = dependency.is_optional || LIBRARIES_USE.contains(&to.as_str());
        return (counts && !agreed).then(|| format!("{from} -> {to}: libraries use only {}", LIBRARIES_USE.join(", ")));
    }
    if dependency.kind == Kind::Development {
        // With a version, cargo would want the other crate on crates.io first, and that one may be waiting for this one.
        let versioned = package.is_published && dependency.requirement != "*";
        return versioned
            .then(|| format!("{from} -> {to}: a dev-dependency on our own crate has a path and no version"));
    }
    match may {
        May::NameAll => None,
        May::Name(allowed) if allowed.contains(&to.as_str()) => None,
        May::Name([]) => Some(format!("{from} -> {to}: {from} knows no sibling")),
        May::Name(allowed) => Some(format!("{from} -> {to}: {from} may depend on {} only", allowed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of a workspace of two crates, rmq-route (published) and `other`, with one dependency from the first.
    fn sample(other: &str, dependency: &str) -> Workspace {
        let text = format!(
            r#"{{"workspace_members": ["route", "other"], "packages": [
                {{"id": "route", "name": "rmq-route", "version": "0.1.0", "source": null, "publish": null,
                  "manifest_path": "/x/rmq-route/Cargo.toml", "targets": [{{"kind": ["lib"]}}], "dependencies": [{dependency}]}},
                {{"id": "other", "name": "{other}", "version": "0.1.0", "source": null, "publish": [],
                  "manifest_path": "/x/other/Cargo.toml", "targets": [], "dependencies": []}}]}}"#
        );
        Workspace::from_json(&text).unwrap()
    }

    fn dependency(name: &str, kind: &str, requirement: &str) -> String {
        format!(r#"{{"name": "{name}", "kind": {kind}, "req": "{requirement}", "optional": false}}"#)
    }

    #[test]
    fn an_allowed_arrow_is_no_finding() {
        assert_eq!(findings(&sample("rmq-message", &dependency("rmq-message", "null", "^0.1.0"))), [""; 0]);
    }

    #[test]
    fn an_arrow_against_the_layers_is_named_with_what_is_allowed() {
        let found = findings(&sample("rmq-remoting", &dependency("rmq-remoting", "null", "^0.1.0")));
        assert_eq!(found, ["rmq-route -> rmq-remoting: rmq-route may depend on rmq-message only"]);
    }

    #[test]
    fn a_build_dependency_is_an_arrow_too() {
        assert_eq!(findings(&sample("rmq-remoting", &dependency("rmq-remoting", "\"build\"", "^0.1.0"))).len(), 1);
    }

    #[test]
    fn a_development_dependency_may_point_anywhere_but_without_a_version() {
        assert_eq!(findings(&sample("rmq-testkit", &dependency("rmq-testkit", "\"dev\"", "*"))), [""; 0]);
        let found = findings(&sample("rmq-testkit", &dependency("rmq-testkit", "\"dev\"", "^0.1.0")));
        assert_eq!(found, ["rmq-route -> rmq-testkit: a dev-dependency on our own crate has a path and no version"]);
    }

    #[test]
    fn a_library_takes_the_agreed_third_party_crates_only() {
        assert_eq!(findings(&sample("rmq-message", &dependency("serde", "null", "^1"))), [""; 0]);
        assert_eq!(findings(&sample("rmq-message", &dependency("proptest", "\"dev\"", "^1"))), [""; 0]);
        assert_eq!(findings(&sample("rmq-message", &dependency("regex", "null", "^1"))).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_has_to_get_one() {
        let found = findings(&sample("rmq-surprise", &dependency("serde", "null", "^1")));
        assert_eq!(found, ["rmq-surprise: has no row in xtask/src/layers/arrows.rs; say there what it may depend on"]);
    }
}
