//! One broker of a cluster: what tests do with it.
//!
//! A killed broker keeps its store, topics and consumer offsets, as a disk would; clients, locks and connections are gone.

mod client_verbs;
mod clients;
mod consumer_offsets;
mod consumer_verbs;
mod core;
mod housekeeping;
mod offset_verbs;
mod pull;
mod query;
mod queue_locks;
mod schedule;
mod send;
mod send_back;
pub(crate) mod static_topic;
mod subscription;
mod topic_verbs;
pub(crate) mod topics;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Deadline, RemotingCommand, RemotingError, RequestCode};

pub(crate) use self::clients::ClientTable;
pub use self::clients::SeenClient;
pub(crate) use self::consumer_offsets::ConsumerOffsets;
pub(crate) use self::core::{BrokerCore, Presence, Settings};
pub(crate) use self::housekeeping::keep_house;
pub(crate) use self::queue_locks::QueueLocks;
pub(crate) use self::schedule::{Schedule, deliver_delayed};
pub(crate) use self::static_topic::{Held, Mapping};
pub(crate) use self::topics::{TopicConfig, TopicTable};
use crate::network::{Dialing, Line, LineFault};
use crate::recorder::RecordedRequest;
use crate::script::{Fault, FaultHandle};
use crate::server::{Server, controls};
use crate::store::StoredCopy;

/// One broker of a [`TestCluster`](crate::TestCluster). Cheap to clone; its store can be read also after the cluster is gone.
#[derive(Clone)]
pub struct Broker {
    pub(crate) server: Arc<Server<BrokerCore>>,
    pub(crate) dialing: Arc<Dialing>,
    /// How long the name server lists a broker that was killed.
    pub(crate) route_outlives_kill: Duration,
}

controls!(Broker);

impl Broker {
    /// Kills the broker: connections are reset, dials refused, requests in work forgotten.
    ///
    /// The name server sees the end of the broker's connection and takes it out of its routes at once, unless
    /// [`keep_killed_brokers_in_route`](crate::TestClusterBuilder::keep_killed_brokers_in_route) says otherwise.
    ///
    /// # Cancel safety
    /// Has no effect before its first poll, and is done after it.
    pub async fn kill(&self) {
        let core = &self.server.verbs;
        core.presence.leave_after(self.route_outlives_kill);
        self.server.door.shut();
        core.clients.forget_all();
        core.queue_locks.clear();
        // Lets the connections notice, so that what follows sees them gone.
        tokio::task::yield_now().await;
    }

    /// Starts a killed broker again, at its old address and with its old store. Without effect on one that runs.
    ///
    /// # Errors
    /// Its port was taken meanwhile.
    ///
    /// # Cancel safety
    /// Has no effect before its first poll, and is done after it.
    pub async fn restart(&self) -> io::Result<()> {
        let core = &self.server.verbs;
        if self.server.door.is_shut() {
            let settings = core.settings();
            core.topics.restore_default(settings.default_topic_queues, settings.auto_create_topics);
        }
        self.server.door.reopen()?;
        core.presence.register();
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Kills the broker and starts it again at another port, as one that moves to another machine; returns its new address, which routes show
    /// from now on.
    ///
    /// # Errors
    /// No port could be opened. The broker is killed then.
    ///
    /// # Cancel safety
    /// Dropped early, the broker may be killed and not started again; [`restart`](Self::restart) starts it.
    pub async fn move_to_new_port(&self) -> io::Result<String> {
        self.kill().await;
        let address = self.server.door.move_to_new_port()?;
        self.restart().await?;
        Ok(address)
    }

    /// Stops the broker's process as SIGSTOP does: dials succeed, nothing is read, written or answered. The name server lists it for 120 s more.
    pub fn freeze(&self) {
        self.server.verbs.presence.leave_after(NAME_SERVER_PATIENCE);
        self.server.door.freeze(true);
    }

    /// Lets a frozen broker go on: what was sent meanwhile is now executed, and late answers are written.
    pub fn resume(&self) {
        if self.server.door.is_frozen() {
            self.server.verbs.presence.register();
        }
        self.server.door.freeze(false);
    }

    /// Takes the broker out of all routes although it runs, or puts it back.
    pub fn list_in_routes(&self, listed: bool) {
        if listed {
            self.server.verbs.presence.register()
        } else {
            self.server.verbs.presence.leave_after(Duration::ZERO)
        }
    }

    /// Every message of `topic` that this broker stored, oldest first.
    pub fn messages(&self, topic: &str) -> Vec<StoredCopy> {
        self.server.verbs.store.of_topic(topic).iter().map(|message| StoredCopy::clone(message)).collect()
    }

    /// How many messages of `topic` this broker has.
    pub fn message_count(&self, topic: &str) -> usize {
        self.server.verbs.store.count(topic)
    }

    /// Every message that this broker stored, oldest first.
    pub fn all_messages(&self) -> Vec<StoredCopy> {
        self.server.verbs.store.all().iter().map(|message| StoredCopy::clone(message)).collect()
    }

    /// Names of its topics, system topics included, sorted.
    pub fn topics(&self) -> Vec<String> {
        self.server.verbs.topics.names().iter().map(|name| name.to_string()).collect()
    }

    /// Read queues, write queues and permission of a topic, if it is there.
    pub fn topic(&self, topic: &str) -> Option<(i32, i32, i32)> {
        self.server.verbs.topics.get(topic).map(|topic| (topic.read_queues, topic.write_queues, topic.perm))
    }

    /// Creates a topic, or replaces it: readable, writable, with `queues` queues.
    pub fn create_topic(&self, topic: &str, queues: i32) {
        self.server.verbs.topics.put(TopicConfig::new(topic, queues));
    }

    pub(crate) fn static_topic(&self, topic: &str) -> Option<Mapping> {
        self.server.verbs.topics.get(topic)?.mapping
    }

    /// Keeps what is there of the topic's own queues, and makes as many as the mapping names.
    pub(crate) fn put_static_topic(&self, topic: &str, mapping: Mapping) {
        let needed = mapping.held.values().map(|held| held.queue_id + 1).max().unwrap_or(0);
        let known = self.topic(topic).map_or(0, |(_, write, _)| write);
        let config = TopicConfig::new(topic, needed.max(known));
        self.server.verbs.topics.put(TopicConfig { mapping: Some(mapping), ..config });
    }

    pub(crate) fn next_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.server.verbs.store.range(topic, queue_id).max
    }

    /// Deletes a topic and its queues; whether it was there. Its messages can still be read with [`messages`](Self::messages).
    pub fn delete_topic(&self, topic: &str) -> bool {
        self.server.verbs.store.forget_topic(topic);
        self.server.verbs.topics.remove(topic)
    }

    /// Changes a topic's queue counts; whether it was there.
    pub fn set_queues(&self, topic: &str, read: i32, write: i32) -> bool {
        self.server.verbs.topics.change(topic, |topic| (topic.read_queues, topic.write_queues) = (read, write))
    }

    /// Changes a topic's permission (4 = read, 2 = write, 1 = a model for new topics); whether it was there.
    ///
    /// As on real brokers only clients obey the write bit: a message to a topic without it is stored.
    pub fn set_perm(&self, topic: &str, perm: i32) -> bool {
        self.server.verbs.topics.change(topic, |topic| topic.perm = perm)
    }

    /// Changes the permission of the whole broker, which routes show for each of its topics. Default: 6.
    #[doc(alias = "brokerPermission")]
    pub fn set_broker_perm(&self, perm: i32) {
        self.server.verbs.settings.lock().perm = perm;
    }

    /// Switches the creation of topics by their first message on or off. As in Java, one message refused while it is off keeps it off until
    /// the broker is restarted.
    #[doc(alias = "autoCreateTopicEnable")]
    pub fn set_auto_create_topics(&self, enabled: bool) {
        self.server.verbs.settings.lock().auto_create_topics = enabled;
    }

    /// Changes how large a body may be. Default: 4 MiB.
    #[doc(alias = "maxMessageSize")]
    pub fn set_max_body_bytes(&self, bytes: usize) {
        self.server.verbs.settings.lock().max_body_bytes = bytes;
    }

    /// How far a consumer group has committed a queue.
    pub fn consumer_offset(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        self.server.verbs.consumer_offsets.committed(group, topic, queue_id)
    }

    /// The clients whose heartbeats it knows, by client id.
    pub fn clients(&self) -> Vec<SeenClient> {
        self.server.verbs.clients.seen(&self.server.name)
    }

    /// Sends a request to a client that has heart-beaten, as brokers do to check transactions or pass replies on.
    ///
    /// A request marked oneway is only written and gives `None`; any other waits for its answer, at most 10 s.
    ///
    /// # Errors
    /// No such client, or its connection failed.
    ///
    /// # Cancel safety
    /// Dropped early, the request may or may not have been sent.
    pub async fn push(&self, client_id: &str, request: RemotingCommand) -> Result<Option<RemotingCommand>, PushError> {
        let context = self.server.verbs.clients.context(client_id);
        let context = context.ok_or_else(|| PushError::UnknownClient { client_id: client_id.to_owned() })?;
        let deadline = Deadline::after(PUSH_PATIENCE);
        if request.is_oneway() {
            context.connection().invoke_oneway(&request, deadline).await.map_err(PushError::Connection)?;
            return Ok(None);
        }
        context.connection().invoke(&request, deadline).await.map(Some).map_err(PushError::Connection)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A request to a client that could not be sent or was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// No client with this id has heart-beaten, or its connection has ended.
    #[error("no client {client_id} is known to the broker")]
    UnknownClient {
        /// The id asked for.
        client_id: String,
    },
    /// Sending or waiting failed.
    #[error("the client did not answer")]
    Connection(#[source] RemotingError),
}

/// How long a name server lists a broker that does not report (`brokerExpiredTimeMillis`).
const NAME_SERVER_PATIENCE: Duration = Duration::from_secs(120);
/// How long a broker waits for a client (`Broker2Client#callClient`).
const PUSH_PATIENCE: Duration = Duration::from_secs(10);
