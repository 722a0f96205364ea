//! Warming up: routes looked up and brokers connected before the first send needs them.
//!
//! A topic is ready once it has a queue and one of its brokers is connected; brokers that cannot be reached are left to the sends, which
//! know how to do without.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Deadline, Endpoint, RemotingError};
use rmq_route::TopicRoute;
use tracing::debug;

use super::lifecycle::StartFailure;
use super::{ClientInstance, broadcast};

impl ClientInstance {
    /// Makes topics ready, all at once; each look-up and each connection may take so long.
    ///
    /// # Cancel safety
    /// Dropped early, what is known and connected by then stays so.
    pub(super) async fn warm_up(
        &self,
        topics: &[Arc<str>],
        vip_channel: bool,
        each: Duration,
    ) -> Result<(), StartFailure> {
        let outcomes = broadcast::all(topics.iter().map(|topic| self.make_ready(topic, vip_channel, each))).await;
        outcomes.into_iter().collect()
    }

    async fn make_ready(&self, topic: &Arc<str>, vip_channel: bool, each: Duration) -> Result<(), StartFailure> {
        let found = self.routes.find(topic, Deadline::after(each)).await;
        let route = found.map_err(|source| StartFailure::NoRoute { topic: Arc::clone(topic), source })?;
        let deadline = Deadline::after(each);
        let dialled = broadcast::all(self.brokers_of(&route, vip_channel).into_iter().map(|addr| async move {
            let connected = self.remoting.connect(&addr, deadline).await;
            connected.map(drop).inspect_err(|error| debug!(%addr, %error, "not connected in advance"))
        }))
        .await;
        one_of(dialled).map_err(|source| StartFailure::NoBroker { topic: Arc::clone(topic), source })
    }

    fn brokers_of(&self, route: &TopicRoute, vip_channel: bool) -> Vec<Endpoint> {
        let names: BTreeSet<&str> = route.publish.queues().iter().map(|queue| &**queue.broker_name()).collect();
        names.into_iter().filter_map(|name| self.routes.master(name, vip_channel).ok().flatten()).collect()
    }
}

/// Succeeds if any did, or if there was nothing to do.
fn one_of(outcomes: Vec<Result<(), RemotingError>>) -> Result<(), RemotingError> {
    let any = outcomes.iter().any(Result::is_ok);
    outcomes.into_iter().filter(|_| !any).collect()
}
