//! The clients that a broker knows by their heartbeats.
//!
//! A client is known until it unregisters its last group, its connection ends or its heartbeats stop. Whoever changes a consumer group leaves its
//! name for the housekeeper, who tells the group's members.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{ConnectionContext, LanguageCode, RemotingCommand};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::subscription::Subscription;
use crate::server::Caller;
use crate::voice::Refusal;

/// A client as a broker knows it from its heartbeats.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenClient {
    /// Its name for itself, `ip@instance`.
    pub client_id: String,
    /// Name of the broker that knows it.
    pub broker: Arc<str>,
    /// Where its connection comes from.
    pub peer: String,
    /// Which client library it says it is.
    pub language: Option<LanguageCode>,
    /// Which release it says it is.
    pub version: i32,
    /// Its producer groups, sorted.
    pub producer_groups: Vec<String>,
    /// Its consumer groups, sorted.
    pub consumer_groups: Vec<String>,
    /// Heartbeats received from it.
    pub heartbeats: u64,
    /// Time since the last one.
    pub silent_for: Duration,
}

/// All clients of one broker.
#[derive(Debug, Default)]
pub(crate) struct ClientTable {
    clients: Mutex<BTreeMap<String, Client>>,
    changed_groups: Mutex<BTreeSet<String>>,
    pub(crate) groups_changed: Notify,
}

#[derive(Clone, Debug)]
struct Client {
    context: ConnectionContext,
    language: Option<LanguageCode>,
    version: i32,
    producer_groups: BTreeSet<String>,
    consumer_groups: BTreeMap<String, ConsumerGroup>,
    heartbeats: u64,
    last_heartbeat: Instant,
}

#[derive(Clone, Debug, Default)]
struct ConsumerGroup {
    subscriptions: HashMap<String, Subscription>,
    fingerprint: i32,
}

/// What a consumer group has subscribed to.
#[derive(Clone, Debug)]
pub(crate) enum Subscribed {
    NoSuchGroup,
    NotToTopic,
    To(Subscription),
}

/// What a heartbeat changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeartbeatEffect {
    /// Consumer groups named in it.
    pub(crate) consumer_groups: Vec<String>,
    /// For heartbeats with a fingerprint: whether the full subscriptions are wanted.
    pub(crate) wants_subscriptions: bool,
}

impl ClientTable {
    /// Takes a heartbeat in.
    pub(crate) fn heartbeat(&self, caller: &Caller, request: &RemotingCommand) -> Result<HeartbeatEffect, Refusal> {
        let data = Heartbeat::read(request)?;
        let Some(client_id) = data.client_id else { return Ok(HeartbeatEffect::default()) };
        let mut clients = self.clients.lock();
        let client = clients.entry(client_id).or_insert_with(|| Client {
            context: caller.context.clone(),
            language: None,
            version: 0,
            producer_groups: BTreeSet::new(),
            consumer_groups: BTreeMap::new(),
            heartbeats: 0,
            last_heartbeat: Instant::now(),
        });
        client.context = caller.context.clone();
        client.language = request.language();
        client.version = request.version();
        client.heartbeats += 1;
        client.last_heartbeat = Instant::now();
        client.producer_groups.extend(data.producers.into_iter().filter_map(|group| group.group_name));
        let mut effect = HeartbeatEffect { wants_subscriptions: data.fingerprint == 0, ..HeartbeatEffect::default() };
        for consumer in data.consumers {
            let Some(name) = consumer.group_name else { continue };
            let known = client.consumer_groups.contains_key(&name);
            let group = client.consumer_groups.entry(name.clone()).or_default();
            if data.without_subscriptions {
                effect.wants_subscriptions |= group.fingerprint != data.fingerprint;
            } else {
                group.fingerprint = data.fingerprint;
                group.subscriptions =
                    consumer.subscriptions.into_iter().map(|given| (given.topic.clone(), given)).collect();
            }
            if !known {
                self.changed(name.clone());
            }
            effect.consumer_groups.push(name);
        }
        Ok(effect)
    }

    /// Takes groups of a client out; an unknown client is no error.
    pub(crate) fn unregister(&self, client_id: &str, producer_group: Option<&str>, consumer_group: Option<&str>) {
        let mut clients = self.clients.lock();
        let Some(client) = clients.get_mut(client_id) else { return };
        if let Some(group) = producer_group {
            client.producer_groups.remove(group);
        }
        if let Some((group, _)) = consumer_group.and_then(|group| client.consumer_groups.remove_entry(group)) {
            self.changed(group);
        }
        if client.producer_groups.is_empty() && client.consumer_groups.is_empty() {
            clients.remove(client_id);
        }
    }

    /// Forgets the clients of a connection that has ended.
    pub(crate) fn line_ended(&self, peer: &str) {
        self.forget(|client| client.context.peer() == peer);
    }

    /// Forgets everyone, as a process that dies does.
    pub(crate) fn forget_all(&self) {
        self.clients.lock().clear();
    }

    /// Takes out clients without a heartbeat for `limit` and returns where their connections come from.
    pub(crate) fn expire(&self, limit: Duration) -> Vec<String> {
        self.forget(|client| client.last_heartbeat.elapsed() > limit)
    }

    /// The connections that have a member of a changed consumer group, with the group; each change is handed out once.
    pub(crate) fn take_changes(&self) -> Vec<(String, ConnectionContext)> {
        let groups = std::mem::take(&mut *self.changed_groups.lock());
        let clients = self.clients.lock();
        let members = |group: &String| {
            let group = group.clone();
            clients
                .values()
                .filter(move |client| client.consumer_groups.contains_key(&group))
                .map(|client| client.context.clone())
        };
        groups.iter().flat_map(|group| members(group).map(move |context| (group.clone(), context))).collect()
    }

    /// Ids of the clients in a consumer group, sorted.
    pub(crate) fn consumers(&self, group: &str) -> Vec<String> {
        let clients = self.clients.lock();
        clients
            .iter()
            .filter(|(_, client)| client.consumer_groups.contains_key(group))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// What the group's newest subscription to `topic` is.
    pub(crate) fn subscription(&self, group: &str, topic: &str) -> Subscribed {
        let clients = self.clients.lock();
        let mut members = clients.values().filter_map(|client| client.consumer_groups.get(group)).peekable();
        if members.peek().is_none() {
            return Subscribed::NoSuchGroup;
        }
        members
            .filter_map(|group| group.subscriptions.get(topic))
            .max_by_key(|subscription| subscription.version)
            .map_or(Subscribed::NotToTopic, |subscription| Subscribed::To(subscription.clone()))
    }

    /// The connection of a client.
    pub(crate) fn context(&self, client_id: &str) -> Option<ConnectionContext> {
        self.clients.lock().get(client_id).map(|client| client.context.clone())
    }

    pub(crate) fn seen(&self, broker: &Arc<str>) -> Vec<SeenClient> {
        let clients = self.clients.lock();
        clients
            .iter()
            .map(|(client_id, client)| SeenClient {
                client_id: client_id.clone(),
                broker: Arc::clone(broker),
                peer: client.context.peer().to_owned(),
                language: client.language,
                version: client.version,
                producer_groups: client.producer_groups.iter().cloned().collect(),
                consumer_groups: client.consumer_groups.keys().cloned().collect(),
                heartbeats: client.heartbeats,
                silent_for: client.last_heartbeat.elapsed(),
            })
            .collect()
    }

    fn forget(&self, mut which: impl FnMut(&Client) -> bool) -> Vec<String> {
        let mut peers = Vec::new();
        self.clients.lock().retain(|_, client| {
            let gone = which(client);
            if gone {
                peers.push(client.context.peer().to_owned());
                client.consumer_groups.keys().for_each(|group| self.changed(group.clone()));
            }
            !gone
        });
        peers
    }

    fn changed(&self, group: String) {
        self.changed_groups.lock().insert(group);
        self.groups_changed.notify_one();
    }
}

/// Java: `HeartbeatData`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Heartbeat {
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    #[serde(rename = "producerDataSet")]
    producers: Vec<ProducerData>,
    #[serde(rename = "consumerDataSet")]
    consumers: Vec<ConsumerData>,
    #[serde(rename = "heartbeatFingerprint")]
    fingerprint: i32,
    #[serde(rename = "withoutSub")]
    without_subscriptions: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ProducerData {
    group_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ConsumerData {
    group_name: Option<String>,
    #[serde(rename = "subscriptionDataSet")]
    subscriptions: Vec<Subscription>,
}

impl Heartbeat {
    fn read(request: &RemotingCommand) -> Result<Self, Refusal> {
        let null = |what: &str| Err(Refusal::exception(format!("java.lang.NullPointerException: {what} is null")));
        if request.body().is_empty() {
            return null("the heartbeat");
        }
        let data: Self = serde_json::from_slice(request.body())
            .map_err(|error| Refusal::exception(format!("com.alibaba.fastjson.JSONException: {error}")))?;
        let groups = data.producers.iter().map(|producer| &producer.group_name);
        let mut groups = groups.chain(data.consumers.iter().map(|consumer| &consumer.group_name)).peekable();
        if data.client_id.is_none() && groups.peek().is_some() {
            return null("the client id");
        }
        if groups.any(Option::is_none) {
            return null("the group name");
        }
        Ok(data)
    }
}
