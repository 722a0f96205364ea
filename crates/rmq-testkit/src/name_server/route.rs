//! A route as a test writes it down, to be answered in place of the true one.

use std::collections::BTreeMap;

use crate::broker::Mapping;

/// What a name server answers for a topic.
///
/// ```
/// use rmq_testkit::Route;
///
/// // A read-only broker, and one whose master is gone.
/// let route = Route::new()
///     .broker("broker-a", [(0, "127.0.0.1:10911")])
///     .queues("broker-a", 4, 4, 4)
///     .broker("broker-b", [(1, "127.0.0.1:10921")])
///     .queues("broker-b", 4, 4, 6);
/// ```
#[doc(alias = "TopicRouteData")]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Route {
    pub(super) order_topic_conf: Option<String>,
    pub(super) queues: Vec<Queues>,
    pub(super) brokers: Vec<Addresses>,
    /// Of a static topic: what each broker holds of its logical queues.
    pub(super) mappings: Vec<(String, Mapping)>,
    pub(super) topic: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Queues {
    pub(super) broker: String,
    pub(super) read: i32,
    pub(super) write: i32,
    pub(super) perm: i32,
    pub(super) sys_flag: i32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Addresses {
    pub(super) cluster: Option<String>,
    pub(super) broker: String,
    pub(super) by_id: BTreeMap<i64, String>,
}

impl Route {
    /// A route without brokers and queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the addresses of a broker by broker id; 0 is the master.
    pub fn broker<A: Into<String>>(mut self, name: &str, addresses: impl IntoIterator<Item = (i64, A)>) -> Self {
        let by_id = addresses.into_iter().map(|(id, address)| (id, address.into())).collect();
        self.brokers.push(Addresses { cluster: None, broker: name.to_owned(), by_id });
        self
    }

    /// Adds the queues of a broker and its permission for the topic: 4 = read, 2 = write.
    pub fn queues(mut self, broker: &str, read: i32, write: i32, perm: i32) -> Self {
        self.queues.push(Queues { broker: broker.to_owned(), read, write, perm, sys_flag: 0 });
        self
    }

    /// Sets the order configuration, `broker-a:4;broker-b:4`.
    #[doc(alias = "orderTopicConf")]
    pub fn order_conf(mut self, text: impl Into<String>) -> Self {
        self.order_topic_conf = Some(text.into());
        self
    }
}
