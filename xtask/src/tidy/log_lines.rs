//! Every line that a library logs at INFO or above is explained in the operator's page.
//!
//! Who reads a line at night searches for it there, word for word.

use super::{File, Files};
use crate::rust_text::code_only;

const PAGE: &str = "docs/operations.md";

const MACROS: [&str; 3] = ["info!(", "warn!(", "error!("];

pub(super) fn findings(files: &Files) -> Vec<String> {
    let page = files.get(PAGE).map_or("", |page| &page.text);
    let mut findings = Vec::new();
    for file in files.rust().filter(|file| is_library(&file.path)) {
        for (line, text) in logged(file) {
            if !page.contains(&format!("`{text}`")) {
                findings.push(format!("{}:{line}: {PAGE} does not explain the log line `{text}`", file.path));
            }
        }
    }
    findings
}

/// The published crates that users link; the test cluster and the command have users of their own.
fn is_library(path: &str) -> bool {
    let libraries = ["rmq-message", "rmq-remoting", "rmq-route", "rmq-fault", "rmq-producer"];
    libraries.iter().any(|name| path.starts_with(&format!("crates/{name}/src/"))) && !path.ends_with("/tests.rs")
}

/// The text of each line that the file logs, with the number of the line where it begins.
fn logged(file: &File) -> Vec<(usize, String)> {
    let source: Vec<char> = file.text.chars().collect();
    let code: Vec<char> = code_only(&file.text).chars().collect();
    let mut found = Vec::new();
    for start in 0..code.len() {
        let Some(opened) = MACROS.iter().find_map(|name| begins_with(&code, start, name)) else { continue };
        let span = &source[opened..opened + closing(&code[opened..])];
        let text: String = span.iter().collect();
        if let Some(message) = last_literal(&text) {
            let line = source[..start].iter().filter(|character| **character == '\n').count() + 1;
            found.push((line, message.to_owned()));
        }
    }
    found
}

/// Where the arguments begin, if a call of this macro stands here.
fn begins_with(code: &[char], start: usize, name: &str) -> Option<usize> {
    let end = start + name.len();
    let is_word = start > 0 && (code[start - 1].is_alphanumeric() || code[start - 1] == '_');
    (!is_word && code.get(start..end)?.iter().copied().eq(name.chars())).then_some(end)
}

/// How many characters lie before the parenthesis that closes one that is open.
fn closing(code: &[char]) -> usize {
    let mut open = 1;
    for (at, character) in code.iter().enumerate() {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return at;
        }
    }
    code.len()
}

/// The message of a log line is its last text in quotes.
fn last_literal(arguments: &str) -> Option<&str> {
    let before = &arguments[..arguments.rfind('"')?];
    Some(&before[before.rfind('"')? + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        fn f() {
            // info!("a comment")
            info!(topic, "on one line");
            tracing::warn!(
                addr = %peer(),
                "over several",
            );
            debug!("not for the page");
            my_info!("somebody else's");
        }
    "#;

    #[test]
    fn lines_at_info_and_above_are_found_where_they_stand() {
        let files = Files::sample(&[("crates/rmq-route/src/a.rs", SOURCE)]);
        let found = logged(&files.all[0]);
        assert_eq!(found, [(4, "on one line".to_owned()), (5, "over several".to_owned())]);
    }

    #[test]
    fn a_line_that_the_page_does_not_explain_is_a_finding() {
        let page = (PAGE, "| `on one line` | all is well |");
        let found = findings(&Files::sample(&[("crates/rmq-route/src/a.rs", SOURCE), page]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a.rs:5") && found[0].contains("`over several`"), "{found:?}");
    }

    #[test]
    fn other_crates_and_tests_may_log_what_they_like() {
        let files = Files::sample(&[("crates/rmq-cli/src/a.rs", SOURCE), ("crates/rmq-route/src/b/tests.rs", SOURCE)]);
        assert_eq!(findings(&files), Vec::<String>::new());
    }
}
