//! A row of the README's tables that says `yes` links the test that proves it: `[yes](path/to/file.rs#name_of_the_test)`.
//!
//! A promise without a test is a finding, and so is a link to a test that is not there any more.

use super::links::{inside, links_of};
use super::{File, Files};

const README: &str = "README.md";

pub(super) fn findings(files: &Files) -> Vec<String> {
    let Some(readme) = files.get(README) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in readme.text.lines().enumerate() {
        if !says_yes(line) {
            continue;
        }
        let mut proofs = 0;
        for link in links_of(line) {
            let Some((path, test)) = link.target.split_once('#').filter(|(path, _)| path.ends_with(".rs")) else {
                continue;
            };
            proofs += 1;
            let file = inside(readme, path).and_then(|path| files.get(&path));
            if !file.is_some_and(|file| has_test(file, test)) {
                findings.push(format!("{README}:{}: links the test `{test}`, which is not in {path}", number + 1));
            }
        }
        if proofs == 0 {
            findings.push(format!(
                "{README}:{}: says yes without a test: write [yes](path/to/file.rs#name_of_the_test)",
                number + 1
            ));
        }
    }
    findings
}

/// A table row one of whose cells is `yes`, linked or not.
fn says_yes(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('|') && line.split('|').any(|cell| word(cell).eq_ignore_ascii_case("yes"))
}

/// What a cell reads like, without link and emphasis.
fn word(cell: &str) -> &str {
    let cell = cell.trim().trim_matches('*');
    match links_of(cell).as_slice() {
        [link] if cell.starts_with('[') && cell.ends_with(')') => link.text.trim_matches('*'),
        _ => cell,
    }
}

/// The file defines a function of this name with a test attribute right above it.
fn has_test(file: &File, name: &str) -> bool {
    let lines: Vec<_> = file.text.lines().map(str::trim).collect();
    let defines = |line: &str| {
        let after = line
            .split_once("fn ")
            .filter(|(before, _)| matches!(before.trim(), "" | "async" | "pub" | "pub async"))
            .map(|(_, after)| after);
        after.is_some_and(|after| after.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<'])))
    };
    lines.iter().enumerate().filter(|(_, line)| defines(line)).any(|(at, _)| {
        let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|line| line.starts_with("#[") && line.contains("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str =
        "//! Sends.\n#[tokio::test]\nasync fn a_message_arrives() {}\n\n/// Sends it.\nasync fn send_it() {}\n";

    fn found(row: &str) -> Vec<String> {
        findings(&Files::sample(&[("README.md", row), ("tests/e2e/tests/it/send.rs", TESTS)]))
    }

    #[test]
    fn a_promise_with_its_test_is_no_finding() {
        for row in [
            "| send | [yes](tests/e2e/tests/it/send.rs#a_message_arrives) |",
            "| send | yes | [test](./tests/e2e/tests/it/send.rs#a_message_arrives) |",
            "| send | **[yes](tests/e2e/tests/it/send.rs#a_message_arrives)** |",
            "| consume | no |",
            "| yes, mostly | no |",
            "yes",
        ] {
            assert_eq!(found(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn a_promise_without_a_test_is_found() {
        for row in ["| send | yes |", "| send | **Yes** | [docs](docs/a.md) |", "| send | [yes](docs/a.md) |"] {
            assert_eq!(
                found(row),
                ["README.md:1: says yes without a test: write [yes](path/to/file.rs#name_of_the_test)"],
                "{row}"
            );
        }
    }

    #[test]
    fn a_link_to_a_test_that_is_not_there_is_found() {
        for (path, test) in [
            ("tests/e2e/tests/it/send.rs", "a_message_arriv"),
            ("tests/e2e/tests/it/send.rs", "send_it"),
            ("tests/e2e/tests/it/gone.rs", "a_message_arrives"),
        ] {
            let row = format!("| send | [yes]({path}#{test}) |");
            assert_eq!(found(&row), [format!("README.md:1: links the test `{test}`, which is not in {path}")], "{row}");
        }
    }
}
