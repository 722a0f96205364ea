//! Heartbeats: tell every known master who this client is, so that it can send requests back.
//!
//! Brokers forget a producer after 120 s, and close its connection; plain sends need no heartbeat. Every beat goes to all masters side by
//! side, each with a deadline of its own, so that a silent broker delays nobody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rmq_remoting::{Deadline, Endpoint, HeaderEncoding, RemotingClient, RemotingCommand, RemotingError, RequestCode};
use tracing::{debug, warn};

use super::broadcast;
use super::routes::Routes;
use super::ticks::Ticks;
use crate::protocol::{HeartbeatData, UnregisterClient};

pub(super) struct Heartbeats {
    client_id: Arc<str>,
    producer_group: Arc<str>,
    body: Bytes,
    remoting: RemotingClient,
    routes: Arc<Routes>,
    encoding: HeaderEncoding,
    request_timeout: Duration,
    /// Masters that took the last beat.
    reached: Mutex<BTreeSet<Arc<str>>>,
}

/// What became of the leave-taking.
pub(super) struct Unregistered {
    pub(super) told: usize,
    pub(super) not_told: usize,
}

impl Heartbeats {
    pub(super) fn new(
        client_id: Arc<str>,
        producer_group: Arc<str>,
        remoting: RemotingClient,
        routes: Arc<Routes>,
        encoding: HeaderEncoding,
        request_timeout: Duration,
    ) -> Self {
        let body = HeartbeatData::of_producers(&client_id, [&*producer_group]).to_json();
        let reached = Mutex::default();
        Self { client_id, producer_group, body, remoting, routes, encoding, request_timeout, reached }
    }

    /// Beats at every tick, and at once for masters that came or moved.
    pub(super) async fn keep_beating(self: Arc<Self>, mut ticks: Ticks) {
        loop {
            tokio::select! {
                biased;
                () = ticks.tick() => self.beat(self.masters()).await,
                () = self.routes.brokers_changed() => self.beat(self.new_masters()).await,
            }
        }
    }

    /// Takes leave of every broker that has a connection to this client; others know nothing of it any more.
    pub(super) async fn unregister(&self, deadline: Deadline) -> Unregistered {
        let header = UnregisterClient {
            client_id: (&*self.client_id).into(),
            producer_group: Some((&*self.producer_group).into()),
            consumer_group: None,
        };
        let connected = self.masters().into_iter().filter(|addr| self.remoting.connection(addr).is_some());
        let deadline = deadline.earlier(Deadline::after(self.request_timeout));
        let outcomes = broadcast::all(connected.map(|addr| {
            let request = RemotingCommand::request_with(RequestCode::UNREGISTER_CLIENT, &header);
            self.tell(addr, request.with_encoding(self.encoding), deadline)
        }))
        .await;
        let told = outcomes.iter().filter(|told| **told).count();
        Unregistered { told, not_told: outcomes.len() - told }
    }

    async fn beat(&self, masters: Vec<Endpoint>) {
        let deadline = Deadline::after(self.request_timeout);
        let outcomes = broadcast::all(masters.iter().map(|addr| {
            let request = RemotingCommand::request_with(RequestCode::HEART_BEAT, &()).with_body(self.body.clone());
            self.tell(addr.clone(), request.with_encoding(self.encoding), deadline)
        }))
        .await;
        let mut reached = self.reached.lock();
        for (addr, told) in masters.iter().zip(outcomes) {
            if told {
                reached.insert(Arc::clone(addr.as_shared()));
            } else {
                reached.remove(addr.as_shared());
            }
        }
    }

    /// Sends one request and says whether it was taken.
    async fn tell(&self, addr: Endpoint, request: RemotingCommand, deadline: Deadline) -> bool {
        let code = request.request_code();
        match self.remoting.invoke(&addr, request, deadline).await {
            Ok(answer) if answer.is_success() => {
                debug!(%addr, %code, client_id = &*self.client_id, "broker told");
                true
            }
            Ok(answer) => {
                warn!(%addr, %code, answer = %answer.response_code(), client_id = &*self.client_id, "broker refused");
                false
            }
            Err(RemotingError::Closed) => false,
            Err(error) => {
                warn!(%addr, %code, %error, client_id = &*self.client_id, "broker not reached");
                false
            }
        }
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

    fn new_masters(&self) -> Vec<Endpoint> {
        let masters = self.masters();
        let reached = self.reached.lock();
        masters.into_iter().filter(|addr| !reached.contains(addr.as_shared())).collect()
    }
}
