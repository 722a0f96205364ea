//! Every Rust file opens with what lives there, holds something, and has a name that says what.

use super::{File, Files};
use crate::rust_text::code_only;

/// Names that say nothing about what one finds inside.
const NAMELESS: &[&str] = &["common", "helper", "helpers", "impl", "misc", "util", "utils"];

/// From here on a file gets a word of advice.
const LONG: usize = 400;

pub(super) fn findings(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.rust() {
        let path = &file.path;
        if !file.text.starts_with("//!") {
            findings.push(format!("{path}:1: opens without `//!`: say in one line what lives here"));
        }
        if is_empty(file) {
            findings.push(format!("{path}:1: holds nothing; a room is made when it gets its first content"));
        }
        if let Some(part) = path.trim_end_matches(".rs").split('/').find(|part| NAMELESS.contains(part)) {
            findings.push(format!("{path}: `{part}` does not say what is inside; name the concept"));
        }
    }
    findings
}

/// On size, for whoever wants to hear it.
pub(super) fn advice(files: &Files) -> Vec<String> {
    let long = files.rust().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > LONG).then(|| format!("{} has {lines} lines: does a concept in it want a room of its own?", file.path))
    });
    long.collect()
}

/// Nothing but comments and attributes.
fn is_empty(file: &File) -> bool {
    let code = code_only(&file.text);
    let mut rest = code.trim_start();
    while rest.starts_with('#') {
        let (mut depth, mut end) = (0_usize, rest.len());
        for (at, character) in rest.char_indices() {
            match character {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                end = at + 1;
                break;
            }
        }
        rest = rest[end..].trim_start();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_to_say_what_lives_there() {
        let files =
            Files::sample(&[("a.rs", "//! A.\nfn a() {}\n"), ("b.rs", "\n//! B.\nfn b() {}\n"), ("c.rs", "use a;\n")]);
        let found = findings(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("b.rs:1: opens") && found[1].starts_with("c.rs:1: opens"));
    }

    #[test]
    fn a_room_without_content_is_found() {
        let files = Files::sample(&[
            ("a.rs", "//! A.\n#![forbid(unsafe_code)]\n#![cfg_attr(docsrs, feature(doc_cfg))]\n// later: [x]\n"),
            ("b.rs", "//! B.\n#[derive(Debug)]\nstruct B;\n"),
            ("c.rs", "//! C.\nmod c;\n"),
        ]);
        assert_eq!(findings(&files), ["a.rs:1: holds nothing; a room is made when it gets its first content"]);
    }

    #[test]
    fn names_that_say_nothing_are_found_in_files_and_folders() {
        let text = "//! A.\nfn a() {}\n";
        let files = Files::sample(&[("src/utils.rs", text), ("src/common/a.rs", text), ("src/command.rs", text)]);
        let found = findings(&files);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("`utils`") && found[1].contains("`common`"));
    }

    #[test]
    fn length_is_advice_and_no_finding() {
        let long = format!("//! A.\n{}", "fn a() {}\n".repeat(LONG));
        let files = Files::sample(&[("a.rs", &long), ("b.rs", "//! B.\nfn b() {}\n")]);
        assert_eq!(findings(&files), [""; 0]);
        assert_eq!(advice(&files), ["a.rs has 401 lines: does a concept in it want a room of its own?"]);
    }
}
