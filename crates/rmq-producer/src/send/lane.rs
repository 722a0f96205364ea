//! Lane: the way of one topic's messages to the queues of one broker, with all of it that does not differ from message to message.
//!
//! Made from the routes of one moment and never changed: other routes make other lanes. The header is rendered at the first message.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmq_message::{MessageQueue, UniqueIdGenerator};
use rmq_remoting::{
    Endpoint, FieldValue, FilledRequest, FrameError, Line, OpenField, RemotingCommand, RequestCode, RequestFrame,
    RequestTemplate,
};

use super::Sender;
use super::prepare::Prepared;
use super::property_text::{KeptText, PropertyText};
use super::reply::Places;
use crate::attempts::{Destination, GoodAttempt};
use crate::config::SendHeaderVersion;
use crate::metrics::BrokerCounters;
use crate::namespace::is_retry_topic;
use crate::protocol::{SendMessage, SendMessageV1, SendMessageV2, VARIABLE_LONG, VARIABLE_SHORT};

pub(super) struct Lane {
    /// As brokers know it.
    topic: Arc<str>,
    pub(super) destination: Arc<Destination>,
    /// The way to its address.
    pub(super) line: Option<Line>,
    pub(super) counters: Arc<BrokerCounters>,
    /// Of the broker's answers.
    pub(super) places: Places,
    header: OnceLock<Result<Header, FrameError>>,
}

/// A queue, and the way to it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(super) lane: Arc<Lane>,
    pub(super) queue_id: i32,
}

/// The header of a send, but for what differs.
enum Header {
    /// Of messages without flags whose properties begin as those of nearly all do, and of others.
    Plain(Box<(RequestTemplate<3>, RequestTemplate<5>)>),
    /// Of a `%RETRY%` topic: how often consumers gave the message back, without and with how often they may.
    Retry(Box<(RequestTemplate<6>, RequestTemplate<7>)>),
}

/// The request of one attempt, whatever it is.
pub(super) enum Request<'a> {
    Usual(FilledRequest<'a, 3>),
    Plain(FilledRequest<'a, 5>),
    Retry(FilledRequest<'a, 6>),
    RetryAtMost(FilledRequest<'a, 7>),
}

impl Lane {
    pub(super) fn new(
        topic: &Arc<str>,
        shown_topic: &Arc<str>,
        broker_name: &Arc<str>,
        queues_broker: &Arc<str>,
        line: Option<Line>,
        counters: Arc<BrokerCounters>,
        ids: &Arc<UniqueIdGenerator>,
    ) -> Self {
        let address = line.as_ref().map(|line| line.endpoint().clone());
        let logical = (queues_broker != broker_name).then(|| Arc::clone(queues_broker));
        let (shown_topic, broker_name, ids) = (Arc::clone(shown_topic), Arc::clone(broker_name), Arc::clone(ids));
        let destination = Destination { topic: shown_topic, broker_name, logical, address, ids };
        Self {
            topic: Arc::clone(topic),
            destination: Arc::new(destination),
            line,
            counters,
            places: Places::default(),
            header: OnceLock::new(),
        }
    }

    pub(super) fn broker_name(&self) -> &Arc<str> {
        &self.destination.broker_name
    }

    /// Where messages go; `None` where no usable address is known, so that it has to be asked for.
    pub(super) fn address(&self) -> Option<&Endpoint> {
        self.destination.address.as_ref()
    }
}

impl Target {
    /// An attempt that ends well.
    #[inline(always)]
    pub(super) fn good(self, elapsed: Duration) -> GoodAttempt {
        GoodAttempt { destination: Arc::clone(&self.lane.destination), queue_id: self.queue_id, elapsed, asked: None }
    }

    /// The same, at this address if it had to be asked for.
    pub(super) fn good_at(&self, address: Option<Endpoint>, elapsed: Duration) -> GoodAttempt {
        GoodAttempt { asked: address.map(Arc::new), ..self.clone().good(elapsed) }
    }

    /// The queue as callers know it.
    pub(super) fn queue(&self) -> MessageQueue {
        let Destination { topic, .. } = &*self.lane.destination;
        MessageQueue::new(Arc::clone(topic), Arc::clone(self.lane.destination.queues_broker()), self.queue_id)
    }
}

impl Sender {
    /// Makes the request of one attempt, as nearly all are; its born time is now. `kept` is room for its properties.
    ///
    /// `None`: it is an unusual one, or cannot be made; see [`request`](Self::request).
    #[inline(always)]
    pub(super) fn usual_request<'a>(
        &'a self,
        target: &'a Target,
        prepared: &'a Prepared,
        kept: &'a mut KeptText,
        born_timestamp: i64,
    ) -> Option<FilledRequest<'a, 3>> {
        let (template, stamp) = self.usual_template(target, prepared)?;
        Some(self.fill_usual(template, stamp, target, prepared, kept, born_timestamp))
    }

    /// The template of a usual message, and the end of its unique id.
    #[inline(always)]
    fn usual_template<'a>(&self, target: &'a Target, prepared: &Prepared) -> Option<(&'a RequestTemplate<3>, u64)> {
        let header = target.lane.header.get_or_init(|| self.header(&target.lane));
        let (Ok(Header::Plain(headers)), 0, 0) = (header, prepared.sys_flag, prepared.flag()) else { return None };
        Some((&headers.0, PropertyText::stamp(prepared, &self.ids)?))
    }

    #[inline(always)]
    fn fill_usual<'a>(
        &'a self,
        template: &'a RequestTemplate<3>,
        stamp: u64,
        target: &Target,
        prepared: &'a Prepared,
        kept: &'a mut KeptText,
        born_timestamp: i64,
    ) -> FilledRequest<'a, 3> {
        let rest = self.property_text.rest(prepared, kept);
        let values = [born_timestamp.into(), FieldValue::Stamped { stamp, rest }, target.queue_id.into()];
        template.fill(values, prepared.body())
    }

    /// Makes the request of one attempt, whatever it is.
    ///
    /// # Errors
    /// No header can carry what is the same for every message of the lane.
    pub(super) fn request<'a>(
        &'a self,
        target: &'a Target,
        prepared: &'a Prepared,
        kept: &'a mut KeptText,
        born_timestamp: i64,
    ) -> Result<Request<'a>, FrameError> {
        if let Some((template, stamp)) = self.usual_template(target, prepared) {
            return Ok(Request::Usual(self.fill_usual(template, stamp, target, prepared, kept, born_timestamp)));
        }
        let header = match target.lane.header.get_or_init(|| self.header(&target.lane)) {
            Ok(header) => header,
            Err(error) => return Err(error.clone()),
        };
        let properties = self.property_text.whole(prepared, &self.ids, kept);
        let (queue, properties): (FieldValue<'_>, FieldValue<'_>) = (target.queue_id.into(), properties.into());
        let (born, body): (FieldValue<'_>, _) = (born_timestamp.into(), prepared.body());
        let (sys_flag, flag): (FieldValue<'_>, FieldValue<'_>) = (prepared.sys_flag.into(), prepared.flag().into());
        let reconsumed = prepared.reconsumed();
        let times = reconsumed.times.into();
        Ok(match (header, reconsumed.at_most) {
            (Header::Plain(headers), _) => {
                Request::Plain(headers.1.fill([born, sys_flag, flag, queue, properties], body))
            }
            (Header::Retry(headers), None) => {
                Request::Retry(headers.0.fill([born, sys_flag, flag, queue, properties, times], body))
            }
            (Header::Retry(headers), Some(most)) => {
                let values = [born, sys_flag, flag, queue, properties, times, most.into()];
                Request::RetryAtMost(headers.1.fill(values, body))
            }
        })
    }

    fn header(&self, lane: &Lane) -> Result<Header, FrameError> {
        let remoting = self.instance.remoting();
        let names = match self.config.send_header {
            SendHeaderVersion::V1 => VARIABLE_LONG,
            SendHeaderVersion::V2 => VARIABLE_SHORT,
        };
        let [queue, sys_flag, _, flag, properties, times, most] = names.map(OpenField::Any);
        let [_, _, born, ..] = names.map(OpenField::Millis);
        let [_, _, _, _, begun, ..] = names.map(PropertyText::field);
        if !is_retry_topic(&lane.destination.topic) {
            let usual = remoting.template(self.command(lane, None), [born, begun, queue])?;
            let fields = [born, sys_flag, flag, queue, properties];
            let plain = remoting.template(self.command(lane, None), fields)?;
            return Ok(Header::Plain(Box::new((usual, plain))));
        }
        let open = [born, sys_flag, flag, queue, properties, times];
        let bounded = [born, sys_flag, flag, queue, properties, times, most];
        let open = remoting.template(self.command(lane, None), open)?;
        let bounded = remoting.template(self.command(lane, Some(0)), bounded)?;
        Ok(Header::Retry(Box::new((open, bounded))))
    }

    /// The request but for what differs, for which something stands in its place.
    fn command(&self, lane: &Lane, max_reconsume_times: Option<i32>) -> RemotingCommand {
        let header = SendMessage {
            producer_group: (&*self.producer_group).into(),
            topic: (&*lane.topic).into(),
            default_topic: self.config.create_topic_key.as_str().into(),
            default_topic_queue_nums: self.config.default_topic_queue_nums,
            queue_id: 0,
            sys_flag: 0,
            born_timestamp: 0,
            flag: 0,
            properties: Some(self.property_text.beginning().into()),
            reconsume_times: Some(0),
            unit_mode: Some(self.config.unit_mode),
            max_reconsume_times,
            batch: Some(false),
            broker_name: Some((&**lane.broker_name()).into()),
        };
        let request = match self.config.send_header {
            SendHeaderVersion::V1 => RemotingCommand::request_with(RequestCode::SEND_MESSAGE, &SendMessageV1(header)),
            SendHeaderVersion::V2 => {
                RemotingCommand::request_with(RequestCode::SEND_MESSAGE_V2, &SendMessageV2(header))
            }
        };
        request.with_encoding(self.config.header_encoding)
    }
}

impl Request<'_> {
    pub(super) fn frame(&self) -> &dyn RequestFrame {
        match self {
            Self::Usual(request) => request,
            Self::Plain(request) => request,
            Self::Retry(request) => request,
            Self::RetryAtMost(request) => request,
        }
    }
}
