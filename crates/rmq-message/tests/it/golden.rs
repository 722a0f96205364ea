//! The recorded cases (`tests/golden/ORIGIN.md`), read into a form that tests can walk.
//!
//! Every case of a file is walked: a test meets one that it does not know with a panic, never by passing over it.

use rmq_message::Properties;
use serde_json::Value;

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) inputs: Value,
    pub(crate) expected: Value,
}

impl Case {
    /// The one version that the case stands for, if it does not stand for both.
    pub(crate) fn is_only(&self, version: &str) -> bool {
        self.name.ends_with(&format!("({version})"))
    }

    /// The reason why we differ from Java here, if the list has one.
    pub(crate) fn listed(&self, list: &Listed) -> Option<&'static str> {
        list.iter().find(|(name, _)| *name == self.name).map(|(_, reason)| *reason)
    }
}

/// Names of cases where we differ from Java, with the reason.
pub(crate) type Listed = [(&'static str, &'static str)];

pub(crate) fn cases(json: &str) -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(json).expect("a list of cases");
    cases
        .into_iter()
        .map(|mut case| Case {
            name: text(&case["name"]).to_owned(),
            inputs: case["inputs"].take(),
            expected: case["expected"].take(),
        })
        .collect()
}

/// Fails when the list names a case that is not there (any more).
pub(crate) fn assert_listed_exist(cases: &[Case], list: &Listed) {
    for (name, _) in list {
        assert!(cases.iter().any(|case| case.name == *name), "no case {name}");
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The text, or none of it where Java had null.
pub(crate) fn text_or_none(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(crate) fn number<T: TryFrom<i64>>(value: &Value) -> T {
    let number = value.as_i64().expect("a number");
    T::try_from(number).unwrap_or_else(|_| panic!("{number} does not fit"))
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let hex = text(value);
    assert!(hex.len() % 2 == 0, "whole bytes");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// An object of names and values; null has none.
pub(crate) fn properties(value: &Value) -> Properties {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
}
