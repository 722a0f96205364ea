//! One attempt: address, header, one call.
//!
//! Header and born time are made anew for every attempt; the unique id inside the properties stays.

use std::sync::Arc;

use rmq_fault::InFlight;
use rmq_remoting::{Deadline, Endpoint, RemotingCommand, RequestCode};
use rmq_route::TopicRoute;
use tokio::time::Instant;
use tracing::debug;

use super::Sender;
use super::faults::Faults;
use super::prepare::Prepared;
use super::reply::{self, Stored};
use super::select::Target;
use crate::attempts::Attempt;
use crate::config::SendHeaderVersion;
use crate::error::AttemptError;
use crate::hook::CheckForbiddenContext;
use crate::protocol::{SendMessage, SendMessageV1, SendMessageV2};
use crate::send_way::SendWay;

impl Sender {
    /// Sends the message to one queue and reads the broker's answer.
    pub(super) async fn attempt(
        &self,
        prepared: &Prepared,
        route: &TopicRoute,
        target: Target,
        way: SendWay,
        deadline: Deadline,
    ) -> (Attempt, Option<Stored>) {
        let begun = Begun::new(target, prepared, &self.faults);
        let address = match self.address(&begun.target, route, deadline).await {
            Ok(address) => address,
            Err(error) => return (begun.failed(None, error), None),
        };
        if let Err(error) = self.check_forbidden(prepared, &begun.target, &address, way) {
            return (begun.failed(Some(address), error), None);
        }
        let request = self.request(prepared, &begun.target);
        let answer = self.instance.invoke(&address, request, deadline).await;
        match answer.map_err(AttemptError::from).and_then(|answer| reply::read(&answer, &address, &begun.target)) {
            Ok(stored) => (begun.done(Some(address)), Some(stored)),
            Err(error) => (begun.failed(Some(address), error), None),
        }
    }

    /// Sends the message to one queue, and waits only until it is written.
    pub(super) async fn attempt_oneway(
        &self,
        prepared: &Prepared,
        route: &TopicRoute,
        target: Target,
        way: SendWay,
        deadline: Deadline,
    ) -> Attempt {
        let begun = Begun::new(target, prepared, &self.faults);
        let address = match self.address(&begun.target, route, deadline).await {
            Ok(address) => address,
            Err(error) => return begun.failed(None, error),
        };
        if let Err(error) = self.check_forbidden(prepared, &begun.target, &address, way) {
            return begun.failed(Some(address), error);
        }
        let request = self.request(prepared, &begun.target);
        match self.instance.invoke_oneway(&address, request, deadline).await {
            Ok(()) => begun.done(Some(address)),
            Err(error) => begun.failed(Some(address), error.into()),
        }
    }

    async fn address(&self, target: &Target, route: &TopicRoute, deadline: Deadline) -> Result<Endpoint, AttemptError> {
        let broker_name = &target.broker_name;
        match self.instance.master(broker_name, route, deadline).await {
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(AttemptError::NoBroker { broker_name: Arc::clone(broker_name) }),
            Err(source) => Err(AttemptError::BadAddress { broker_name: Arc::clone(broker_name), source }),
        }
    }

    fn check_forbidden(
        &self,
        prepared: &Prepared,
        target: &Target,
        address: &Endpoint,
        way: SendWay,
    ) -> Result<(), AttemptError> {
        if self.hooks.forbidden.is_empty() {
            return Ok(());
        }
        let queue = prepared.shown(target.queue.clone());
        let context = CheckForbiddenContext {
            name_servers: &self.config.name_servers,
            group: &self.config.producer_group,
            way,
            address,
            message: prepared.message(),
            queue: &queue,
            unit_mode: self.config.unit_mode,
        };
        self.hooks.check(&context, self.metrics.hook_panics()).map_err(|source| AttemptError::Forbidden { source })
    }

    fn request(&self, prepared: &Prepared, target: &Target) -> RemotingCommand {
        let header = SendMessage {
            producer_group: (&*self.producer_group).into(),
            topic: (&**prepared.topic()).into(),
            default_topic: self.config.create_topic_key.as_str().into(),
            default_topic_queue_nums: self.config.default_topic_queue_nums,
            queue_id: target.queue.queue_id(),
            sys_flag: prepared.sys_flag,
            born_timestamp: self.instance.remoting().clock().now_millis(),
            flag: prepared.flag(),
            properties: Some(prepared.properties.as_str().into()),
            reconsume_times: Some(prepared.reconsumed.times),
            unit_mode: Some(self.config.unit_mode),
            max_reconsume_times: prepared.reconsumed.at_most,
            batch: Some(false),
            broker_name: Some((&*target.broker_name).into()),
        };
        let request = match self.config.send_header {
            SendHeaderVersion::V1 => RemotingCommand::request_with(RequestCode::SEND_MESSAGE, &SendMessageV1(header)),
            SendHeaderVersion::V2 => {
                RemotingCommand::request_with(RequestCode::SEND_MESSAGE_V2, &SendMessageV2(header))
            }
        };
        request.with_body(prepared.body().clone()).with_encoding(self.config.header_encoding)
    }
}

/// An attempt on its way.
struct Begun<'a> {
    target: Target,
    _under_way: Option<InFlight>,
    prepared: &'a Prepared,
    started: Instant,
}

impl<'a> Begun<'a> {
    fn new(target: Target, prepared: &'a Prepared, faults: &Faults) -> Self {
        Self { _under_way: faults.under_way(&target.broker_name), target, prepared, started: Instant::now() }
    }

    fn done(self, address: Option<Endpoint>) -> Attempt {
        self.end(address, None)
    }

    fn failed(self, address: Option<Endpoint>, error: AttemptError) -> Attempt {
        self.end(address, Some(Arc::new(error)))
    }

    fn end(self, address: Option<Endpoint>, error: Option<Arc<AttemptError>>) -> Attempt {
        let Target { queue, broker_name } = self.target;
        let queue = self.prepared.shown(queue);
        let elapsed = self.started.elapsed();
        debug!(
            topic = &**queue.topic(),
            broker = &*broker_name,
            queue_id = queue.queue_id(),
            addr = address.as_ref().map(tracing::field::display),
            code = error.as_deref().and_then(AttemptError::code).map(|code| code.0),
            elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            error = error.as_deref().map(tracing::field::display),
            "attempt over"
        );
        Attempt { queue, broker_name, address, elapsed, error }
    }
}
