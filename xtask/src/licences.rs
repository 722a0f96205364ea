//! Every crate in Cargo.lock must be usable under a licence that we accept.
//!
//! An SPDX expression is read properly: one acceptable side of an OR is enough, both sides of an AND are needed.

use anyhow::ensure;

use crate::outcome::Outcome;
use crate::workspace::Workspace;

const ACCEPTED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    // The list of root certificates in webpki-roots, with feature tls.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(crate) fn check() -> anyhow::Result<Outcome> {
    let workspace = Workspace::load()?;
    let mut refused = 0;
    for package in &workspace.packages {
        let licence = package.license.as_deref().unwrap_or("none declared");
        if !is_accepted(licence) {
            println!("{} {}: licence {licence}", package.name, package.version);
            refused += 1;
        }
    }
    ensure!(refused == 0, "{refused} crates under licences that are not in xtask/src/licences.rs");
    Ok(Outcome::note(format!("{} crates", workspace.packages.len())))
}

fn is_accepted(expression: &str) -> bool {
    // "MIT/Apache-2.0" is how OR was written before SPDX expressions.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words) == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// None: not an expression.
fn any_of(words: &mut Words<'_>) -> Option<bool> {
    let mut accepted = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        accepted |= all_of(words)?;
    }
    Some(accepted)
}

fn all_of(words: &mut Words<'_>) -> Option<bool> {
    let mut accepted = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        accepted &= one(words)?;
    }
    Some(accepted)
}

fn one(words: &mut Words<'_>) -> Option<bool> {
    if words.next_if_eq(&"(").is_some() {
        let accepted = any_of(words)?;
        words.next_if_eq(&")")?;
        return Some(accepted);
    }
    let licence = words.next().filter(|word| !matches!(*word, "OR" | "AND" | "WITH" | ")"))?;
    if words.next_if_eq(&"WITH").is_some() {
        let with_exception = format!("{licence} WITH {}", words.next()?);
        return Some(ACCEPTED.contains(&with_exception.as_str()) || ACCEPTED.contains(&licence));
    }
    Some(ACCEPTED.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed_as_spdx_says() {
        for (expression, accepted) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR GPL-3.0-only) AND LGPL-2.1-or-later", false),
            ("MIT OR Apache-2.0 AND GPL-3.0-only", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("none declared", false),
            ("MIT MIT", false),
            ("(MIT", false),
            ("", false),
            ("OR", false),
        ] {
            assert_eq!(is_accepted(expression), accepted, "{expression}");
        }
    }
}
