//! fastjson's way of not writing an object twice: `{"$ref":"$.path"}`.
//!
//! A reader that overlooks it takes the reference for an empty object, so it is looked for on purpose. The search by
//! value is exact; the search by bytes before it only saves the time.

use serde_json::Value;

const KEY: &str = "$ref";

/// Tells whether the text is worth a closer look.
pub(super) fn may_hold_one(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'$').skip(1).any(|rest| rest.starts_with(b"ref\""))
}

/// What the first reference points to, if there is one.
pub(super) fn find(value: &Value) -> Option<&str> {
    match value {
        Value::Array(items) => items.iter().find_map(find),
        Value::Object(members) => match members.get(KEY) {
            Some(Value::String(path)) => Some(path),
            _ => members.values().find_map(find),
        },
        _ => None,
    }
}
