//! `cargo xtask demo`: builds the command line program and becomes `rmq demo`.
//!
//! Built with the dev profile: on a fresh machine the build is what one waits for, and a thousand messages are quick in any build.

use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use crate::cargo;

const HELP: &str = "\
Builds `rmq` and runs `rmq demo`, which starts a name server and two brokers in the process, sends 1,000 messages to them
and kills one of the brokers half-way.

Usage: cargo xtask demo [ARGUMENTS OF rmq demo]

  cargo xtask demo                                 no server needed
  cargo xtask demo --namesrv 127.0.0.1:9876        the same against a real cluster
  cargo xtask demo -- --help                       all arguments of rmq demo

The build leaves out ACL and TLS, which need a C compiler; `cargo run -p rmq-cli -- demo …` has them.
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if arguments.first().is_some_and(|argument| argument == "--help" || argument == "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let arguments = match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    };
    let mut command = Command::new(build()?);
    command.arg("demo").args(arguments);
    become_it(command)
}

/// Builds `rmq` with cargo's progress on the terminal; returns the path of the program.
fn build() -> anyhow::Result<String> {
    let mut command =
        cargo::cargo(&["build", "--package", "rmq-cli", "--bin", "rmq", "--message-format", "json-render-diagnostics"]);
    // Whoever needs ACL and TLS installs `rmq`, or builds it without this; flags that need them say so.
    command.arg("--no-default-features");
    let output = command.stderr(std::process::Stdio::inherit()).output().context("could not start cargo")?;
    anyhow::ensure!(output.status.success(), "rmq could not be built");
    executable(&String::from_utf8_lossy(&output.stdout)).context("cargo did not say where the program is")
}

/// The program among cargo's messages, one JSON object per line.
fn executable(messages: &str) -> Option<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter_map(|message| message["executable"].as_str().map(str::to_owned)).next_back()
}

/// Hands our process over, so that signals and the exit code are the program's own.
#[cfg(unix)]
fn become_it(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec()).context("could not start rmq")
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> anyhow::Result<()> {
    let status = command.status().context("could not start rmq")?;
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_last_executable_that_cargo_names() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/x/rmq\"}\nnot json\n{\"reason\":\"build-finished\"}\n";
        assert_eq!(executable(messages).as_deref(), Some("/x/rmq"));
        assert_eq!(executable(""), None);
    }
}
