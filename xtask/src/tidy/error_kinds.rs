//! Every kind of error has its heading in the page that says what to do, and the page has no heading for a kind that is none.
//!
//! The name of a kind, as logs and metrics have it, is the anchor.

use std::collections::BTreeSet;

use super::Files;

const PAGE: &str = "docs/when-a-send-fails.md";
const KINDS: &str = "crates/rmq-producer/src/error/send_error.rs";

pub(super) fn findings(files: &Files) -> Vec<String> {
    let (Some(page), Some(source)) = (files.get(PAGE), files.get(KINDS)) else { return Vec::new() };
    let (names, headings) = (names(&source.text), headings(&page.text));
    if names.is_empty() {
        return vec![format!("{KINDS}: no kinds found: `SendErrorKind::name` does not look as tidy knows it")];
    }
    let without =
        names.difference(&headings).map(|name| format!("{PAGE}: no heading `### {name}` for that kind of {KINDS}"));
    let of_none =
        headings.difference(&names).map(|name| format!("{PAGE}: the heading `### {name}` is no kind of {KINDS}"));
    without.chain(of_none).collect()
}

/// What `SendErrorKind::name` returns.
fn names(source: &str) -> BTreeSet<&str> {
    let Some((_, body)) = source.split_once("pub const fn name(self)") else { return BTreeSet::new() };
    let arms = body.lines().take_while(|line| *line != "    }").filter_map(|line| line.split_once(" => \""));
    arms.filter_map(|(_, name)| name.split('"').next()).collect()
}

/// The third-level headings.
fn headings(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "impl K {\n    pub const fn name(self) -> &'static str {\n        match self {\n            \
        Self::NoRoute => \"no_route\",\n            Self::Busy => \"busy\",\n        }\n    }\n\n    fn other() { A => \"a\" }\n";

    fn found(page: &str) -> Vec<String> {
        findings(&Files::sample(&[(KINDS, SOURCE), (PAGE, page)]))
    }

    #[test]
    fn a_kind_without_its_heading_is_a_finding_and_so_is_a_heading_without_its_kind() {
        assert_eq!(found("# x\n### no_route\ntext\n### busy\n"), Vec::<String>::new());
        let wrong = found("### no_route\n### buzy\n");
        assert!(wrong.len() == 2 && wrong[0].contains("### busy") && wrong[1].contains("### buzy"), "{wrong:?}");
    }

    #[test]
    fn a_source_that_is_not_understood_is_a_finding() {
        let files = Files::sample(&[(KINDS, "enum K {}"), (PAGE, "")]);
        assert_eq!(findings(&files).len(), 1);
    }
}
