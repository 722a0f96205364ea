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

    /// As valgrind 3.19 prints it, byte by byte: figures stand in columns, behind as many spaces as that takes.
    const CALLGRIND: &str = "\
==29405== Callgrind, a call-graph generating cache profiler
==29405== Copyright (C) 2002-2017, and GNU GPL'd, by Josef Weidendorfer et al.
==29405== Using Valgrind-3.19.0 and LibVEX; rerun with -h for copyright info
==29405== Command: bench once send 127.0.0.1:40001 256 4048
==29405== 
==29405== For interactive control, run 'callgrind_control -h'.
==29405== 
==29405== Events    : Ir
==29405== Collected : 61321671
==29405== 
==29405== I   refs:      61,321,671
";

    const DHAT: &str = "\
==20657== DHAT, a dynamic heap analysis tool
==20657== Command: bench once send 127.0.0.1:40001 256 4048
==20657== 
==20657== 
==20657== Total:     655,946 bytes in 51 blocks
==20657== At t-gmax: 458,906 bytes in 26 blocks
==20657== At t-end:  1,024 bytes in 1 blocks
==20657== Reads:     1,215,123 bytes
==20657== Writes:    1,043,210 bytes
";

    #[test]
    fn what_valgrind_prints_is_read() {
        assert!(DHAT.contains("Total:     655"), "the columns are as wide as they are printed");
        assert_eq!(number_behind(CALLGRIND, "Collected :"), Some(61_321_671));
        assert_eq!(number_behind(DHAT, "Total:"), Some(655_946));
        assert_eq!(number_behind(DHAT, "bytes in"), Some(51));
        assert_eq!(number_behind("Total: many bytes", "Total:"), None);
        assert_eq!(number_behind("", "Total:"), None);
    }
}
