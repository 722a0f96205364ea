//! Requests from the server: what brokers ask a producer, who answers, and what is counted.
//!
//! ```text
//! connection ─► process ─┬─ 39  ─► the producer of the message's group
//!                        ├─ 326 ─► the producer that waits for this reply
//!                        └─ others ─► the answer of a client without consumers
//! ```
//! Each request runs on a task of its own, so that none holds up the answers behind it; how many run at once is bounded by the connection
//! (`RemotingConfig::max_serving`), which refuses and counts the rest. Java: `ClientRemotingProcessor`.

mod counters;
mod reply;
mod transaction_check;

use std::sync::Arc;

use rmq_remoting::{
    BoxFuture, ConnectionContext, HeaderError, Processor, RemotingClientBuilder, RemotingCommand, RequestCode,
    ResponseCode,
};
use tracing::{debug, info, warn};

use super::groups::Groups;
pub(crate) use counters::RequestCounters;
pub use counters::ServerRequestMetrics;
pub(crate) use reply::Reply;
pub(crate) use transaction_check::TransactionCheck;

/// What a producer does with requests that brokers have for it. None of it may block.
pub(crate) trait ServedProducer: Send + Sync + 'static {
    /// Takes the question of what became of a transaction, and says whether it will be answered.
    fn check(&self, check: TransactionCheck) -> bool;

    /// Takes a reply if a request of this producer waits for it; else gives it back.
    fn reply(&self, reply: Reply) -> Option<Reply>;
}

/// A producer without transaction listener and without open requests: it says so, as Java's does, and nothing more.
pub(crate) struct WithoutListeners {
    group: Arc<str>,
}

impl WithoutListeners {
    pub(crate) fn new(group: impl Into<Arc<str>>) -> Self {
        Self { group: group.into() }
    }
}

impl ServedProducer for WithoutListeners {
    fn check(&self, check: TransactionCheck) -> bool {
        warn!(group = &*self.group, %check, "a transaction is asked for, but the producer has no listener");
        false
    }

    fn reply(&self, reply: Reply) -> Option<Reply> {
        Some(reply)
    }
}

/// Answers what brokers ask the producers of one instance.
pub(super) struct ServerRequests {
    groups: Arc<Groups>,
    counters: Arc<RequestCounters>,
}

impl ServerRequests {
    /// Lets a client answer its brokers.
    pub(super) fn serve(
        client: RemotingClientBuilder,
        groups: &Arc<Groups>,
        counters: &Arc<RequestCounters>,
    ) -> RemotingClientBuilder {
        let requests = Arc::new(Self { groups: Arc::clone(groups), counters: Arc::clone(counters) });
        CODES.into_iter().fold(client, |client, code| client.processor(code, Arc::clone(&requests)))
    }

    fn answer(&self, from: &str, request: &RemotingCommand) -> Option<RemotingCommand> {
        match request.request_code() {
            RequestCode::CHECK_TRANSACTION_STATE => {
                self.check(from, request);
                None
            }
            RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT => Some(match self.reply(from, request) {
                Ok(()) => RemotingCommand::response(ResponseCode::SUCCESS),
                Err(error) => self.unreadable(from, request, &error),
            }),
            RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT => {
                self.counters.consumer_request();
                Some(RemotingCommand::response(ResponseCode::SUCCESS).with_body(NO_STATUS))
            }
            RequestCode::GET_CONSUMER_RUNNING_INFO | RequestCode::CONSUME_MESSAGE_DIRECTLY => {
                self.counters.consumer_request();
                let group = request.field("consumerGroup").unwrap_or("null");
                let remark = format!("The Consumer Group <{group}> not exist in this consumer");
                Some(RemotingCommand::response(ResponseCode::SYSTEM_ERROR).with_remark(remark))
            }
            // NOTIFY_CONSUMER_IDS_CHANGED, RESET_CONSUMER_CLIENT_OFFSET: no answer, not even if one is waited for.
            code => {
                self.counters.consumer_request();
                debug!(addr = from, code = code.0, "a request for consumers is passed over: there are none");
                None
            }
        }
    }

    fn check(&self, from: &str, request: &RemotingCommand) {
        let check = match TransactionCheck::read(from, request) {
            Ok(check) => check,
            Err(error) => {
                self.counters.malformed();
                warn!(addr = from, %error, "a question about a transaction cannot be read");
                return;
            }
        };
        let producer = check.group().and_then(|group| self.groups.producer(group));
        let taken = match producer {
            Some(producer) => producer.check(check),
            None => {
                debug!(addr = from, %check, "no producer here is of the group that a transaction is asked of");
                false
            }
        };
        self.counters.check(taken);
    }

    fn reply(&self, from: &str, request: &RemotingCommand) -> Result<(), HeaderError> {
        let mut reply = Reply::read(request)?;
        for producer in self.groups.producers() {
            match producer.reply(reply) {
                Some(back) => reply = back,
                None => {
                    self.counters.reply(true);
                    return Ok(());
                }
            }
        }
        self.counters.reply(false);
        info!(addr = from, %reply, "a reply came that nobody waits for");
        Ok(())
    }

    /// What Java's transport answers when a header cannot be read.
    fn unreadable(&self, from: &str, request: &RemotingCommand, error: &HeaderError) -> RemotingCommand {
        self.counters.malformed();
        warn!(addr = from, code = request.code(), %error, "a request of a broker cannot be read");
        RemotingCommand::response(ResponseCode::SYSTEM_ERROR).with_remark(error.to_string())
    }
}

impl Processor for ServerRequests {
    fn process(
        &self,
        context: &ConnectionContext,
        request: RemotingCommand,
    ) -> BoxFuture<'static, Option<RemotingCommand>> {
        let this = Self { groups: Arc::clone(&self.groups), counters: Arc::clone(&self.counters) };
        let from = context.peer().to_owned();
        // On the request's own task: bodies are read there, not on the connection's.
        Box::pin(async move { this.answer(&from, &request) })
    }
}

const CODES: [RequestCode; 7] = [
    RequestCode::CHECK_TRANSACTION_STATE,
    RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT,
    RequestCode::NOTIFY_CONSUMER_IDS_CHANGED,
    RequestCode::RESET_CONSUMER_CLIENT_OFFSET,
    RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT,
    RequestCode::GET_CONSUMER_RUNNING_INFO,
    RequestCode::CONSUME_MESSAGE_DIRECTLY,
];

/// A `GetConsumerStatusBody` with nothing in it.
const NO_STATUS: &str = r#"{"consumerTable":{},"messageQueueTable":{}}"#;

#[cfg(test)]
mod tests;
