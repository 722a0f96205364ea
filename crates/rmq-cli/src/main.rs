//! `rmq`: sends to, looks into and imitates Apache RocketMQ clusters from the command line.
//!
//! Results go to standard output, all else to standard error; what fails says so in one sentence and exits with 1.

#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use args::{Cli, Command};

mod access;
mod args;
mod burst;
mod cure;
mod demo;
mod latency;
mod logging;
mod look_up;
mod number;
mod progress;
mod quickstart;
mod route;
mod send;
mod send_record;
mod serve;
mod table;
mod tally;

/// The exit code of a command that Ctrl-C ended, as shells have it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::FAILURE,
        Err(error) => {
            // Where even standard error is closed, the exit code has to do.
            writeln!(io::stderr(), "error: {}", cure::chain(error.as_ref())).ok();
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    logging::start(cli.log.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no asynchronous runtime could be started")?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Send(args) => send::run(args).await,
            Command::Route(args) => route::run(args).await,
            Command::Serve(args) => serve::run(args).await,
        }
    });
    // A name look-up that hangs in the system's resolver keeps nobody waiting.
    runtime.shutdown_background();
    result
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_is_passed_over_in_silence() {
        let closed = anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("could not print");
        assert!(is_closed_pipe(&closed));
        assert!(!is_closed_pipe(&anyhow::Error::new(io::Error::other("disk full"))));
        assert!(!is_closed_pipe(&anyhow::anyhow!("no route")));
    }
}
