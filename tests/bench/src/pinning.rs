//! On which processor a child process runs.
//!
//! Unpinned, the same code is fast or slow as the scheduler likes: a wake-up across cores costs more than a whole send.

use std::process::{Command, Stdio};

/// Whether child processes are tied to one processor, and to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    Core(usize),
    Free,
}

impl Pinning {
    /// The last processor of this machine, the first being everybody's favourite; free where `taskset` cannot tie to it.
    pub(crate) fn find() -> Self {
        let core = std::thread::available_parallelism().map_or(1, usize::from) - 1;
        let tied = Command::new("taskset").args(["-c", &core.to_string(), "true"]).stderr(Stdio::null()).status();
        if tied.is_ok_and(|status| status.success()) { Self::Core(core) } else { Self::Free }
    }

    /// This program again, to be given the arguments of a role.
    pub(crate) fn this_program(self) -> anyhow::Result<Command> {
        let program = std::env::current_exe()?;
        Ok(match self {
            Self::Core(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            Self::Free => Command::new(program),
        })
    }
}
