//! Namespaces: the names of one instance of a shared cluster, kept apart from those of others.
//!
//! Wrapping twice changes nothing, and what was wrapped unwraps to what it was. Without a namespace (and with one of
//! the second kind, which is a header field) names pass through untouched and nothing is allocated.
//!
//! ```text
//! v1:  orders ⇄ MQ_INST_1%orders     %RETRY%group ⇄ %RETRY%MQ_INST_1%group     TBW102 ⇄ TBW102
//! v2:  orders, and every request says nsd=true, ns=MQ_INST_1
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use rmq_message::is_system_topic;

/// The namespace of a client, and in which way it is told to the servers. Default: none.
///
/// ```
/// use rmq_producer::namespace::Namespace;
///
/// let namespace = Namespace::v1("MQ_INST_1");
/// assert_eq!(namespace.wrap("orders"), "MQ_INST_1%orders");
/// assert_eq!(namespace.unwrap("MQ_INST_1%orders"), "orders");
/// ```
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two ways, and none")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Names are what they are.
    #[default]
    None,
    /// Written in front of topics and groups: `namespace%name`. Every broker takes it, for it is but a name there.
    #[doc(alias("namespace", "NamespaceUtil"))]
    V1(Arc<str>),
    /// A field of every request; names stay as they are. Understood by servers since 5.2.0.
    #[doc(alias("namespaceV2", "NamespaceRpcHook"))]
    V2(Arc<str>),
}

impl Namespace {
    /// A namespace in front of names; an empty text is none.
    #[doc(alias = "setNamespace")]
    #[must_use]
    pub fn v1(namespace: impl Into<Arc<str>>) -> Self {
        let namespace = namespace.into();
        if namespace.is_empty() { Self::None } else { Self::V1(namespace) }
    }

    /// A namespace in a field of every request; an empty text is none.
    #[doc(alias = "setNamespaceV2")]
    #[must_use]
    pub fn v2(namespace: impl Into<Arc<str>>) -> Self {
        let namespace = namespace.into();
        if namespace.is_empty() { Self::None } else { Self::V2(namespace) }
    }

    /// The namespace that an end point of the form `MQ_INST_<word>_<word>.…` names, with or without a scheme such as
    /// `http://` before it; none for all other addresses. It counts only where the user set no namespace.
    #[doc(alias("parseInstanceIdFromEndpoint", "validateInstanceEndpoint"))]
    #[must_use]
    pub fn of_end_point(name_servers: &str) -> Self {
        instance_id(name_servers).map_or(Self::None, |id| Self::V1(id.into()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The text, of either kind.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::V1(namespace) | Self::V2(namespace) => Some(namespace),
        }
    }

    /// The namespace that stands in names, which is also the value of the message property `INSTANCE_ID`.
    #[must_use]
    pub fn prefix(&self) -> Option<&Arc<str>> {
        match self {
            Self::V1(namespace) => Some(namespace),
            Self::None | Self::V2(_) => None,
        }
    }

    /// The fields that every request carries: `nsd` and `ns`, or none. Added before any hook of the user's runs, so that what signs a
    /// request signs them too.
    #[doc(alias("nsd", "ns", "NamespaceRpcHook"))]
    #[must_use]
    pub fn header_fields(&self) -> Option<[(&'static str, &str); 2]> {
        match self {
            Self::V2(namespace) => Some([("nsd", "true"), ("ns", namespace)]),
            Self::None | Self::V1(_) => None,
        }
    }

    /// The name of a topic or group as the servers know it. `%RETRY%` and `%DLQ%` stay in front; names of RocketMQ's
    /// own, empty ones, and those that have the namespace already stay as they are.
    #[doc(alias("wrapNamespace", "withNamespace"))]
    #[must_use]
    pub fn wrap<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.wrapped(name).map_or(Cow::Borrowed(name), Cow::Owned)
    }

    /// [`wrap`](Self::wrap) for a shared name, which is shared again where nothing changes.
    #[must_use]
    pub fn wrap_shared(&self, name: &Arc<str>) -> Arc<str> {
        self.wrapped(name).map_or_else(|| Arc::clone(name), Arc::from)
    }

    /// The name without this namespace: what [`wrap`](Self::wrap) made of it is undone, all else stays.
    #[doc(alias = "withoutNamespace")]
    #[must_use]
    pub fn unwrap<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.unwrapped(name) {
            None => Cow::Borrowed(name),
            Some(("", rest)) => Cow::Borrowed(rest),
            Some((kind, rest)) => Cow::Owned(format!("{kind}{rest}")),
        }
    }

    /// [`unwrap`](Self::unwrap) for a shared name, which is shared again where nothing changes.
    #[must_use]
    pub fn unwrap_shared(&self, name: &Arc<str>) -> Arc<str> {
        match self.unwrap(name) {
            Cow::Borrowed(same) if same.len() == name.len() => Arc::clone(name),
            other => other.into(),
        }
    }

    /// Whether the name begins with this namespace, `%RETRY%` or `%DLQ%` left aside.
    #[doc(alias = "isAlreadyWithNamespace")]
    #[must_use]
    pub fn is_in(&self, name: &str) -> bool {
        self.unwrapped(name).is_some()
    }

    fn wrapped(&self, name: &str) -> Option<String> {
        let namespace = self.prefix()?;
        if name.is_empty() || is_system_name(name) || self.is_in(name) {
            return None;
        }
        let (kind, bare) = split_kind(name);
        Some(format!("{kind}{namespace}{SEPARATOR}{bare}"))
    }

    /// The name's kind and what follows the namespace.
    fn unwrapped<'a>(&self, name: &'a str) -> Option<(&'static str, &'a str)> {
        let namespace = self.prefix()?;
        let (kind, bare) = split_kind(name);
        let rest = bare.strip_prefix(&**namespace)?.strip_prefix(SEPARATOR)?;
        if is_system_name(name) { None } else { Some((kind, rest)) }
    }
}

/// The name without its namespace, whichever that is: without what stands before the first `%`. For tools that show
/// the names of many namespaces; a client knows its own and uses [`Namespace::unwrap`].
#[doc(alias = "withoutNamespace")]
#[must_use]
pub fn without_namespace(name: &str) -> Cow<'_, str> {
    match cut(name) {
        None => Cow::Borrowed(name),
        Some(("", _, rest)) => Cow::Borrowed(rest),
        Some((kind, _, rest)) => Cow::Owned(format!("{kind}{rest}")),
    }
}

/// What stands before the first `%` of a name, `%RETRY%` and `%DLQ%` left aside.
#[doc(alias = "getNamespaceFromResource")]
#[must_use]
pub fn namespace_of(name: &str) -> Option<&str> {
    cut(name).map(|(_, namespace, _)| namespace)
}

/// The topic from which a consumer group reads what it failed to consume: `%RETRY%group`.
#[doc(alias = "getRetryTopic")]
#[must_use]
pub fn retry_topic(group: &str) -> String {
    format!("{RETRY_PREFIX}{group}")
}

/// The topic that takes what a consumer group never managed to consume: `%DLQ%group`.
#[doc(alias = "getDLQTopic")]
#[must_use]
pub fn dlq_topic(group: &str) -> String {
    format!("{DLQ_PREFIX}{group}")
}

/// Whether the topic is some group's [`retry_topic`].
#[doc(alias = "isRetryTopic")]
#[must_use]
pub fn is_retry_topic(topic: &str) -> bool {
    topic.starts_with(RETRY_PREFIX)
}

/// Whether the topic is some group's [`dlq_topic`].
#[doc(alias = "isDLQTopic")]
#[must_use]
pub fn is_dlq_topic(topic: &str) -> bool {
    topic.starts_with(DLQ_PREFIX)
}

/// The group of a [`retry_topic`] or [`dlq_topic`]; other names stay as they are.
#[doc(alias = "withOutRetryAndDLQ")]
#[must_use]
pub fn without_retry_and_dlq(name: &str) -> &str {
    split_kind(name).1
}

/// Whether the name is RocketMQ's own, which no namespace touches: a system topic or a group `CID_RMQ_SYS_…`.
#[doc(alias("isSystemResource", "isSysConsumerGroup"))]
#[must_use]
pub fn is_system_name(name: &str) -> bool {
    is_system_topic(name) || name.starts_with(SYSTEM_GROUP_PREFIX)
}

const SEPARATOR: char = '%';
const RETRY_PREFIX: &str = "%RETRY%";
const DLQ_PREFIX: &str = "%DLQ%";
const SYSTEM_GROUP_PREFIX: &str = "CID_RMQ_SYS_";
const INSTANCE_PREFIX: &str = "MQ_INST_";

/// `%RETRY%`, `%DLQ%` or nothing, and what follows.
fn split_kind(name: &str) -> (&'static str, &str) {
    for kind in [RETRY_PREFIX, DLQ_PREFIX] {
        if let Some(bare) = name.strip_prefix(kind) {
            return (kind, bare);
        }
    }
    ("", name)
}

/// Kind, namespace and the rest of a name that has a namespace.
fn cut(name: &str) -> Option<(&'static str, &str, &str)> {
    if is_system_name(name) {
        return None;
    }
    let (kind, bare) = split_kind(name);
    let (namespace, rest) = bare.split_once(SEPARATOR)?;
    // a name that begins with `%`, such as `%LMQ%a`, has none
    if namespace.is_empty() { None } else { Some((kind, namespace, rest)) }
}

fn instance_id(name_servers: &str) -> Option<&str> {
    let address = match name_servers.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.chars().all(is_word) => rest,
        _ => name_servers,
    };
    let (id, _) = address.split_once('.')?;
    let words = id.strip_prefix(INSTANCE_PREFIX)?;
    let inner = words.get(1..words.len().saturating_sub(1))?; // an underscore with a word on either side
    let is_instance = words.chars().all(is_word) && inner.contains('_');
    is_instance.then_some(id)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_namespace_names_are_passed_on_and_not_copied() {
        let name: Arc<str> = "orders".into();
        for namespace in [Namespace::None, Namespace::v1(""), Namespace::v2(""), Namespace::v2("ns")] {
            assert!(matches!(namespace.wrap(&name), Cow::Borrowed("orders")));
            assert!(Arc::ptr_eq(&namespace.wrap_shared(&name), &name));
            assert!(Arc::ptr_eq(&namespace.unwrap_shared(&name), &name));
            assert_eq!(namespace.unwrap("ns%orders"), "ns%orders");
            assert_eq!(namespace.prefix(), None);
        }
    }

    #[test]
    fn the_second_kind_is_two_header_fields() {
        let namespace = Namespace::v2("ns");
        assert_eq!(namespace.header_fields(), Some([("nsd", "true"), ("ns", "ns")]));
        assert_eq!(namespace.as_str(), Some("ns"));
        assert_eq!(Namespace::v1("ns").header_fields(), None);
        assert!(Namespace::v2("").is_none());
    }

    #[test]
    fn a_name_that_has_the_namespace_is_shared() {
        let name: Arc<str> = "ns%orders".into();
        assert!(Arc::ptr_eq(&Namespace::v1("ns").wrap_shared(&name), &name));
        assert_eq!(&*Namespace::v1("ns").unwrap_shared(&name), "orders");
        assert_eq!(&*Namespace::v1("ns").wrap_shared(&"orders".into()), "ns%orders");
    }

    #[test]
    fn a_namespace_is_not_the_beginning_of_another() {
        let namespace = Namespace::v1("ns");
        assert!(!namespace.is_in("ns2%orders"));
        assert_eq!(namespace.wrap("ns2%orders"), "ns%ns2%orders");
        assert_eq!(namespace.unwrap("ns2%orders"), "ns2%orders");
    }

    #[test]
    fn only_an_instance_end_point_names_a_namespace() {
        for (address, id) in [
            ("MQ_INST_1_2.a:80", Some("MQ_INST_1_2")),
            ("ftp://MQ_INST_a__b.x", Some("MQ_INST_a__b")),
            ("http://MQ_INST_1_2.a:80/path", Some("MQ_INST_1_2")), // Java takes the last slash and fails
            ("MQ_INST_1_2.a:80;MQ_INST_1_2.b:80", Some("MQ_INST_1_2")),
            ("MQ_INST_1_2", None),
            ("MQ_INST_1_.a", None),
            ("MQ_INST__1.a", None),
            ("MQ_INST_.a", None),
            ("MQ_INST_ä_ä.a", None),
            ("MQ_INST_1_2-3.a", None),
            ("a;MQ_INST_1_2.b", None),
            ("://MQ_INST_1_2.b", None),
            ("", None),
        ] {
            assert_eq!(Namespace::of_end_point(address).as_str(), id, "{address}");
        }
    }
}
