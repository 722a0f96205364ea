//! Signals to processes, by the shell's own `kill`, which every Unix has.
//!
//! A process id is only used while its process is known to be ours and not yet waited for, or just to ask.

use std::process::{Command, Stdio};

/// Sends `STOP`, `CONT`, …; says whether that worked.
pub(crate) fn send(signal: &str, pid: u32) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{signal} {pid}")]).stdin(Stdio::null()).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

/// Whether a process with this id exists, be it whose it may.
pub(crate) fn is_alive(pid: u32) -> bool {
    send("0", pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_a_child_that_ended_is_not() {
        assert!(is_alive(std::process::id()));
        let mut child = Command::new("sh").args(["-c", "exit 0"]).spawn().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
    }

    #[test]
    fn an_unknown_signal_is_not_sent() {
        assert!(!send("NONSENSE", std::process::id()));
    }
}
