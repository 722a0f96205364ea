//! The end of a log, for error messages.
//!
//! Never fails: what cannot be read is said in its place.

use std::fs;
use std::path::Path;

const LINES: usize = 25;

/// The last lines of the file, each indented.
pub(crate) fn log_tail(file: &Path) -> String {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return format!("  (no log: {error})"),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "  (the log is empty)".to_owned();
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    last.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_folder::RunFolder;

    #[test]
    fn only_the_last_lines_are_shown() {
        let room = RunFolder::new("log-test").unwrap();
        let file = room.path().join("log");
        assert!(log_tail(&file).contains("no log"));
        fs::write(&file, "\n\n").unwrap();
        assert_eq!(log_tail(&file), "  (the log is empty)");
        let text: String = (0..100).map(|number| format!("line {number}\n")).collect();
        fs::write(&file, text).unwrap();
        let tail = log_tail(&file);
        assert_eq!(tail.lines().count(), LINES);
        assert!(tail.ends_with("  line 99"), "{tail}");
    }
}
