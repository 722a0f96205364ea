//! Brokers: how a task reaches a broker by its name.

use std::future::Future;
use std::sync::Arc;

use rmq_remoting::{Deadline, Endpoint, Random, RemotingClient, RemotingCommand, RemotingError};

use super::routes::Routes;
use super::tasks::Tasks;

/// What a task of the producer needs of the instance; it does not keep the instance alive.
#[derive(Clone)]
pub(crate) struct Brokers {
    pub(super) remoting: RemotingClient,
    pub(super) routes: Arc<Routes>,
    pub(super) tasks: Tasks,
    pub(super) vip_channel: bool,
}

impl Brokers {
    /// Returns the address of a broker's master to which messages go, if a route names one.
    pub(crate) fn master(&self, broker_name: &str) -> Option<Endpoint> {
        self.routes.master(broker_name, self.vip_channel).ok().flatten()
    }

    /// Returns any topic in use.
    pub(crate) fn any_topic(&self) -> Option<Arc<str>> {
        self.routes.any_topic()
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(
        &self,
        to: &Endpoint,
        request: RemotingCommand,
        deadline: Deadline,
    ) -> Result<RemotingCommand, RemotingError> {
        self.remoting.invoke(to, request, deadline).await
    }

    pub(crate) fn random(&self) -> &Arc<Random> {
        self.remoting.random()
    }

    /// Starts a task that ends with the producer.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}
