//! The seam inside rmq-producer: `instance` never names `send`, so that it can move out and serve other clients.
//!
//! Read from the text, by paths that start at `crate`, `self` or `super`; a method that happens to be called `send` is no finding.

use std::path::Path;

use crate::rust_files::rust_files;
use crate::rust_text::code_only;

const ROOM: &str = "instance";
const NEVER_NAMES: &str = "send";

/// Looks through `instance.rs` and the files below `instance/` in this source folder.
pub(super) fn findings(source_folder: &Path) -> anyhow::Result<Vec<String>> {
    let is_inside = |name: &str| name.strip_prefix(ROOM).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
    let mut findings = Vec::new();
    for file in rust_files(source_folder)?.iter().filter(|file| is_inside(&file.name)) {
        for line in lines_that_name(NEVER_NAMES, &file.source) {
            let place = format!("rmq-producer/src/{}:{line}", file.name);
            findings.push(format!("{place}: `{ROOM}` names `{NEVER_NAMES}`; hand the value in from above instead"));
        }
    }
    Ok(findings)
}

/// Lines on which a path that starts in this crate goes through the module.
fn lines_that_name(module: &str, source: &str) -> Vec<usize> {
    let code = code_only(source);
    let mut lines = Vec::new();
    let mut paths = Paths::default();
    for (number, line) in code.lines().enumerate() {
        for token in tokens(line) {
            if paths.names(token, module) {
                lines.push(number + 1);
            }
        }
    }
    lines.dedup();
    lines
}

/// Follows paths token by token; a brace group of a `use` continues the path before it for each of its entries.
#[derive(Default)]
struct Paths<'a> {
    current: Vec<&'a str>,
    groups: Vec<Vec<&'a str>>,
    continues: bool,
}

impl<'a> Paths<'a> {
    /// Takes the next token; true when it is the module, reached from this crate's root or a parent.
    fn names(&mut self, token: &'a str, module: &str) -> bool {
        match token {
            "::" => self.continues = true,
            "{" if self.continues => {
                self.groups.push(self.current.clone());
                self.continues = true;
            }
            "," | "as" if !self.groups.is_empty() => {
                self.current = self.groups.last().cloned().unwrap_or_default();
                self.continues = true;
            }
            "}" if !self.groups.is_empty() => {
                self.groups.pop();
                self.current.clear();
                self.continues = false;
            }
            word if word.starts_with(|character: char| character.is_alphabetic() || character == '_') => {
                if !self.continues {
                    self.current.clear();
                }
                self.current.push(word);
                self.continues = false;
                return word == module && self.starts_in_this_crate();
            }
            _ => {
                self.current.clear();
                self.continues = false;
            }
        }
        false
    }

    /// Everything before the last word leads to the crate's root or upwards.
    fn starts_in_this_crate(&self) -> bool {
        let before = &self.current[..self.current.len() - 1];
        !before.is_empty() && before.iter().all(|word| matches!(*word, "crate" | "self" | "super"))
    }
}

fn tokens(line: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let length = if is_word(first) {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_the_module_is_seen() {
        for source in [
            "use crate::send;",
            "use crate::send::Prepared;",
            "use super::send::Prepared;",
            "use crate::{config::Config, send::Prepared};",
            "use crate::{\n    config::{A, B},\n    send,\n};",
            "use crate::{send as other};",
            "fn f() { crate::send::prepare() }",
            "fn f() -> super::super::send::Prepared { todo() }",
        ] {
            assert_eq!(lines_that_name("send", source).len(), 1, "{source}");
        }
    }

    #[test]
    fn other_things_called_send_are_not_the_module() {
        for source in [
            "// crate::send",
            "let a = \"crate::send\";",
            "sender.send(1);",
            "use crate::protocol::send_message;",
            "use crate::protocol::send;",
            "use crate::send_result::SendResult;",
            "use tokio::sync::{mpsc, oneshot::send};",
            "use crate::{protocol::{send, other}, config};",
            "let x = Request { send, other };",
            "impl crate::Thing { fn send(&self) {} }",
        ] {
            assert_eq!(lines_that_name("send", source), [0; 0], "{source}");
        }
    }

    #[test]
    fn the_finding_names_file_and_line() {
        let folder = std::env::temp_dir().join(format!("xtask-seam-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("instance/deep")).unwrap();
        std::fs::write(folder.join("instance/deep/routes.rs"), "//! Routes.\n\nuse crate::send::Prepared;\n").unwrap();
        std::fs::write(folder.join("instance_of.rs"), "//! Elsewhere.\n\nuse crate::send::Prepared;\n").unwrap();
        let found = findings(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            found,
            [
                "rmq-producer/src/instance/deep/routes.rs:3: `instance` names `send`; hand the value in from above instead"
            ]
        );
    }
}
