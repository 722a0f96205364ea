//! Starting cargo and its companions from the workspace root.
//!
//! A command is shown before it runs, so that anybody can repeat it by hand.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn workspace_root() -> PathBuf {
    // `cargo run` tells where the sources are now; the compile-time value is for a binary started by hand.
    let xtask =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that started us, or the one on the path, in the workspace root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(arguments);
    command
}

/// Any other program, in the workspace root.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace_root()).stdin(Stdio::null());
    // Set by `cargo run` for this program alone; a cargo started below must not take them for its own.
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(|key| {
            key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_") || key == "CARGO_BIN_NAME"
        }) {
            command.env_remove(key);
        }
    }
    command
}

/// Shows the command, runs it with our own output, and fails when it does.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    show(command);
    let status = command.status().with_context(|| format!("could not start {}", words(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", words(command));
    }
    Ok(())
}

/// Runs the command silently and returns what it printed on standard output; its error output ends up in the error.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("could not start {}", words(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({}): {}", words(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed something other than UTF-8", words(command)))
}

/// Whether the program (with these arguments, say `--version`) is there and answers well.
pub(crate) fn answers(command: &mut Command) -> anyhow::Result<bool> {
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) => Ok(status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("could not start {}", words(command))),
    }
}

pub(crate) fn show(command: &Command) {
    println!("$ {}", words(command));
}

/// The command as somebody would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut words = vec![program];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_where_the_workspace_manifest_lies() {
        let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_program_that_is_not_there_answers_no() {
        assert!(!answers(&mut program("a-program-that-nobody-has-installed")).unwrap());
    }

    #[test]
    fn a_failure_says_the_command_and_what_it_printed() {
        let error =
            output_of(&mut cargo(&["metadata", "--manifest-path", "nowhere/Cargo.toml"])).unwrap_err().to_string();
        assert!(error.starts_with("`cargo metadata"), "{error}");
        assert!(error.contains("nowhere"), "{error}");
    }
}
