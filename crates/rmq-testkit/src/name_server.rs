//! One name server of a cluster: routes, made anew for each question from what the brokers have.

mod json;
mod route;
mod topology;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{RemotingCommand, RequestCode, ResponseCode};

pub use self::route::Route;
pub(crate) use self::topology::{RouteAnswer, Topology};
use crate::fields::Fields;
use crate::network::{Dialing, Line, LineFault};
use crate::recorder::RecordedRequest;
use crate::script::{Fault, FaultHandle};
use crate::server::{Caller, Outcome, Server, Verbs, controls};
use crate::voice::{Refusal, Voice};

/// One name server of a [`TestCluster`](crate::TestCluster). Cheap to clone.
#[derive(Clone)]
pub struct NameServer {
    pub(crate) server: Arc<Server<NameServerCore>>,
    pub(crate) dialing: Arc<Dialing>,
}

controls!(NameServer);

impl NameServer {
    /// Kills the name server: connections are reset, dials refused.
    ///
    /// # Cancel safety
    /// Has no effect before its first poll, and is done after it.
    pub async fn kill(&self) {
        self.server.door.shut();
        tokio::task::yield_now().await;
    }

    /// Starts a killed name server again at its old address. Without effect on one that runs.
    ///
    /// # Errors
    /// Its port was taken meanwhile.
    ///
    /// # Cancel safety
    /// Has no effect before its first poll, and is done after it.
    pub async fn restart(&self) -> io::Result<()> {
        self.server.door.reopen()?;
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Stops its process as SIGSTOP does: dials succeed, nothing is read, written or answered.
    pub fn freeze(&self) {
        self.server.door.freeze(true);
    }

    /// Lets a frozen name server go on.
    pub fn resume(&self) {
        self.server.door.freeze(false);
    }
}

impl fmt::Debug for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameServer").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A name server without its connections.
#[derive(Debug)]
pub(crate) struct NameServerCore {
    pub(crate) voice: Voice,
    pub(crate) topology: Arc<Topology>,
}

impl Verbs for NameServerCore {
    fn execute(self: &Arc<Self>, _: &Caller, request: &RemotingCommand) -> Outcome {
        match request.request_code() {
            RequestCode::GET_ROUTEINFO_BY_TOPIC => Outcome::Answer(self.route(request)),
            RequestCode::GET_BROKER_CLUSTER_INFO => {
                let body = json::cluster(&self.topology.brokers(), &self.topology.cluster, self.voice.dialect);
                Outcome::Answer(self.voice.answer(request, ResponseCode::SUCCESS).with_body(body))
            }
            RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER => {
                let body = json::topics(&self.topology.topics());
                Outcome::Answer(self.voice.answer(request, ResponseCode::SUCCESS).with_body(body))
            }
            _ if self.voice.dialect.name_server_answers_unknown_codes() => {
                Outcome::Answer(self.voice.unknown_code(request))
            }
            _ => Outcome::Silence,
        }
    }

    fn refusal(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand {
        match code {
            ResponseCode::SYSTEM_BUSY | ResponseCode::GO_AWAY => self.voice.own_answer(request, code),
            _ => self.voice.answer(request, code),
        }
    }
}

impl NameServerCore {
    fn route(&self, request: &RemotingCommand) -> RemotingCommand {
        let dialect = self.voice.dialect;
        let fields = Fields::of(request, dialect, "GetRouteInfoRequestHeader");
        let topic = fields.text("topic").unwrap_or("null");
        let standard_only = fields.boolean("acceptStandardJsonOnly").unwrap_or(false);
        let body = match self.topology.route(topic) {
            Some(RouteAnswer::Route(route)) => {
                Some(json::route(&route, dialect, dialect.writes_standard_route(request.version(), standard_only)))
            }
            Some(RouteAnswer::Text(text)) => Some(text),
            None => None,
        };
        match body {
            Some(body) => self.voice.answer(request, ResponseCode::SUCCESS).with_body(body),
            None => self.voice.refuse(
                request,
                Refusal::new(
                    ResponseCode::TOPIC_NOT_EXIST,
                    format!("No topic route info in name server for the topic: {topic}{}", dialect.see()),
                ),
            ),
        }
    }
}
