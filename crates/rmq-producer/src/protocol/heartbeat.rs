//! HEART_BEAT (34): who the client is and which groups it has; told to every broker it uses.
//!
//! The body is the form of 5.x; brokers of 4.x pass over what they do not know. A producer has no consumers, so that list is always
//! empty here.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Java: `HeartbeatData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeartbeatData<'a> {
    #[serde(rename = "clientID")]
    pub(crate) client_id: Cow<'a, str>,
    #[serde(rename = "consumerDataSet", default)]
    pub(crate) consumers: Vec<serde_json::Value>,
    #[serde(rename = "heartbeatFingerprint", default)]
    pub(crate) fingerprint: i32,
    #[serde(rename = "producerDataSet", default)]
    pub(crate) producers: Vec<ProducerData<'a>>,
    #[serde(rename = "withoutSub", default)]
    pub(crate) without_sub: bool,
}

/// Java: `ProducerData`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProducerData<'a> {
    #[serde(rename = "groupName")]
    pub(crate) group: Cow<'a, str>,
}

impl<'a> HeartbeatData<'a> {
    /// What a client without consumers says of itself.
    pub(crate) fn of_producers(client_id: &'a str, groups: impl IntoIterator<Item = &'a str>) -> Self {
        let producers = groups.into_iter().map(|group| ProducerData { group: group.into() }).collect();
        Self { client_id: client_id.into(), consumers: Vec::new(), fingerprint: 0, producers, without_sub: false }
    }

    /// What brokers compare to see whether anything changed (heartbeat V2): Java's hash of the text without client id, whatever is said
    /// of the subscriptions. Java: `computeHeartbeatFingerprint`.
    pub(crate) fn compute_fingerprint(&self) -> i32 {
        let plain = Self {
            client_id: "".into(),
            consumers: self.consumers.clone(),
            fingerprint: 0,
            producers: self.producers.clone(),
            without_sub: false,
        };
        let text = serde_json::to_string(&plain).expect("texts and numbers always have a JSON form");
        text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
    }

    /// Writes the body of the request.
    pub(crate) fn to_json(&self) -> Bytes {
        serde_json::to_vec(self).expect("texts and numbers always have a JSON form").into()
    }
}
