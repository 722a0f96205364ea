//! The topics of one broker: created by configuration, by an administrator, or by the first message.
//!
//! The name server's route is read from here, so a change is visible at the next look-up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rmq_remoting::ResponseCode;

use super::static_topic::Mapping;
use crate::dialect::Dialect;
use crate::names::{self, DEFAULT_TOPIC, SCHEDULE_TOPIC};
use crate::voice::Refusal;

/// How one broker keeps a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TopicConfig {
    pub(crate) name: Arc<str>,
    pub(crate) read_queues: i32,
    pub(crate) write_queues: i32,
    pub(crate) perm: i32,
    pub(crate) multi_tag: bool,
    pub(crate) sys_flag: i32,
    pub(crate) order: bool,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Of a static topic: the logical queues that are held here.
    pub(crate) mapping: Option<Mapping>,
}

impl TopicConfig {
    pub(crate) fn new(name: &str, queues: i32) -> Self {
        Self {
            name: name.into(),
            read_queues: queues,
            write_queues: queues,
            perm: PERM_READ | PERM_WRITE,
            multi_tag: false,
            sys_flag: 0,
            order: false,
            attributes: BTreeMap::new(),
            mapping: None,
        }
    }

    /// The text of `TopicConfig#toString`, which remarks quote.
    pub(crate) fn java_text(&self, dialect: Dialect) -> String {
        struct JavaMap<'a>(&'a BTreeMap<String, String>);
        impl fmt::Display for JavaMap<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let entries: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
        let bit = |mask, letter| if self.perm & mask != 0 { letter } else { '-' };
        let attributes =
            if dialect.is_v5() { format!(", attributes={}", JavaMap(&self.attributes)) } else { String::new() };
        format!(
            "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}{}{}, topicFilterType={}, topicSysFlag={}, order={}{attributes}]",
            self.name,
            self.read_queues,
            self.write_queues,
            bit(PERM_READ, 'R'),
            bit(PERM_WRITE, 'W'),
            bit(PERM_INHERIT, 'X'),
            if self.multi_tag { "MULTI_TAG" } else { "SINGLE_TAG" },
            self.sys_flag,
            self.order,
        )
    }
}

/// All topics of one broker.
#[derive(Debug)]
pub(crate) struct TopicTable {
    topics: Mutex<BTreeMap<Arc<str>, TopicConfig>>,
}

impl TopicTable {
    /// The topics that a broker makes at its start.
    pub(crate) fn new(cluster: &str, broker: &str, default_queues: i32, auto_create: bool) -> Self {
        let table = Self { topics: Mutex::default() };
        if auto_create {
            table.put(inheritable(TopicConfig::new(DEFAULT_TOPIC, default_queues)));
        }
        table.put(TopicConfig::new("SELF_TEST_TOPIC", 1));
        table.put(TopicConfig::new("BenchmarkTest", 1024));
        table.put(TopicConfig::new("OFFSET_MOVED_EVENT", 1));
        table.put(TopicConfig::new(SCHEDULE_TOPIC, 18));
        table.put(inheritable(TopicConfig::new(cluster, 16)));
        table.put(inheritable(TopicConfig::new(broker, 1)));
        table
    }

    pub(crate) fn get(&self, topic: &str) -> Option<TopicConfig> {
        self.topics.lock().get(topic).cloned()
    }

    /// Adds or replaces a topic.
    pub(crate) fn put(&self, config: TopicConfig) {
        self.topics.lock().insert(Arc::clone(&config.name), config);
    }

    /// Changes a topic that is there; whether it was.
    pub(crate) fn change(&self, topic: &str, change: impl FnOnce(&mut TopicConfig)) -> bool {
        self.topics.lock().get_mut(topic).map(change).is_some()
    }

    pub(crate) fn remove(&self, topic: &str) -> bool {
        self.topics.lock().remove(topic).is_some()
    }

    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.topics.lock().keys().cloned().collect()
    }

    /// Gives `TBW102` its inherit bit back, as a broker does when it starts.
    pub(crate) fn restore_default(&self, default_queues: i32, auto_create: bool) {
        if auto_create && !self.change(DEFAULT_TOPIC, |topic| topic.perm |= PERM_INHERIT) {
            self.put(inheritable(TopicConfig::new(DEFAULT_TOPIC, default_queues)));
        }
    }

    /// The topic of a message, made after the default topic where it is new (`TopicConfigManager#createTopicInSendMessageMethod`).
    ///
    /// A message to an unknown topic while automatic creation is off takes the inherit bit from `TBW102`, as in Java.
    pub(crate) fn for_message(
        &self,
        topic: &str,
        default_topic: &str,
        wanted_queues: i32,
        auto_create: bool,
    ) -> Option<TopicConfig> {
        let mut topics = self.topics.lock();
        if let Some(known) = topics.get(topic) {
            return Some(known.clone());
        }
        let model = topics.get_mut(default_topic)?;
        if default_topic == DEFAULT_TOPIC && !auto_create {
            model.perm = PERM_READ | PERM_WRITE;
        }
        if model.perm & PERM_INHERIT == 0 {
            return None;
        }
        let mut made = TopicConfig::new(topic, wanted_queues.min(model.write_queues).max(0));
        made.perm = model.perm & !PERM_INHERIT;
        made.multi_tag = model.multi_tag;
        topics.insert(Arc::clone(&made.name), made.clone());
        Some(made)
    }

    /// The one-queue topic of a consumer group's failed messages (`TopicConfigManager#createTopicInSendMessageBackMethod`).
    pub(crate) fn for_group(&self, topic: &str, perm: i32) -> TopicConfig {
        let mut topics = self.topics.lock();
        if let Some(known) = topics.get(topic) {
            return known.clone();
        }
        let mut made = TopicConfig::new(topic, 1);
        made.perm = perm;
        topics.insert(Arc::clone(&made.name), made.clone());
        made
    }
}

/// Applies the attribute changes of a createTopic request (`AttributeUtil#alterCurrentAttributes`), 5.x only.
pub(crate) fn change_attributes(
    current: &BTreeMap<String, String>,
    is_new: bool,
    changes: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let refuse = |text: String| Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
    let mut attributes = current.clone();
    for change in changes.split(',').map(str::trim).filter(|change| !change.is_empty()) {
        let (sign, rest) = change.split_at(change.chars().next().map_or(0, char::len_utf8));
        let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
        if !["queue.type", "cleanup.policy", "message.type", "reserve.time"].contains(&name) {
            return refuse(format!("unsupported key: {name}"));
        }
        match sign {
            "+" if value.is_empty() => return refuse(format!("kv string format wrong: {change}")),
            "+" | "-" if !is_new && name == "queue.type" => {
                return refuse(format!("attempt to update an unchangeable attribute. key: {name}"));
            }
            "+" => drop(attributes.insert(name.to_owned(), value.to_owned())),
            "-" if is_new => {
                return refuse(format!("only add attribute is supported while creating topic. key: {name}"));
            }
            "-" => drop(attributes.remove(name)),
            _ => return refuse(format!("wrong format: {change}")),
        }
    }
    Ok(attributes)
}

/// Refuses a name that an administrator may not give to a topic.
pub(crate) fn check_new_name(topic: &str, dialect: Dialect) -> Result<(), Refusal> {
    names::check_topic(topic, dialect)?;
    names::check_not_system(topic, dialect)
}

fn inheritable(mut config: TopicConfig) -> TopicConfig {
    config.perm |= PERM_INHERIT;
    config
}

pub(crate) const PERM_READ: i32 = 4;
pub(crate) const PERM_WRITE: i32 = 2;
pub(crate) const PERM_INHERIT: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TopicTable {
        TopicTable::new("DefaultCluster", "broker-a", 8, true)
    }

    #[test]
    fn a_new_topic_gets_the_smaller_number_of_queues_and_no_inherit_bit() {
        let table = table();
        let made = table.for_message("orders", DEFAULT_TOPIC, 4, true).unwrap();
        assert_eq!((made.read_queues, made.write_queues, made.perm), (4, 4, 6));
        assert_eq!(table.for_message("wide", DEFAULT_TOPIC, 99, true).unwrap().write_queues, 8);
        assert_eq!(table.for_message("negative", DEFAULT_TOPIC, -3, true).unwrap().write_queues, 0);
        assert_eq!(
            table.for_message("orders", "no such model", 1, false).unwrap().write_queues,
            4,
            "it is known by now"
        );
        assert!(table.for_message("other", "no such model", 4, true).is_none());
    }

    #[test]
    fn one_refused_message_switches_creation_off_until_a_restart() {
        let table = table();
        assert!(table.for_message("a", DEFAULT_TOPIC, 4, false).is_none());
        assert!(table.for_message("a", DEFAULT_TOPIC, 4, true).is_none(), "TBW102 has lost its bit");
        table.restore_default(8, true);
        assert!(table.for_message("a", DEFAULT_TOPIC, 4, true).is_some());
    }

    #[test]
    fn the_text_is_java_s() {
        let table = table();
        let made = table.for_message("T_raw", DEFAULT_TOPIC, 4, true).unwrap();
        let text = "TopicConfig [topicName=T_raw, readQueueNums=4, writeQueueNums=4, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false";
        assert_eq!(made.java_text(Dialect::V4_9), format!("{text}]"));
        assert_eq!(made.java_text(Dialect::V5), format!("{text}, attributes={{}}]"));
    }

    #[test]
    fn attributes_are_added_changed_and_refused() {
        let none = BTreeMap::new();
        let refused = |is_new, changes| change_attributes(&none, is_new, changes).unwrap_err().remark;
        assert_eq!(
            refused(false, "+queue.type=BatchCQ"),
            "attempt to update an unchangeable attribute. key: queue.type"
        );
        assert_eq!(refused(true, "+no.such=1"), "unsupported key: no.such");
        let made = change_attributes(&none, true, "+message.type=FIFO,+queue.type=SimpleCQ").unwrap();
        assert_eq!(made["message.type"], "FIFO");
        assert_eq!(change_attributes(&made, false, "-message.type").unwrap().len(), 1);
        assert_eq!(change_attributes(&made, false, "").unwrap(), made);
    }
}
