//! NameServers: asks one of several name servers, the next one when it fails.
//!
//! The one that answered last is asked first; each but the last gets a third of the time that is left at most, and a short dial, so that a
//! dead or silent one cannot use it up. Which servers there are is what the finder said last; a change is taken over as a whole.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rmq_remoting::{
    Deadline, Endpoint, HeaderEncoding, RemotingClient, RemotingCommand, RemotingError, RequestCode, ResponseCode,
};
use rmq_route::{RouteJsonError, TopicRouteData};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::NameServerList;
use super::ticks::Ticks;
use crate::discovery::{DiscoveryError, Finder};
use crate::protocol::GetRouteInfo;

pub(super) struct NameServers {
    finder: Finder,
    current: ArcSwap<Servers>,
    /// Told when not one of them could be reached, or none is known.
    lost: Notify,
    remoting: RemotingClient,
    encoding: HeaderEncoding,
}

/// The servers of one answer of the finder, and which of them is asked first.
#[derive(Default)]
struct Servers {
    list: Vec<Endpoint>,
    preferred: AtomicUsize,
}

impl NameServers {
    /// Knows none until it [takes](Self::take) a list.
    pub(super) fn new(finder: Finder, remoting: RemotingClient, encoding: HeaderEncoding) -> Self {
        Self { finder, current: ArcSwap::default(), lost: Notify::new(), remoting, encoding }
    }

    /// Asks where they are, and goes over to what the answer says. A failed answer changes nothing.
    async fn find(&self, within: Duration) -> Result<(), DiscoveryError> {
        let found = self.finder.find(within).await?;
        self.take(&found);
        Ok(())
    }

    pub(super) fn is_any_known(&self) -> bool {
        !self.current.load().list.is_empty()
    }

    /// Tells whether there is nothing to ask again.
    pub(super) fn is_found_for_good(&self) -> bool {
        self.finder.interval().is_none() && self.is_any_known()
    }

    /// Asks again and again: at the finder's interval, every 10 s while none is known, and early when all of them are lost.
    pub(super) async fn keep_found(self: Arc<Self>, within: Duration) {
        let mut ticks = self.finder.interval().map(|period| Ticks::every(period, Arc::clone(self.remoting.random())));
        loop {
            let asked = Instant::now();
            let nobody = !self.is_any_known();
            let early = async {
                if !nobody {
                    self.lost.notified().await;
                }
                tokio::time::sleep_until(asked + EARLIEST).await;
            };
            match &mut ticks {
                Some(ticks) => tokio::select! {
                    biased;
                    () = ticks.tick() => {}
                    () = early => {}
                },
                None if nobody => early.await,
                None => return, // the list is good for ever
            }
            if let Err(error) = self.find(within).await {
                let error = super::chain(&error);
                warn!(asked = self.finder.name(), error, "name servers were not looked up; the last list stays");
            }
        }
    }

    /// Goes over to this list. The order does not count. A random one is asked first, so that clients spread, unless the preferred one is still there.
    pub(super) fn take(&self, found: &NameServerList) {
        let old = self.current.load_full();
        let list = found.endpoints().to_vec();
        if old.list.len() == list.len() && old.list.iter().all(|server| list.contains(server)) {
            return;
        }
        let preferred = old.list.get(old.preferred.load(Ordering::Relaxed));
        let stays = preferred.and_then(|server| list.iter().position(|other| other == server));
        let random = || usize::try_from(self.remoting.random().below(list.len() as u64)).unwrap_or(0);
        let preferred = AtomicUsize::new(stays.unwrap_or_else(random));
        if !old.list.is_empty() {
            info!(name_servers = %found, "name servers changed");
        }
        for gone in old.list.iter().filter(|server| !list.contains(server)) {
            self.remoting.retire(gone);
        }
        self.current.store(Arc::new(Servers { list, preferred }));
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
        let servers = self.current.load_full();
        let mut failures = Vec::new();
        let mut untried = u32::try_from(servers.list.len()).unwrap_or(u32::MAX);
        for at in self.in_turn(&servers) {
            let server = &servers.list[at];
            match self.ask(server, topic, untried, deadline).await.and_then(&read) {
                Ok(answer) => {
                    if servers.preferred.swap(at, Ordering::Relaxed) != at {
                        warn!(addr = %server, failed = failures.len(), "another name server answered");
                    }
                    return Ok(answer);
                }
                Err(failure) => {
                    debug!(addr = %server, error = %failure, "name server failed");
                    failures.push((server.clone(), failure));
                }
            }
            untried -= 1;
        }
        let error = NameServersError { failures };
        if error.is_unreachable() {
            self.lost.notify_one();
        }
        Err(error)
    }

    /// Positions in the list from the preferred one on, those last that are not dialled for a while because they failed.
    fn in_turn(&self, servers: &Servers) -> Vec<usize> {
        let (first, count) = (servers.preferred.load(Ordering::Relaxed), servers.list.len());
        let mut turns: Vec<usize> = (0..count).map(|step| (first + step) % count).collect();
        turns.sort_by_key(|at| self.remoting.backing_off_until(&servers.list[*at]).is_some());
        turns
    }

    /// Asks one of them. While others are untried it gets at most a third of the time, and a short dial.
    async fn ask(
        &self,
        server: &Endpoint,
        topic: &str,
        untried: u32,
        deadline: Deadline,
    ) -> Result<RemotingCommand, NameServerFailure> {
        let connected = self.remoting.connection(server).map(|connection| connection.id());
        let share = match untried {
            0 | 1 => deadline,
            _ => Deadline::after(deadline.remaining() / untried.max(3)).earlier(deadline),
        };
        if untried > 1 && connected.is_none() {
            let dial = Deadline::after(SHORT_DIAL).earlier(share);
            self.remoting.connect(server, dial).await.map_err(NameServerFailure::Remoting)?;
        }
        let request = RemotingCommand::request_with(RequestCode::GET_ROUTEINFO_BY_TOPIC, &GetRouteInfo::of(topic))
            .with_encoding(self.encoding);
        let asked = self.remoting.invoke(server, request, share).await;
        if let Err(RemotingError::Timeout { .. }) = &asked {
            // The connection may be half open, which nothing else would notice: the next request goes over a new one.
            let same = self.remoting.connection(server).filter(|now| Some(now.id()) == connected);
            if let Some(connection) = same {
                connection.retire();
            }
        }
        asked.map_err(NameServerFailure::Remoting)
    }
}

/// No name server gave a usable answer: what each of them said, in the order asked. None was asked while none was found.
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
        if self.failures.is_empty() {
            return f.write_str("no name server is known yet");
        }
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

/// A name server whose dial takes longer is passed over while there are others.
const SHORT_DIAL: Duration = Duration::from_millis(500);
/// The least time between two look-ups of the list.
const EARLIEST: Duration = Duration::from_secs(10);
