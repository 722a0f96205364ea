//! Reading and writing the JSON dialect of fastjson, the library behind most RocketMQ bodies.
//!
//! fastjson writes map keys as it finds them: numbers stay bare (`{0:"10.0.0.1:10911"}`), and a key that is an object
//! is written as one (`{{"queueId":0}:{…}}`). No JSON parser takes that. What is standard JSON already passes through
//! here unchanged and unjudged; nothing is ever guessed about a text that is neither.
//!
//! ```text
//! bytes ─► serde_json ─► value
//!             │ syntax error only
//!             └─► to_standard (one pass, quotes keys) ─► serde_json ─► value or error
//! ```

mod reference;
mod scan;
mod write;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub use crate::error::FastjsonError;

/// How many lists and objects may be open at once. Deeper texts are refused.
pub const MAX_DEPTH: usize = 64;

/// How many keys that are objects may sit inside one another. Each level doubles the back-slashes of the one below.
pub const MAX_KEY_DEPTH: usize = 2;

/// Turns fastjson text into standard JSON: bare keys are quoted, and a key that is a list or an object becomes a
/// string that holds its (standard) text.
///
/// Standard JSON comes back borrowed. Doing it twice changes nothing more. The result is not promised to be valid:
/// only keys are looked at, and any other mistake is left for the JSON parser to find.
///
/// ```
/// use rmq_route::fastjson::to_standard;
///
/// assert_eq!(to_standard(r#"{0:"a:1"}"#)?, r#"{"0":"a:1"}"#);
/// assert_eq!(to_standard(r#"{{"queueId":0}:7}"#)?, r#"{"{\"queueId\":0}":7}"#);
/// # Ok::<(), rmq_route::FastjsonError>(())
/// ```
///
/// # Errors
/// Text that ends too early, closes a bracket that is not open, has no key where one must be, or is nested deeper than
/// [`MAX_DEPTH`] or [`MAX_KEY_DEPTH`].
pub fn to_standard(text: &str) -> Result<Cow<'_, str>, FastjsonError> {
    scan::standard(text)
}

/// Reads a value from fastjson text or standard JSON, whichever it is.
///
/// Standard JSON costs nothing extra; only a text that `serde_json` calls a syntax error takes the second way.
/// A map whose keys are objects has to be read with text keys, each of which can be given to this function again.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let brokers: BTreeMap<i64, String> = rmq_route::fastjson::from_slice(br#"{0:"10.0.0.1:10911",1:"10.0.0.2:10911"}"#)?;
/// assert_eq!(brokers[&0], "10.0.0.1:10911");
/// # Ok::<(), rmq_route::FastjsonError>(())
/// ```
///
/// # Errors
/// Those of [`to_standard`]; bytes that are not UTF-8; [`FastjsonError::Reference`] where the text holds a `$ref`
/// object, which fastjson 1 writes for a repeated object; [`FastjsonError::Json`] when the text has another shape than
/// `T`.
#[doc(alias("RemotingSerializable", "decode"))]
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FastjsonError> {
    let first = match from_standard(bytes) {
        Err(FastjsonError::Json(error)) if error.classify() == Category::Syntax => error,
        other => return other,
    };
    match to_standard(std::str::from_utf8(bytes).map_err(FastjsonError::NotUtf8)?)? {
        Cow::Borrowed(_) => Err(FastjsonError::Json(first)),
        Cow::Owned(text) => from_standard(text.as_bytes()),
    }
}

/// Writes a value the way fastjson does by default: integer and truth-value keys without quotes.
///
/// This is for servers and tests that play an old name server; every reader understands `serde_json`'s form.
///
/// # Errors
/// [`FastjsonError::Json`] when the value has no JSON form, for instance a map whose keys are structs.
#[doc(alias("RemotingSerializable", "encode"))]
pub fn to_loose_string<T: Serialize + ?Sized>(value: &T) -> Result<String, FastjsonError> {
    write::loose(value)
}

fn from_standard<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FastjsonError> {
    if reference::may_hold_one(bytes) {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(FastjsonError::Json)?;
        if let Some(path) = reference::find(&value) {
            return Err(FastjsonError::Reference { path: path.to_owned() });
        }
    }
    serde_json::from_slice(bytes).map_err(FastjsonError::Json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_table_keyed_by_objects_is_read_in_two_steps() {
        // The shape of a topic's offset table (`TopicStatsTable`).
        let text = br#"{"offsetTable":{{"brokerName":"a","queueId":0,"topic":"T"}:{"maxOffset":7}}}"#;
        let value: BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>> = from_slice(text).unwrap();
        let (key, entry) = value["offsetTable"].first_key_value().unwrap();
        let queue: Value = from_slice(key.as_bytes()).unwrap();
        assert_eq!(queue, json!({"brokerName": "a", "queueId": 0, "topic": "T"}));
        assert_eq!(entry["maxOffset"], 7);
    }

    #[test]
    fn the_first_error_is_reported_when_there_was_nothing_to_mend() {
        let error = from_slice::<Value>(br#"{"a":tru}"#).unwrap_err();
        assert!(matches!(error, FastjsonError::Json(_)), "{error:?}");
    }

    #[test]
    fn a_value_of_another_shape_is_not_a_syntax_error() {
        let error = from_slice::<Vec<i64>>(br#"{"a":1}"#).unwrap_err();
        assert!(matches!(error, FastjsonError::Json(_)), "{error:?}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(matches!(from_slice::<Value>(b"{0:\"\xff\"}"), Err(FastjsonError::NotUtf8(_))));
    }

    #[test]
    fn a_reference_is_found_in_loose_text_too_and_at_any_depth() {
        let text = br#"{0:{"a":[1,{"$ref":"$.b"}]},"b":{}}"#;
        let error = from_slice::<Value>(text).unwrap_err();
        assert!(matches!(error, FastjsonError::Reference { path } if path == "$.b"));
    }

    #[test]
    fn loose_text_reads_back_as_what_was_written() {
        let brokers = BTreeMap::from([(-1_i64, "a:1"), (0, "b:\"1\""), (4_294_967_296, "")]);
        let text = to_loose_string(&brokers).unwrap();
        assert_eq!(text, r#"{-1:"a:1",0:"b:\"1\"",4294967296:""}"#);
        let back: BTreeMap<i64, String> = from_slice(text.as_bytes()).unwrap();
        assert!(back.iter().map(|(id, address)| (*id, address.as_str())).eq(brokers));
    }
}
