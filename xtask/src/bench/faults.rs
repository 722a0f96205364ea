//! `cargo xtask bench --faults`: how much longer a load takes in whose middle one of two real brokers is suspended or killed.
//!
//! The load is that of the test `broker_faults` of tests/e2e, which checks what was stored, too, and writes a line of JSON for each run with a
//! fault. The time is held against a target here and nowhere else: on a shared machine it is a figure, not an assertion.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::cargo;

/// How many messages, and where to write the figures.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) sends: u64,
    pub(super) json: Option<PathBuf>,
}

impl Faults {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let lines = std::env::temp_dir().join(format!("rmq-faults-{}.jsonl", std::process::id()));
        let mut command = cargo::cargo(&[
            "test",
            "--release",
            "--package",
            "e2e",
            "--test",
            "it",
            "broker_faults",
            "--",
            "--nocapture",
        ]);
        command.env("RMQ_FAULT_SENDS", self.sends.to_string()).env("RMQ_FAULT_REPORT", &lines);
        let ended = cargo::run(&mut command);
        // What was measured before a failure is shown all the same.
        let rows = read(&std::fs::read_to_string(&lines).unwrap_or_default())?;
        std::fs::remove_file(&lines).ok();
        print!("\n{}", table(&rows));
        if let Some(file) = &self.json {
            write(file, self.sends, &rows)?;
        }
        ended?;
        ensure!(
            !rows.is_empty(),
            "nothing was measured: real brokers need Java and Maven, see `cargo xtask cluster --help`"
        );
        Ok(())
    }
}

/// One run with a fault, as the test wrote it, and its target.
fn read(lines: &str) -> anyhow::Result<Vec<Value>> {
    let read = |line: &str| {
        let mut row: Value = serde_json::from_str(line).with_context(|| format!("not a line of the test: {line}"))?;
        let seconds = |name: &str| row[name].as_f64().with_context(|| format!("no {name} in {line}"));
        let (with, without) = (seconds("seconds")?, seconds("undisturbedSeconds")?);
        let most = MOST_TIMES * without + MOST_SECONDS_MORE;
        (row["ratio"], row["targetSeconds"], row["reached"]) =
            (json!(with / without), json!(most), json!(with <= most));
        Ok(row)
    };
    lines.lines().map(read).collect()
}

fn table(rows: &[Value]) -> String {
    let mut text = format!(
        "{:<24} {:<10} {:>8} {:>10} {:>10} {:>6} {:>9} {:>7} {:>7} {:>9} {:>7} {:>9}\n",
        "brokers",
        "fault",
        "sends",
        "without",
        "with",
        "ratio",
        "target",
        "failed",
        "tries*",
        "maybe**",
        "copies",
        "longest"
    );
    for row in rows {
        let seconds = |name: &str| format!("{:.2} s", row[name].as_f64().unwrap_or_default());
        let count = |name: &str| row[name].as_u64().unwrap_or_default();
        let verdict = if row["reached"] == true { "" } else { "  MISSED" };
        // Into a string, which takes everything.
        let _ = writeln!(
            text,
            "{:<24} {:<10} {:>8} {:>10} {:>10} {:>6.2} {:>9} {:>7} {:>7} {:>9} {:>7} {:>9}{verdict}",
            row["place"].as_str().unwrap_or_default(),
            row["fault"].as_str().unwrap_or_default(),
            count("sends"),
            seconds("undisturbedSeconds"),
            seconds("seconds"),
            row["ratio"].as_f64().unwrap_or_default(),
            seconds("targetSeconds"),
            count("failedSends"),
            count("failedAttempts"),
            count("maybeStored"),
            count("extraCopies"),
            format!("{} ms", count("longestSendMillis")),
        );
    }
    text + "target: 1.3 times the undisturbed run and 2 s more. * failed attempts, ** those of them that may have left a copy; \
            copies: how many did.\n"
}

fn write(file: &Path, sends: u64, rows: &[Value]) -> anyhow::Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Option<f64> = load.split(' ').next().and_then(|word| word.parse().ok());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let report = json!({ "sends": sends, "processors": processors, "loadAverageAfter": load, "faults": rows });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// As the producer is meant to do with its defaults.
const MOST_TIMES: f64 = 1.3;
const MOST_SECONDS_MORE: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"place\":\"Apache RocketMQ 5.5.0\",\"fault\":\"Killed\",\"sends\":60000,\"undisturbedSeconds\":10.0,\
        \"seconds\":15.0,\"failedSends\":0,\"failedAttempts\":64,\"maybeStored\":60,\"extraCopies\":7,\"longestSendMillis\":900}";

    #[test]
    fn a_run_within_1_3_times_and_2_seconds_has_reached_its_target() {
        let rows = read(&format!("{LINE}\n{}\n", LINE.replace("15.0", "15.1"))).unwrap();
        assert_eq!((rows[0]["targetSeconds"].as_f64(), rows[0]["ratio"].as_f64()), (Some(15.0), Some(1.5)));
        assert_eq!((&rows[0]["reached"], &rows[1]["reached"]), (&json!(true), &json!(false)));
        let text = table(&rows);
        assert_eq!((text.lines().count(), text.matches("MISSED").count()), (4, 1), "{text}");
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error = read("hello").unwrap_err();
        assert_eq!(error.to_string(), "not a line of the test: hello");
        assert!(read("{}").unwrap_err().to_string().starts_with("no seconds in"));
    }
}
