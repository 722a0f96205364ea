//! How many third-party crates somebody compiles who depends on rmq-producer.
//!
//! Counted: distinct name and version, normal edges, default features, Linux; our own crates are not.

use std::collections::BTreeSet;

use anyhow::ensure;

use crate::cargo;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

const AT_MOST: usize = 45;

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let tree = normal_tree("rmq-producer", &["--target", "x86_64-unknown-linux-gnu"])?;
    let workspace = Workspace::load()?;
    let foreign: Vec<_> = tree.iter().filter(|(name, _)| !workspace.is_member(name)).collect();
    println!("rmq-producer compiles {} third-party crates (at most {AT_MOST}):", foreign.len());
    println!("  {}", foreign.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", "));
    ensure!(foreign.len() <= AT_MOST, "{} third-party crates, at most {AT_MOST} are allowed", foreign.len());
    Ok(Outcome::note(format!("{} third-party crates, at most {AT_MOST}", foreign.len())))
}

/// Name and version of everything that building this package alone compiles.
///
/// `cargo tree` resolves the features for this package only; `cargo metadata` would add those that other members ask for.
pub(crate) fn normal_tree(package: &str, more: &[&str]) -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut command =
        cargo::cargo(&["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    Ok(parse(&cargo::output_of(command.args(more))?))
}

fn parse(tree: &str) -> BTreeSet<(String, String)> {
    let lines = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_however_often_it_is_shown() {
        let tree = "rmq-producer v0.1.0 (/x/crates/rmq-producer)\nsyn v2.0.1\nserde_derive v1.0.2 (proc-macro)\nsyn v2.0.1 (*)\nsyn v1.0.9\n\n";
        let found = parse(tree);
        assert_eq!(found.len(), 4);
        assert!(found.contains(&("syn".to_owned(), "1.0.9".to_owned())));
        assert!(found.contains(&("serde_derive".to_owned(), "1.0.2".to_owned())));
    }
}
