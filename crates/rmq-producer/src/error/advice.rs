//! What a failed send says and advises: one line per kind, for whoever reads the log at night.
//!
//! Facts name the broker; advice names what to look at or to do next. Neither repeats what the cause says itself.

use std::fmt;

#[cfg(feature = "tls")]
use rmq_remoting::RemotingError;
use rmq_remoting::ResponseCode;

use super::access;
use super::peer_text::PeerText;
use super::{AttemptError, SendErrorKind};
use crate::attempts::Attempt;

/// Writes what happened, with the broker if one was chosen.
pub(super) fn write_fact(
    f: &mut fmt::Formatter<'_>,
    kind: SendErrorKind,
    code: Option<i32>,
    attempt: Option<&Attempt>,
) -> fmt::Result {
    let Some(attempt) = attempt else { return f.write_str(fact_without_broker(kind)) };
    let broker = Broker(attempt);
    match kind {
        SendErrorKind::NoBroker => write!(f, "no usable address of {broker} is known"),
        SendErrorKind::Connect => write!(f, "{broker} could not be connected"),
        SendErrorKind::NoRoom => write!(f, "there was no room for another request to {broker}"),
        SendErrorKind::DeadlineExpired => write!(f, "the time was over before anything was sent to {broker}"),
        SendErrorKind::ConnectionLost => write!(f, "the connection to {broker} ended"),
        SendErrorKind::Timeout => write!(f, "{broker} did not answer in time"),
        SendErrorKind::Refused => write!(f, "{broker} refused the message{}", Code(code)),
        SendErrorKind::Busy => write!(f, "{broker} is too busy{}", Code(code)),
        SendErrorKind::BrokerFailed => write!(f, "{broker} answered with an error{}", Code(code)),
        SendErrorKind::UnreadableAnswer => write!(f, "the answer of {broker} cannot be read"),
        SendErrorKind::Hook => write!(f, "a hook stopped the request to {broker}"),
        SendErrorKind::Encode => write!(f, "the request to {broker} makes no legal frame"),
        SendErrorKind::Closed => write!(f, "the producer was shut down before anything was sent to {broker}"),
        SendErrorKind::InvalidMessage
        | SendErrorKind::NoRoute
        | SendErrorKind::NoWritableQueue
        | SendErrorKind::InvalidQueue
        | SendErrorKind::NameServers => f.write_str(fact_without_broker(kind)),
    }
}

/// Says what to check or to do.
pub(super) fn for_kind(kind: SendErrorKind, code: Option<i32>, last: Option<&AttemptError>) -> &'static str {
    match last {
        Some(AttemptError::Refused { code, remark, .. }) if access::is_access_refused(*code, remark) => {
            return access::advice(remark);
        }
        #[cfg(feature = "tls")]
        Some(AttemptError::Remoting(RemotingError::Connect { source, .. }))
            if rmq_remoting::TlsError::of(source).is_some() =>
        {
            return "the cause says what to change in the settings of TLS, here or at the servers";
        }
        _ => {}
    }
    match kind {
        SendErrorKind::InvalidMessage => "correct the message",
        SendErrorKind::NoRoute => {
            "create the topic (mqadmin updateTopic), or check that the brokers run, are registered at these name servers and allow \
             autoCreateTopicEnable"
        }
        SendErrorKind::NoWritableQueue => {
            "check the topic's permission (perm 6 reads and writes) and that a master of its brokers runs"
        }
        SendErrorKind::NameServers => "check that the name servers run and can be reached from here",
        SendErrorKind::NoBroker => {
            "check that the broker runs and is registered at the name servers with brokerIP1 and listenPort"
        }
        SendErrorKind::Connect => {
            "check that the broker runs, and that the address it registers (brokerIP1, listenPort) can be reached from here"
        }
        SendErrorKind::NoRoom => {
            "the broker takes messages more slowly than they come: send fewer at a time, or raise the limit"
        }
        SendErrorKind::DeadlineExpired => "allow more time (send_timeout), or look for what keeps this process busy",
        SendErrorKind::ConnectionLost => "check whether the broker was restarted, and the network between",
        SendErrorKind::Timeout => "check the broker's load and disk, and the network between",
        SendErrorKind::Refused => for_refusal(code.map(ResponseCode)),
        SendErrorKind::Busy => "send it again later, and check the broker's load and disk",
        SendErrorKind::BrokerFailed => "the remark says what went wrong; the broker's log says more",
        SendErrorKind::UnreadableAnswer => "check what answers at this address: no known broker writes such a header",
        SendErrorKind::InvalidQueue => "name a queue of the topic (publish_queues lists them), or correct the selector",
        SendErrorKind::Hook => "the hook says why",
        SendErrorKind::Encode => "shorten the message or its properties, or raise the frame limits",
        SendErrorKind::Closed => "start a new producer",
    }
}

fn for_refusal(code: Option<ResponseCode>) -> &'static str {
    match code {
        Some(ResponseCode::TOPIC_NOT_EXIST) => {
            "create the topic (mqadmin updateTopic), or switch autoCreateTopicEnable on at the broker"
        }
        Some(ResponseCode::NO_PERMISSION) => {
            "check the access rights of this client, and that broker and topic may be written to (brokerPermission)"
        }
        Some(ResponseCode::MESSAGE_ILLEGAL) => {
            "check the sizes of body and properties against the broker's limits (maxMessageSize), and timer settings"
        }
        Some(ResponseCode::NOT_LEADER_FOR_QUEUE) => {
            "the queue has moved to another broker: send again after the next route refresh"
        }
        Some(ResponseCode::REQUEST_CODE_NOT_SUPPORTED) => {
            "check that a broker's main port listens there, not a name server"
        }
        _ => "the remark says why",
    }
}

fn fact_without_broker(kind: SendErrorKind) -> &'static str {
    match kind {
        SendErrorKind::InvalidMessage => "the message is not valid",
        SendErrorKind::InvalidQueue => "no queue was chosen",
        SendErrorKind::NoRoute => "the topic has no route",
        SendErrorKind::NoWritableQueue => "the topic has no queue that can be written to",
        SendErrorKind::NameServers => "no name server gave the topic's route",
        SendErrorKind::DeadlineExpired => "the time was over before the topic's route was known",
        SendErrorKind::NoRoom => "the producer has no room for another send",
        SendErrorKind::Hook => "a hook stopped the send",
        SendErrorKind::Closed => "the producer is shut down",
        _ => "no broker was chosen",
    }
}

/// `broker-a at 10.0.0.1:10911`
struct Broker<'a>(&'a Attempt);

impl fmt::Display for Broker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PeerText(self.0.broker_name());
        match self.0.address() {
            Some(address) => write!(f, "broker {name} at {address}"),
            None => write!(f, "broker {name}"),
        }
    }
}

/// ` with TOPIC_NOT_EXIST(17)`
struct Code(Option<i32>);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, " with {}", ResponseCode(code)),
            None => Ok(()),
        }
    }
}
