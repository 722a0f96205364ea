//! What became of one message, as people read it and as one JSON object.
//!
//! The ten plain fields are there in every object, `null` where nothing is known; a failure has three more.

use std::fmt;
use std::time::Duration;

use rmq_producer::{Attempt, SendError, SendResult};
use serde::Serialize;

use crate::cure;
use crate::latency::Time;

/// One message that was sent, or was not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendRecord {
    /// One of the four names in Java, [`ONEWAY`], or nothing for a failure.
    pub(crate) status: Option<&'static str>,
    pub(crate) message_id: Option<String>,
    pub(crate) offset_message_id: Option<String>,
    pub(crate) topic: String,
    pub(crate) broker_name: Option<String>,
    pub(crate) queue_id: Option<i32>,
    pub(crate) queue_offset: Option<i64>,
    #[serde(serialize_with = "millis")]
    #[serde(rename = "elapsedMs")]
    pub(crate) elapsed: Duration,
    pub(crate) attempts: usize,
    /// Attempts that failed and may have left a copy all the same.
    pub(crate) maybe_stored_attempts: usize,
    /// Stored by another broker than the first that was tried; for people only.
    #[serde(skip)]
    pub(crate) moved: bool,
    #[serde(flatten)]
    pub(crate) failure: Option<Failure>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    pub(crate) error: String,
    /// As `SendErrorKind::name` has it, or [`NOT_STARTED`].
    pub(crate) kind: &'static str,
    pub(crate) possibly_stored: bool,
}

/// The status of a oneway message that was handed to the network: no broker answers for it.
pub(crate) const ONEWAY: &str = "ONEWAY";
/// The kind of failure where the client did not even start.
pub(crate) const NOT_STARTED: &str = "not_started";

impl SendRecord {
    pub(crate) fn stored(result: &SendResult, elapsed: Duration) -> Self {
        let queue = result.queue();
        Self {
            status: Some(result.status().name()),
            message_id: Some(result.message_id().to_owned()),
            offset_message_id: Some(result.offset_message_id().to_owned()),
            topic: queue.topic().to_string(),
            broker_name: Some(queue.broker_name().to_string()),
            queue_id: Some(queue.queue_id()),
            queue_offset: Some(result.queue_offset()),
            attempts: result.attempts().len(),
            moved: result.attempts().first().is_some_and(|first| first.queue().broker_name() != queue.broker_name()),
            maybe_stored_attempts: maybe_stored(result.attempts()),
            ..Self::unknown(result.queue().topic(), elapsed)
        }
    }

    pub(crate) fn oneway(topic: &str, elapsed: Duration) -> Self {
        Self { status: Some(ONEWAY), attempts: 1, ..Self::unknown(topic, elapsed) }
    }

    pub(crate) fn failed(error: &SendError, elapsed: Duration) -> Self {
        let last = error.attempts().last().map(Attempt::queue);
        Self {
            message_id: error.message_id().map(str::to_owned),
            broker_name: last.map(|queue| queue.broker_name().to_string()),
            queue_id: last.map(|queue| queue.queue_id()),
            attempts: error.attempts().len(),
            maybe_stored_attempts: maybe_stored(error.attempts()),
            failure: Some(Failure {
                error: cure::of_send(error),
                kind: error.kind().name(),
                possibly_stored: error.possibly_stored(),
            }),
            ..Self::unknown(error.topic(), elapsed)
        }
    }

    /// Nothing left this process.
    pub(crate) fn not_tried(topic: &str, kind: &'static str, error: String) -> Self {
        let failure = Failure { error, kind, possibly_stored: false };
        Self { failure: Some(failure), ..Self::unknown(topic, Duration::ZERO) }
    }

    fn unknown(topic: &str, elapsed: Duration) -> Self {
        Self {
            status: None,
            message_id: None,
            offset_message_id: None,
            topic: topic.to_owned(),
            broker_name: None,
            queue_id: None,
            queue_offset: None,
            elapsed,
            attempts: 0,
            maybe_stored_attempts: 0,
            moved: false,
            failure: None,
        }
    }
}

/// One line for people.
impl fmt::Display for SendRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.unwrap_or("FAILED"))?;
        if let Some(id) = &self.message_id {
            write!(f, "  {id}")?;
        }
        if let (Some(broker), Some(queue)) = (&self.broker_name, self.queue_id) {
            write!(f, "  {broker} queue {queue}")?;
        }
        if let Some(offset) = self.queue_offset {
            write!(f, " offset {offset}")?;
        }
        write!(f, "  {}", Time(self.elapsed))
    }
}

fn maybe_stored(attempts: &[Attempt]) -> usize {
    attempts.iter().filter(|attempt| attempt.possibly_stored()).count()
}

/// Milliseconds with three digits behind the point.
fn millis<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1_000_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stored() -> SendRecord {
        SendRecord {
            status: Some("SEND_OK"),
            message_id: Some("7F00".into()),
            offset_message_id: Some("0A00".into()),
            broker_name: Some("broker-a".into()),
            queue_id: Some(2),
            queue_offset: Some(17),
            attempts: 1,
            ..SendRecord::unknown("orders", Duration::from_nanos(1_234_567))
        }
    }

    #[test]
    fn a_stored_message_has_the_ten_fields_and_no_other() {
        assert_eq!(
            serde_json::to_string(&stored()).unwrap(),
            "{\"status\":\"SEND_OK\",\"messageId\":\"7F00\",\"offsetMessageId\":\"0A00\",\"topic\":\"orders\",\
             \"brokerName\":\"broker-a\",\"queueId\":2,\"queueOffset\":17,\"elapsedMs\":1.235,\"attempts\":1,\"maybeStoredAttempts\":0}"
        );
    }

    #[test]
    fn a_failure_has_three_more_and_null_where_nothing_is_known() {
        let record = SendRecord::not_tried("orders", NOT_STARTED, "no name server answers".into());
        let found: Value = serde_json::to_value(&record).unwrap();
        let expected = json!({
            "status": null, "messageId": null, "offsetMessageId": null, "topic": "orders", "brokerName": null, "queueId": null,
            "queueOffset": null, "elapsedMs": 0.0, "attempts": 0, "maybeStoredAttempts": 0,
            "error": "no name server answers", "kind": "not_started", "possiblyStored": false,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_oneway_message_says_that_nobody_answered() {
        let record = SendRecord::oneway("orders", Duration::from_millis(1));
        assert_eq!((record.status, record.attempts), (Some("ONEWAY"), 1));
        assert_eq!(record.to_string(), "ONEWAY  1.00 ms");
    }

    #[test]
    fn the_line_for_people_says_where_the_message_is() {
        assert_eq!(stored().to_string(), "SEND_OK  7F00  broker-a queue 2 offset 17  1.23 ms");
        let failed = SendRecord { status: None, queue_offset: None, ..stored() };
        assert_eq!(failed.to_string(), "FAILED  7F00  broker-a queue 2  1.23 ms");
    }
}
