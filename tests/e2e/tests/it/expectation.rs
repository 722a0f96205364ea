//! What a broker must hold after sends: exactly the messages that were sent, each as it was made and where the result says.
//!
//! Every property is accounted for: the user's, the client's one (UNIQ_KEY), and those that a broker of the release adds or drops.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use rmq_producer::{Message, SendResult};

use crate::place::{Place, Release};
use crate::stored::{Body, Stored};

/// Reads the topic back: it holds these messages and no other.
pub(crate) async fn assert_holds(place: &Place, topic: &str, sent: &[(Message, SendResult)]) -> Vec<Stored> {
    let stored = place.read(topic, sent.len()).await;
    assert_eq!(stored.len(), sent.len(), "messages in {topic}");
    let by_id: BTreeMap<&str, &Stored> = stored.iter().map(|stored| (&*stored.id, stored)).collect();
    assert_eq!(by_id.len(), stored.len(), "no id twice");
    let places: BTreeSet<_> =
        stored.iter().map(|stored| (&stored.broker, stored.queue_id, stored.queue_offset)).collect();
    assert_eq!(places.len(), stored.len(), "no place twice");
    for (message, result) in sent {
        let stored = by_id.get(result.message_id()).unwrap_or_else(|| panic!("{} is stored", result.message_id()));
        assert_is(place.release(), message, stored);
        assert_is_at(result, stored);
    }
    stored
}

/// The stored message is the one that was made.
pub(crate) fn assert_is(release: Release, message: &Message, stored: &Stored) {
    assert_eq!(stored.topic, message.topic());
    assert_eq!(stored.body, Body::of(message.body()));
    assert_eq!(stored.tags.as_deref(), message.tags());
    assert_eq!(stored.keys.as_deref(), message.key_text());
    assert_eq!((stored.flag, stored.reconsume_times), (message.user_flag(), 0));
    // A body that would get no shorter travels as it is.
    let may_be_packed = message.body().len() >= COMPRESSED_FROM;
    assert!(stored.sys_flag == 0 || may_be_packed && stored.sys_flag == ZLIB, "{:#x}", stored.sys_flag);
    assert_eq!(stored.properties, properties(release, message, &stored.id));
    let age = now_millis() - stored.born_timestamp;
    assert!((0..=AGE_LIMIT_MILLIS).contains(&age), "born {age} ms ago");
}

/// The message is where the result of its send says.
pub(crate) fn assert_is_at(result: &SendResult, stored: &Stored) {
    assert_eq!(stored.id, result.message_id());
    assert_eq!(stored.offset_id.as_deref(), Some(result.offset_message_id()));
    assert_eq!(stored.topic, **result.queue().topic());
    assert_eq!(stored.broker, **result.queue().broker_name());
    assert_eq!((stored.queue_id, stored.queue_offset), (result.queue().queue_id(), result.queue_offset()));
}

/// Every property that a broker of this release stores.
fn properties(release: Release, message: &Message, id: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        message.properties().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut add = |name: &str, value: &str| {
        all.insert(name.to_owned(), value.to_owned());
    };
    add("UNIQ_KEY", id);
    add("CLUSTER", "DefaultCluster");
    match release {
        // 4.9 drops what only the waiting producer needs.
        Release::V4 => drop(all.remove("WAIT")),
        Release::V5 => {
            add("MSG_REGION", "DefaultRegion");
            add("TRACE_ON", "true");
        }
    }
    all
}

fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a time of this age")
}

/// From how many bytes a body is compressed, unless the producer was told otherwise.
const COMPRESSED_FROM: usize = 4_096;

/// The flag of a body that was compressed by zlib.
const ZLIB: i32 = 0x300;

/// Longer than any test takes.
const AGE_LIMIT_MILLIS: i64 = 3_600_000;
