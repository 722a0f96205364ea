//! The text form of properties, as Java writes and reads it.

use rmq_message::{PROPERTY_SEPARATOR, Properties};
use serde_json::Value;

use crate::golden::{Listed, assert_listed_exist, cases, properties, text, text_or_none};

const DIFFERENT: &Listed = &[
    ("encode: null name (4.9.7)", "no name is null here; Java writes the word"),
    ("encode: null name (5.5.0)", "no name is null here; Java writes the word"),
];

#[test]
fn texts_are_those_of_java() {
    let cases = cases(include_str!("../golden/properties.json"));
    assert_listed_exist(&cases, DIFFERENT);
    for case in cases {
        let name = &case.name;
        if name.starts_with("decode: ") {
            let read = Properties::decode(text_or_none(&case.inputs["text"]));
            assert_eq!(pairs(&read), pairs(&properties(&case.expected["properties"])), "{name}");
        } else if case.listed(DIFFERENT).is_none() {
            assert!(name.starts_with("encode: "), "no test for {name}");
            let written = given(&case.inputs["properties"]).encode();
            let expected = text(&case.expected["text"]);
            if case.is_only("4.9.7") {
                // 4.9.1 to 5.1.4 leave the last separator out
                assert_eq!(written.strip_suffix(PROPERTY_SEPARATOR), Some(expected), "{name}");
            } else {
                assert_eq!(written, expected, "{name}");
            }
            for text in [&*written, expected] {
                let read = pairs(&Properties::decode(text));
                assert_eq!(read, pairs(&properties(&case.expected["read_back"])), "{name}");
            }
        }
    }
}

/// Ordered pairs; Java passes over null values, which are not there for us.
fn given(pairs: &Value) -> Properties {
    let mut properties = Properties::new();
    for pair in pairs.as_array().into_iter().flatten() {
        if let Some(value) = pair[1].as_str() {
            properties.set(text(&pair[0]).to_owned(), value);
        }
    }
    properties
}

/// Sorted, and with values that a failed assertion shows.
fn pairs(properties: &Properties) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = properties.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    pairs.sort();
    pairs
}
