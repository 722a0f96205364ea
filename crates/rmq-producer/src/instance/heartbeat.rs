//! Heartbeats: tell every known master which groups this client has, so that it can send requests back.
//!
//! Brokers forget a producer after 120 s, and close its connection; plain sends need no heartbeat. Every beat goes to all masters side by
//! side, each with a deadline of its own, so that a silent broker delays nobody. Besides every tick there is one at once for a master that
//! is new, or connected anew, and for all when a group has come.
//!
//! A connection on which nothing came since an unanswered beat is given up: half-open lines are found here, within 1.1 intervals.

mod farewells;
mod half_open;
mod heard;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{
    ConnectionEvent, Deadline, Endpoint, HeaderEncoding, RemotingClient, RemotingCommand, RemotingError, RequestCode,
};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::{debug, warn};

use super::broadcast;
use super::groups::{Announced, Groups};
use super::routes::Routes;
use super::ticks::Ticks;
use crate::protocol::{HeartbeatData, UnregisterClient};
use farewells::Farewells;
use half_open::Watched;
use heard::{Heard, HeardTable};

pub(super) struct Heartbeats {
    client_id: Arc<str>,
    groups: Arc<Groups>,
    remoting: RemotingClient,
    routes: Arc<Routes>,
    options: HeartbeatOptions,
    heard: HeardTable,
    farewells: Farewells,
}

#[derive(Clone, Copy)]
pub(super) struct HeartbeatOptions {
    pub(super) encoding: HeaderEncoding,
    pub(super) request_timeout: Duration,
    /// How long a broker may take to answer a beat before its connection is doubted.
    pub(super) answer_within: Duration,
    /// Whether a fingerprint stands for what a broker has heard before.
    pub(super) v2: bool,
}

/// What became of the leave-taking.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unregistered {
    pub(super) told: usize,
    pub(super) not_told: usize,
}

impl Heartbeats {
    pub(super) fn new(
        client_id: Arc<str>,
        groups: Arc<Groups>,
        remoting: RemotingClient,
        routes: Arc<Routes>,
        options: HeartbeatOptions,
    ) -> Self {
        let (heard, farewells) = (HeardTable::default(), Farewells::default());
        Self { client_id, groups, remoting, routes, options, heard, farewells }
    }

    /// Beats at every tick, and at once where something is new.
    pub(super) async fn keep_beating(self: Arc<Self>, mut ticks: Ticks) {
        let mut events = self.remoting.events();
        loop {
            let masters = tokio::select! {
                biased;
                () = ticks.tick() => self.all_masters(),
                () = self.routes.brokers_changed() => self.unheard(),
                () = self.groups.joined() => self.unheard(),
                () = self.farewells.due() => Vec::new(),
                () = connected(&mut events) => self.connected_anew(),
            };
            self.take_leave_of_owed().await;
            self.beat(masters).await;
        }
    }

    /// Takes leave of every broker that has a connection to this client, for one group; others know nothing of it any more.
    pub(super) async fn unregister(&self, group: &Arc<str>, deadline: Deadline) -> Unregistered {
        let deadline = deadline.earlier(Deadline::after(self.options.request_timeout));
        let connected = self.connected();
        let outcomes = broadcast::all(connected.iter().map(|addr| self.tell_leave(addr, group, deadline))).await;
        let told = outcomes.iter().filter(|told| **told).count();
        for (addr, _) in connected.iter().zip(outcomes).filter(|(_, told)| !told) {
            // For the task, which has more time.
            self.farewells.owe(addr, group);
            self.farewells.call();
        }
        Unregistered { told, not_told: connected.len() - told }
    }

    /// Leaves it to the task to take leave for a group. A group that a broker no longer hears of, on a connection that goes on, would make
    /// it close the connection after 120 s.
    pub(super) fn owe_farewell(&self, group: &Arc<str>) {
        for addr in self.connected() {
            self.farewells.owe(&addr, group);
        }
        self.farewells.call();
    }

    async fn take_leave_of_owed(&self) {
        let owed = self.farewells.take();
        let still = owed.into_iter().filter(|(addr, group)| {
            // Who is back is announced anew, and a connection that ended took everything along.
            !self.groups.is_announced(group) && self.remoting.connection(addr).is_some()
        });
        let still: Vec<_> = still.collect();
        let deadline = Deadline::after(self.options.request_timeout);
        let outcomes = broadcast::all(still.iter().map(|(addr, group)| self.tell_leave(addr, group, deadline))).await;
        for ((addr, group), _) in still.iter().zip(outcomes).filter(|(_, told)| !told) {
            self.farewells.owe(addr, group);
        }
    }

    async fn tell_leave(&self, addr: &Endpoint, group: &Arc<str>, deadline: Deadline) -> bool {
        let header = UnregisterClient {
            client_id: (&*self.client_id).into(),
            producer_group: Some((&**group).into()),
            consumer_group: None,
        };
        let request = RemotingCommand::request_with(RequestCode::UNREGISTER_CLIENT, &header);
        matches!(self.tell(addr, request, deadline).await, Told::Taken(_))
    }

    async fn beat(&self, masters: Vec<Endpoint>) {
        let stale: Vec<Vec<Arc<str>>> = broadcast::all(masters.iter().map(|addr| self.beat_at(addr))).await;
        for (addr, groups) in masters.iter().zip(stale) {
            for group in &groups {
                self.farewells.owe(addr, group);
                self.farewells.call();
            }
        }
    }

    /// Beats at one master, and once more on another connection if this one is dead. Returns the groups that it told of, but that have
    /// left meanwhile.
    async fn beat_at(&self, addr: &Endpoint) -> Vec<Arc<str>> {
        let mut told = Vec::new();
        for _ in 0..2 {
            // Dialled first, so that what is told is what holds when it is told.
            let dial = Deadline::after(self.options.request_timeout);
            let connection = match self.remoting.connect(addr, dial).await {
                Ok(connection) => Watched::new(connection),
                Err(error) => {
                    self.not_reached(addr, RequestCode::HEART_BEAT, &error);
                    self.heard.forget(addr);
                    break;
                }
            };
            let announced = self.groups.announced();
            if announced.groups.is_empty() {
                break;
            }
            let (body, fingerprint) = self.body(addr, connection.id(), &announced);
            let request = RemotingCommand::request_with(RequestCode::HEART_BEAT, &()).with_body(body);
            let outcome = self.tell(addr, request, Deadline::after(self.options.answer_within)).await;
            told.extend(announced.groups);
            match outcome {
                Told::Taken(answer) => {
                    let (joins, connection) = (announced.joins, connection.id());
                    let fingerprint = fingerprint.filter(|_| heard::keeps_fingerprint(&answer));
                    self.heard.insert(addr, Heard { joins, connection, fingerprint });
                    break;
                }
                Told::NoAnswer if connection.is_dead() => {
                    self.heard.insert(addr, Heard::nothing_on(connection.id()));
                    warn!(%addr, client_id = &*self.client_id, "connection is silent, it is replaced");
                    connection.give_up();
                }
                Told::NoAnswer | Told::Refused | Told::NotReached => {
                    self.heard.insert(addr, Heard::nothing_on(connection.id()));
                    break;
                }
            }
        }
        told.sort();
        told.dedup();
        told.retain(|group| !self.groups.is_announced(group));
        told
    }

    /// What is told to this master, and the fingerprint of it.
    fn body(&self, addr: &Endpoint, connection: u64, announced: &Announced) -> (Bytes, Option<i32>) {
        let mut data = HeartbeatData::of_producers(&self.client_id, announced.groups.iter().map(|group| &**group));
        if !self.options.v2 {
            return (data.to_json(), None);
        }
        data.fingerprint = data.compute_fingerprint();
        data.without_sub = self.heard.fingerprint(addr, connection) == Some(data.fingerprint);
        (data.to_json(), Some(data.fingerprint))
    }

    /// Sends one request and says what became of it.
    async fn tell(&self, addr: &Endpoint, request: RemotingCommand, deadline: Deadline) -> Told {
        let code = request.request_code();
        let request = request.with_encoding(self.options.encoding);
        match self.remoting.invoke(addr, request, deadline).await {
            Ok(answer) if answer.is_success() => {
                debug!(%addr, %code, client_id = &*self.client_id, "broker told");
                Told::Taken(answer)
            }
            Ok(answer) => {
                warn!(%addr, %code, answer = %answer.response_code(), client_id = &*self.client_id, "broker refused");
                Told::Refused
            }
            Err(error) => {
                self.not_reached(addr, code, &error);
                if matches!(error, RemotingError::Timeout { .. }) { Told::NoAnswer } else { Told::NotReached }
            }
        }
    }

    fn not_reached(&self, addr: &Endpoint, code: RequestCode, error: &RemotingError) {
        if !matches!(error, RemotingError::Closed) {
            warn!(%addr, %code, %error, client_id = &*self.client_id, "broker not reached");
        }
    }

    /// Every known master; what others have heard does not matter any more.
    fn all_masters(&self) -> Vec<Endpoint> {
        let masters = self.masters();
        self.heard.keep(&masters);
        masters
    }

    /// Every known master, each address once.
    fn masters(&self) -> Vec<Endpoint> {
        let addresses: BTreeSet<Arc<str>> = self.routes.masters().into_iter().map(|(_, address)| address).collect();
        let usable = addresses.into_iter().filter_map(|address| match Endpoint::parse(&address) {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                warn!(%error, "a route names an address that cannot be dialled");
                None
            }
        });
        usable.collect()
    }

    fn connected(&self) -> Vec<Endpoint> {
        self.masters().into_iter().filter(|addr| self.remoting.connection(addr).is_some()).collect()
    }

    /// Masters that have not heard of every group.
    fn unheard(&self) -> Vec<Endpoint> {
        let joins = self.groups.joins();
        self.masters().into_iter().filter(|addr| !self.heard.all_groups(addr, joins)).collect()
    }

    /// Masters with a connection on which nothing was tried yet.
    fn connected_anew(&self) -> Vec<Endpoint> {
        let is_new = |addr: &Endpoint| {
            self.remoting.connection(addr).is_some_and(|connection| !self.heard.on_connection(addr, connection.id()))
        };
        self.masters().into_iter().filter(is_new).collect()
    }
}

enum Told {
    Taken(RemotingCommand),
    Refused,
    /// It was sent, and nothing came back in time.
    NoAnswer,
    NotReached,
}

/// Waits for the next connection, or for so many that some were missed.
async fn connected(events: &mut Receiver<ConnectionEvent>) {
    loop {
        match events.recv().await {
            Ok(ConnectionEvent::Connected { .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The client is gone, and with it whoever waits here.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
