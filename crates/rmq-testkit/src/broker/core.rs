//! One broker's state, and which room answers which code.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::{RemotingCommand, RequestCode, ResponseCode};
use tokio::time::Instant;

use super::clients::ClientTable;
use super::consumer_offsets::ConsumerOffsets;
use super::queue_locks::QueueLocks;
use super::schedule::Schedule;
use super::topics::{PERM_READ, PERM_WRITE, TopicTable};
use super::{client_verbs, consumer_verbs, offset_verbs, pull, query, send, send_back, topic_verbs};
use crate::clock::ClusterClock;
use crate::network::Door;
use crate::random::Random;
use crate::server::{Caller, Outcome, Verbs};
use crate::store::Store;
use crate::voice::{Refusal, Voice};

/// One broker without its connections.
#[derive(Debug)]
pub(crate) struct BrokerCore {
    pub(crate) name: Arc<str>,
    pub(crate) cluster: Arc<str>,
    pub(crate) voice: Voice,
    pub(crate) clock: ClusterClock,
    pub(crate) door: Arc<Door>,
    pub(crate) store: Store,
    pub(crate) topics: TopicTable,
    pub(crate) clients: ClientTable,
    pub(crate) consumer_offsets: ConsumerOffsets,
    pub(crate) queue_locks: QueueLocks,
    pub(crate) schedule: Schedule,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) random: Random,
    pub(crate) presence: Presence,
    #[cfg(feature = "acl")]
    pub(crate) guard: crate::access_control::Guard,
}

/// What can be changed while a broker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) auto_create_topics: bool,
    pub(crate) default_topic_queues: i32,
    /// The permission of the whole broker; Java: `brokerPermission`.
    pub(crate) perm: i32,
    pub(crate) max_body_bytes: usize,
}

impl BrokerCore {
    pub(crate) fn settings(&self) -> Settings {
        *self.settings.lock()
    }

    /// A topic's permission as the name server is told it (`TopicConfigManager#buildSerializeWrapper` under `registerBrokerAll`).
    pub(crate) fn registered_perm(&self, topic_perm: i32) -> i32 {
        let perm = self.settings().perm;
        if perm & (PERM_READ | PERM_WRITE) == PERM_READ | PERM_WRITE { topic_perm } else { topic_perm & perm }
    }

    fn settle(&self, request: &RemotingCommand, result: Result<RemotingCommand, Refusal>) -> Outcome {
        Outcome::Answer(result.unwrap_or_else(|refusal| self.voice.refuse(request, refusal)))
    }
}

impl Verbs for BrokerCore {
    fn execute(self: &Arc<Self>, caller: &Caller, request: &RemotingCommand) -> Outcome {
        #[cfg(feature = "acl")]
        if let Err(refusal) = self.guard.check(self.voice.dialect, caller.address.ip(), request) {
            return self.settle(request, Err(refusal));
        }
        let result = match request.request_code() {
            RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE => {
                send::send(self, caller, request)
            }
            RequestCode::PULL_MESSAGE | RequestCode::LITE_PULL_MESSAGE => return pull::pull(self, caller, request),
            RequestCode::QUERY_MESSAGE => query::by_key(self, request),
            RequestCode::VIEW_MESSAGE_BY_ID => query::by_offset(self, request),
            RequestCode::QUERY_CONSUMER_OFFSET => consumer_verbs::query_offset(self, request),
            RequestCode::UPDATE_CONSUMER_OFFSET => consumer_verbs::update_offset(self, request),
            RequestCode::GET_CONSUMER_LIST_BY_GROUP => consumer_verbs::list_group(self, request),
            RequestCode::CONSUMER_SEND_MSG_BACK => send_back::send_back(self, request),
            RequestCode::LOCK_BATCH_MQ => consumer_verbs::lock_queues(self, request),
            RequestCode::UNLOCK_BATCH_MQ => consumer_verbs::unlock_queues(self, request),
            RequestCode::UPDATE_AND_CREATE_TOPIC => topic_verbs::create(self, request),
            RequestCode::GET_TOPIC_STATS_INFO => topic_verbs::stats(self, request),
            RequestCode::SEARCH_OFFSET_BY_TIMESTAMP => offset_verbs::search(self, request),
            RequestCode::GET_MAX_OFFSET => offset_verbs::max(self, request),
            RequestCode::GET_MIN_OFFSET => offset_verbs::min(self, request),
            RequestCode::GET_EARLIEST_MSG_STORETIME => offset_verbs::earliest(self, request),
            RequestCode::HEART_BEAT => client_verbs::heartbeat(self, caller, request),
            RequestCode::UNREGISTER_CLIENT => client_verbs::unregister(self, request),
            RequestCode::GET_PRODUCER_CONNECTION_LIST => client_verbs::list_producers(self, request),
            _ => Ok(self.voice.unknown_code(request)),
        };
        self.settle(request, result)
    }

    fn refusal(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand {
        match code {
            // These come from in front of the processors: own encoding, no fields.
            ResponseCode::SYSTEM_BUSY | ResponseCode::GO_AWAY => self.voice.own_answer(request, code),
            ResponseCode::REQUEST_CODE_NOT_SUPPORTED => self.voice.answer(request, code),
            _ => send::with_region(request, self.voice.answer(request, code)),
        }
    }
}

/// Whether the name server lists the broker.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    leaves: Mutex<Option<Instant>>,
}

impl Presence {
    pub(crate) fn is_listed(&self) -> bool {
        self.leaves.lock().is_none_or(|at| Instant::now() < at)
    }

    pub(crate) fn register(&self) {
        *self.leaves.lock() = None;
    }

    /// Stays listed for `keep`.
    pub(crate) fn leave_after(&self, keep: Duration) {
        *self.leaves.lock() = Instant::now().checked_add(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_broker_is_listed_until_its_time_is_over() {
        let presence = Presence::default();
        assert!(presence.is_listed());
        presence.leave_after(Duration::from_secs(5));
        tokio::time::advance(Duration::from_millis(4999)).await;
        assert!(presence.is_listed());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!presence.is_listed());
        presence.register();
        assert!(presence.is_listed());
    }
}
