//! Instructions and allocations of one message, counted by valgrind: a long run less a short one.
//!
//! Counts do not depend on what else the machine does. They are blind to system calls, cache misses and waiting.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::null_broker_process::NullBroker;
use crate::pinning::Pinning;

/// What one message costs.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
    pub(crate) allocated_bytes: f64,
}

pub(crate) fn is_there() -> bool {
    let status = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

pub(crate) fn count(contestant: &str, in_flight: usize) -> anyhow::Result<Counts> {
    let instructions =
        difference(contestant, in_flight, &["--tool=callgrind", "--callgrind-out-file=/dev/null"], |text| {
            number_behind(text, "Collected :")
        })?;
    let dhat = ["--tool=dhat", "--dhat-out-file=/dev/null"];
    let allocations = difference(contestant, in_flight, &dhat, |text| number_behind(text, "bytes in"))?;
    let allocated_bytes = difference(contestant, in_flight, &dhat, |text| number_behind(text, "Total:"))?;
    Ok(Counts { instructions, allocations, allocated_bytes })
}

fn difference(
    contestant: &str,
    in_flight: usize,
    tool: &[&str],
    read: impl Fn(&str) -> Option<u64>,
) -> anyhow::Result<f64> {
    let (short, long) = (in_flight as u64 * 8 + 2_000, in_flight as u64 * 8 + 12_000);
    let count = |messages: u64| {
        let broker = NullBroker::start(Pinning::Free, &[])?;
        let output = Command::new("valgrind")
            .args(tool)
            .arg(std::env::current_exe()?)
            .args(["once", contestant, broker.address(), &in_flight.to_string(), &messages.to_string()])
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "valgrind failed: {text}");
        read(&text).with_context(|| format!("valgrind did not say how much it was: {text}"))
    };
    let (less, more) = (count(short)?, count(long)?);
    Ok((more as f64 - less as f64) / (long - short) as f64)
}

fn number_behind(text: &str, name: &str) -> Option<u64> {
    // Figures stand in a column, behind as many spaces as that takes.
    let rest = text[text.find(name)? + name.len()..].trim_start_matches(' ');
    let end = rest.find(|character: char| !character.is_ascii_digit() && character != ',').unwrap_or(rest.len());
    rest[..end].replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_prints_is_read() {
        // As valgrind 3.19 prints it, byte by byte.
        let callgrind = "==7== Events    : Ir\n==7== Collected : 61321671\n==7== \n";
        assert_eq!(number_behind(callgrind, "Collected :"), Some(61_321_671));
        let dhat = "==20657== \n==20657== Total:     655,946 bytes in 51 blocks\n==20657== At t-gmax: 458,906 bytes in 26 blocks\n";
        assert_eq!(number_behind(dhat, "Total:"), Some(655_946));
        assert_eq!(number_behind(dhat, "bytes in"), Some(51));
        assert_eq!(number_behind("Total: many bytes", "Total:"), None);
        assert_eq!(number_behind("", "Total:"), None);
    }
}
