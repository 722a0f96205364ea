//! The sum of many sends: how many of which status, how long they took, and why some failed.
//!
//! Memory does not grow with the number of sends: reasons beyond the first few are only counted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rmq_producer::SendStatus;

use crate::burst::Ended;
use crate::latency::{Latency, Time};
use crate::number::Count;
use crate::send_record::SendRecord;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    statuses: BTreeMap<&'static str, u64>,
    /// Of the messages that did not fail.
    latency: Latency,
    failed: u64,
    possibly_stored: u64,
    /// In the order in which they were first seen.
    reasons: Vec<(String, u64)>,
    other_reasons: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, record: &SendRecord) {
        if let Some(status) = record.status {
            *self.statuses.entry(status).or_default() += 1;
            self.latency.record(record.elapsed);
        }
        let Some(failure) = &record.failure else { return };
        self.failed += 1;
        self.possibly_stored += u64::from(failure.possibly_stored);
        if let Some((_, times)) = self.reasons.iter_mut().find(|(reason, _)| *reason == failure.error) {
            *times += 1;
        } else if self.reasons.len() < REASONS_KEPT {
            self.reasons.push((failure.error.clone(), 1));
        } else {
            self.other_reasons += 1;
        }
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn sent(&self) -> u64 {
        self.statuses.values().sum()
    }

    pub(crate) fn latency(&self) -> &Latency {
        &self.latency
    }

    /// `1,000 of 1,000 sent in 420 ms (2,380 per second): 1,000 SEND_OK`
    pub(crate) fn summary(&self, wanted: u64, took: Duration, ended: Ended) -> String {
        let mut text = format!("{} of {} sent in {}", Count(self.sent()), Count(wanted), Time(took));
        if let Some(rate) = per_second(self.sent(), took) {
            text += &format!(" ({} per second)", Count(rate));
        }
        let statuses: Vec<_> =
            self.statuses.iter().map(|(status, messages)| format!("{} {status}", Count(*messages))).collect();
        if !statuses.is_empty() {
            text += &format!(": {}", statuses.join(", "));
        }
        if self.failed > 0 {
            text += &format!("; {} failed", Count(self.failed));
        }
        if self.possibly_stored > 0 {
            text += &format!(", {} of them may be stored all the same", Count(self.possibly_stored));
        }
        if ended == Ended::Interrupted {
            text += "; stopped by Ctrl-C";
        }
        text
    }

    /// One line for each reason of failure and for each status that is no plain success; empty when all went well.
    pub(crate) fn remarks(&self) -> Remarks<'_> {
        Remarks(self)
    }
}

pub(crate) struct Remarks<'a>(&'a Tally);

impl fmt::Display for Remarks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for status in LESSER.iter().filter(|status| self.0.statuses.contains_key(status.name())) {
            let meaning = match status {
                SendStatus::FlushDiskTimeout => "not flushed to disk in time",
                SendStatus::FlushSlaveTimeout => "not copied to a slave in time",
                _ => "there is no slave to copy it to",
            };
            writeln!(f, "note: {status}: stored, but less safely than the broker is configured to: {meaning}")?;
        }
        for (reason, times) in &self.0.reasons {
            match times {
                1 => writeln!(f, "error: {reason}")?,
                times => writeln!(f, "error: {reason} [{} times]", Count(*times))?,
            }
        }
        if self.0.other_reasons > 0 {
            writeln!(f, "error: {} more failures with other texts", Count(self.0.other_reasons))?;
        }
        Ok(())
    }
}

/// Whole messages per second; nothing when there is too little to go by.
fn per_second(messages: u64, took: Duration) -> Option<u64> {
    let micros = took.as_micros();
    if messages < 2 || micros == 0 {
        return None;
    }
    u64::try_from(u128::from(messages) * 1_000_000 / micros).ok()
}

/// Stored, but with a safety missing.
const LESSER: [SendStatus; 3] =
    [SendStatus::FlushDiskTimeout, SendStatus::FlushSlaveTimeout, SendStatus::SlaveNotAvailable];
const REASONS_KEPT: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: &str) -> SendRecord {
        SendRecord::not_tried("t", "timeout", reason.to_owned())
    }

    #[test]
    fn sends_are_counted_by_status_and_failures_by_reason() {
        let mut tally = Tally::default();
        for _ in 0..1_500 {
            tally.add(&SendRecord::oneway("t", Duration::from_millis(1)));
        }
        for _ in 0..2 {
            tally.add(&failed("no route"));
        }
        assert_eq!((tally.sent(), tally.failed()), (1_500, 2));
        assert_eq!(
            tally.summary(1_502, Duration::from_millis(500), Ended::Complete),
            "1,500 of 1,502 sent in 500 ms (3,000 per second): 1,500 ONEWAY; 2 failed"
        );
        assert_eq!(tally.remarks().to_string(), "error: no route [2 times]\n");
        assert!(tally.summary(9, Duration::ZERO, Ended::Interrupted).ends_with("stopped by Ctrl-C"));
    }

    #[test]
    fn failures_do_not_count_in_the_latency() {
        let mut tally = Tally::default();
        tally.add(&failed("no route"));
        assert_eq!(tally.latency().min(), None);
    }

    #[test]
    fn reasons_beyond_the_first_few_are_only_counted() {
        let mut tally = Tally::default();
        for reason in 0..10 {
            tally.add(&failed(&reason.to_string()));
        }
        let text = tally.remarks().to_string();
        assert_eq!(text.lines().count(), REASONS_KEPT + 1);
        assert!(text.ends_with("error: 5 more failures with other texts\n"), "{text}");
    }

    #[test]
    fn a_lesser_status_is_no_failure_and_is_explained() {
        let mut tally = Tally::default();
        tally.add(&SendRecord { status: Some("SLAVE_NOT_AVAILABLE"), ..SendRecord::oneway("t", Duration::ZERO) });
        assert_eq!((tally.sent(), tally.failed()), (1, 0));
        let remarks = tally.remarks().to_string();
        assert!(remarks.starts_with("note: SLAVE_NOT_AVAILABLE: stored") && remarks.lines().count() == 1, "{remarks}");
    }

    #[test]
    fn nothing_failed_is_nothing_to_say() {
        assert_eq!(Tally::default().remarks().to_string(), "");
    }
}
