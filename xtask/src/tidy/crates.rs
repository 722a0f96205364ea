//! What every published crate has beside its code, and what test data says of itself.

use std::collections::BTreeSet;

use super::Files;
use crate::cargo;
use crate::workspace::Workspace;

/// Folders of data that something else made; each says where from.
const MADE_ELSEWHERE: &[&str] = &["golden", "seeds"];

pub(super) fn findings(files: &Files, workspace: &Workspace) -> Vec<String> {
    let root = cargo::workspace_root();
    let mut findings = Vec::new();
    for package in workspace.published() {
        let folder = package.folder.strip_prefix(&root).unwrap_or(&package.folder).to_string_lossy().replace('\\', "/");
        findings.extend(papers(files, &folder));
        if package.is_library && !shows_its_readme(files, &folder) {
            findings.push(format!(
                "{folder}/src/lib.rs: does not compile its README (#![doc = include_str!(\"../README.md\")])"
            ));
        }
    }
    if files.get("Cargo.lock").is_none() {
        findings.push("Cargo.lock: is not tracked, so no two builds are alike".to_owned());
    }
    findings.extend(without_origin(files));
    findings
}

fn papers(files: &Files, folder: &str) -> Vec<String> {
    let papers = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"].map(|name| format!("{folder}/{name}"));
    let missing = papers.into_iter().filter(|path| files.get(path).is_none_or(|file| file.text.trim().is_empty()));
    missing.map(|path| format!("{path}: is missing or empty")).collect()
}

fn shows_its_readme(files: &Files, folder: &str) -> bool {
    files.get(&format!("{folder}/src/lib.rs")).is_some_and(|file| file.text.contains("include_str!(\"../README.md\")"))
}

fn without_origin(files: &Files) -> Vec<String> {
    let mut folders = BTreeSet::new();
    for file in &files.all {
        let parts: Vec<_> = file.path.split('/').collect();
        if let Some(at) = parts.iter().take(parts.len() - 1).position(|part| MADE_ELSEWHERE.contains(part)) {
            folders.insert(parts[..=at].join("/"));
        }
    }
    let silent = folders.into_iter().filter(|folder| files.get(&format!("{folder}/ORIGIN.md")).is_none());
    silent.map(|folder| format!("{folder}/ORIGIN.md: is missing: say what made these files")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_has_to_say_where_it_comes_from() {
        let files = Files::sample(&[
            ("crates/a/tests/golden/x.json", ""),
            ("crates/b/tests/golden/deep/x.json", ""),
            ("crates/b/tests/golden/ORIGIN.md", ""),
            ("crates/c/tests/golden.rs", ""),
        ]);
        assert_eq!(without_origin(&files), ["crates/a/tests/golden/ORIGIN.md: is missing: say what made these files"]);
    }

    #[test]
    fn a_published_crate_has_its_papers_and_they_are_not_empty() {
        let files = Files::sample(&[
            ("crates/a/README.md", "# a\n"),
            ("crates/a/CHANGELOG.md", "\n"),
            ("crates/a/LICENSE-MIT", "x"),
        ]);
        assert_eq!(
            papers(&files, "crates/a"),
            ["crates/a/CHANGELOG.md: is missing or empty", "crates/a/LICENSE-APACHE: is missing or empty"]
        );
    }

    #[test]
    fn a_library_shows_its_readme() {
        let files = Files::sample(&[
            ("crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"),
            ("crates/b/src/lib.rs", ""),
        ]);
        assert!(shows_its_readme(&files, "crates/a"));
        assert!(!shows_its_readme(&files, "crates/b"));
    }
}
