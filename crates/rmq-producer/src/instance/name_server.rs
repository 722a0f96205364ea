//! NameServers: asks one of several name servers, the next one when it fails.
//!
//! The one that answered last is asked first; each gets at most a fair share of the time that is left, so that a silent one cannot use
//! it up.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmq_remoting::{
    Deadline, Endpoint, HeaderEncoding, RemotingClient, RemotingCommand, RemotingError, RequestCode, ResponseCode,
};
use rmq_route::{RouteJsonError, TopicRouteData};
use tracing::{debug, warn};

use super::NameServerList;
use crate::protocol::GetRouteInfo;

pub(super) struct NameServers {
    list: NameServerList,
    preferred: AtomicUsize,
    remoting: RemotingClient,
    encoding: HeaderEncoding,
}

impl NameServers {
    /// Starts with a random one, so that clients spread.
    pub(super) fn new(list: NameServerList, remoting: RemotingClient, encoding: HeaderEncoding) -> Self {
        let first = remoting.random().below(list.endpoints().len() as u64);
        Self { list, preferred: AtomicUsize::new(usize::try_from(first).unwrap_or(0)), remoting, encoding }
    }

    /// Asks for a topic's route. `None`: a name server answered that it knows none.
    pub(super) async fn route(
        &self,
        topic: &str,
        deadline: Deadline,
    ) -> Result<Option<TopicRouteData>, NameServersError> {
        self.first_that(topic, deadline, |mut answer| match answer.response_code() {
            ResponseCode::SUCCESS => {
                TopicRouteData::from_json(&answer.take_body()).map(Some).map_err(NameServerFailure::Unreadable)
            }
            ResponseCode::TOPIC_NOT_EXIST => Ok(None),
            code => Err(NameServerFailure::refused(code, &answer)),
        })
        .await
    }

    /// Finds out whether any of them answers; what it answers about `topic` does not matter.
    pub(super) async fn check(&self, topic: &str, deadline: Deadline) -> Result<(), NameServersError> {
        self.first_that(topic, deadline, |answer| match answer.response_code() {
            // A broker says so: the address is that of another kind of server.
            code @ ResponseCode::REQUEST_CODE_NOT_SUPPORTED => Err(NameServerFailure::refused(code, &answer)),
            _ => Ok(()),
        })
        .await
    }

    async fn first_that<T: Send>(
        &self,
        topic: &str,
        deadline: Deadline,
        read: impl Fn(RemotingCommand) -> Result<T, NameServerFailure> + Send + Sync,
    ) -> Result<T, NameServersError> {
        let servers = self.list.endpoints();
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for step in 0..servers.len() {
            let at = (first + step) % servers.len();
            let untried = u32::try_from(servers.len() - step).unwrap_or(u32::MAX);
            let share = Deadline::after(deadline.remaining() / untried).earlier(deadline);
            match self.ask(&servers[at], topic, share).await.and_then(&read) {
                Ok(answer) => {
                    if step > 0 {
                        self.preferred.store(at, Ordering::Relaxed);
                        warn!(addr = %servers[at], passed_over = step, "another name server answered");
                    }
                    return Ok(answer);
                }
                Err(failure) => {
                    debug!(addr = %servers[at], error = %failure, "name server failed");
                    failures.push((servers[at].clone(), failure));
                }
            }
        }
        Err(NameServersError { failures })
    }

    async fn ask(
        &self,
        server: &Endpoint,
        topic: &str,
        deadline: Deadline,
    ) -> Result<RemotingCommand, NameServerFailure> {
        let request = RemotingCommand::request_with(RequestCode::GET_ROUTEINFO_BY_TOPIC, &GetRouteInfo::of(topic))
            .with_encoding(self.encoding);
        self.remoting.invoke(server, request, deadline).await.map_err(NameServerFailure::Remoting)
    }
}

/// No name server gave a usable answer: what each of them said, in the order asked.
#[derive(Debug)]
pub struct NameServersError {
    failures: Vec<(Endpoint, NameServerFailure)>,
}

impl NameServersError {
    /// Returns the name servers asked, and why each was of no use.
    #[must_use]
    pub fn failures(&self) -> &[(Endpoint, NameServerFailure)] {
        &self.failures
    }

    /// Tells whether not one of them could be reached.
    pub(super) fn is_unreachable(&self) -> bool {
        self.failures.iter().all(|(_, failure)| matches!(failure, NameServerFailure::Remoting(_)))
    }
}

impl fmt::Display for NameServersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.failures.len() == 1 { "" } else { "s" };
        write!(f, "no usable answer from name server{plural} ")?;
        for (n, (addr, _)) in self.failures.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            addr.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for NameServersError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failures.last().map(|(_, failure)| failure as &(dyn std::error::Error + 'static))
    }
}

/// Why one name server was of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameServerFailure {
    /// It was not reached, or did not answer in time.
    #[error(transparent)]
    Remoting(RemotingError),
    /// It answered with an error.
    #[error("it answered {code}: {remark:?}")]
    Refused {
        /// Its code. `REQUEST_CODE_NOT_SUPPORTED` says that it is another kind of server, a broker for example.
        code: ResponseCode,
        /// Its remark, cut.
        remark: String,
    },
    /// Its answer is no route.
    #[error("its answer is no route")]
    Unreadable(#[source] RouteJsonError),
}

impl NameServerFailure {
    fn refused(code: ResponseCode, answer: &RemotingCommand) -> Self {
        const SHOWN: usize = 256;
        Self::Refused { code, remark: answer.remark().unwrap_or_default().chars().take(SHOWN).collect() }
    }
}
