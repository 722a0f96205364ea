//! Every third-party crate comes from crates.io: no git repositories, no other registries, no paths outside this repository.

use anyhow::ensure;

use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// How Cargo.lock writes crates.io, whatever mirror a machine fetches from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let findings = findings(&workspace);
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} crates do not come from crates.io", findings.len());
    Ok(Outcome::note(format!("{} crates from crates.io", workspace.third_party().count())))
}

fn findings(workspace: &Workspace) -> Vec<String> {
    let foreign = workspace.third_party().filter(|package| package.source.as_deref() != Some(CRATES_IO));
    foreign
        .map(|package| {
            let source = package.source.as_deref().unwrap_or("a path outside the workspace");
            format!("{} {}: comes from {source}", package.name, package.version)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_stray_paths_are_found() {
        let text = format!(
            r#"{{"workspace_members": ["ours"], "packages": [
                {{"id": "ours", "name": "ours", "version": "1.0.0", "source": null}},
                {{"id": "a", "name": "a", "version": "1.0.0", "source": "{CRATES_IO}"}},
                {{"id": "b", "name": "b", "version": "1.0.0", "source": "git+https://example.org/b"}},
                {{"id": "c", "name": "c", "version": "1.0.0", "source": null}}]}}"#
        );
        let found = findings(&Workspace::from_json(&text).unwrap());
        assert_eq!(
            found,
            ["b 1.0.0: comes from git+https://example.org/b", "c 1.0.0: comes from a path outside the workspace"]
        );
    }
}
