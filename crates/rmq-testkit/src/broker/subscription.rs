//! What a consumer wants of a topic: everything, or messages with certain tags.
//!
//! Brokers compare tags by Java's hash of them, so two tags with one hash are one to them; consumers look again.

use std::collections::BTreeSet;

use serde::Deserialize;

/// One topic of a consumer group.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) topic: String,
    #[serde(default, rename = "subVersion")]
    pub(crate) version: i64,
    #[serde(default = "everything", rename = "subString", deserialize_with = "tags")]
    pub(crate) tags: Tags,
    #[serde(default, rename = "expressionType")]
    pub(crate) expression_type: Option<String>,
}

/// Which tags pass; `None` is all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tags(Option<BTreeSet<i32>>);

impl Tags {
    /// Reads `*` or `a || b` (`FilterAPI#buildSubscriptionData`).
    pub(crate) fn parse(expression: &str) -> Self {
        if expression.is_empty() || expression == "*" {
            return Self(None);
        }
        Self(Some(expression.split("||").map(str::trim).filter(|tag| !tag.is_empty()).map(java_hash).collect()))
    }

    pub(crate) fn pass(&self, tag: Option<&str>) -> bool {
        match &self.0 {
            None => true,
            // A message without a tag has hash 0 in the queue.
            Some(wanted) => wanted.contains(&tag.map_or(0, java_hash)),
        }
    }
}

impl Subscription {
    /// Whether the broker can decide it: conditions in SQL need a switch that brokers have off.
    pub(crate) fn is_by_tag(&self) -> bool {
        self.expression_type.as_deref().is_none_or(|kind| kind.is_empty() || kind == "TAG")
    }
}

/// Java's `String#hashCode`.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn everything() -> Tags {
    Tags(None)
}

fn tags<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
    Ok(Tags::parse(&Option::<String>::deserialize(deserializer)?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_java_s() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("TagA"), 2_598_919);
        assert_eq!(java_hash("Aa"), java_hash("BB"), "the classic collision");
    }

    #[test]
    fn tags_pass_one_by_one() {
        let tags = Tags::parse("a || b");
        assert!(tags.pass(Some("a")) && tags.pass(Some("b")));
        assert!(!tags.pass(Some("c")) && !tags.pass(None));
        for all in ["*", ""] {
            assert!(Tags::parse(all).pass(None) && Tags::parse(all).pass(Some("x")));
        }
    }

    #[test]
    fn a_subscription_is_read_from_a_heartbeat() {
        let text = r#"{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"a","subVersion":7,"tagsSet":["a"],"topic":"T"}"#;
        let read: Subscription = serde_json::from_str(text).unwrap();
        assert_eq!((read.topic.as_str(), read.version, read.is_by_tag()), ("T", 7, true));
        assert!(read.tags.pass(Some("a")) && !read.tags.pass(None));
        let bare: Subscription = serde_json::from_str(r#"{"topic":"T","subString":null}"#).unwrap();
        assert!(bare.tags.pass(None));
    }
}
