//! Questions that a producer does not ask: a topic's whole route, and where a queue ends.
//!
//! Every failure is one sentence that says what to check.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rmq_producer::namespace::Namespace;
use rmq_producer::{NameServerList, ProducerConfig};
use rmq_remoting::{Deadline, Endpoint, RemotingClient, RemotingCommand, RequestCode, ResponseCode};
use rmq_route::TopicRouteData;

use crate::access;
use crate::cure::{self, Trouble};

pub(crate) struct LookUp {
    remoting: RemotingClient,
    name_servers: NameServerList,
    /// Topics are asked for by their names in it.
    namespace: Namespace,
    timeout: Duration,
}

impl LookUp {
    /// `timeout`: for each question.
    pub(crate) fn new(config: &ProducerConfig, timeout: Duration) -> anyhow::Result<Self> {
        let name_servers = NameServerList::parse(&config.name_servers);
        let name_servers = name_servers.map_err(|error| anyhow!(cure::of_list(&error)))?;
        let namespace = Namespace::v1(config.namespace.as_deref().unwrap_or_default());
        Ok(Self { remoting: access::remoting(config)?, name_servers, namespace, timeout })
    }

    /// Asks the name servers, one after the other, until one knows the topic.
    pub(crate) async fn route(&self, topic: &str) -> anyhow::Result<TopicRouteData> {
        let servers = self.name_servers.endpoints();
        let deadline = Deadline::from(self.timeout);
        let mut troubles = Vec::new();
        let mut unknown = false;
        for (at, server) in servers.iter().enumerate() {
            // A silent server leaves time for the others.
            let untried = u32::try_from(servers.len() - at).unwrap_or(u32::MAX);
            match self.route_from(server, topic, deadline.remaining() / untried).await {
                Ok(Some(route)) => return Ok(route),
                Ok(None) => unknown = true,
                Err(trouble) => troubles.push((server, trouble)),
            }
        }
        Err(anyhow!(if unknown { cure::no_route(topic) } else { cure::name_servers(troubles) }))
    }

    async fn route_from(
        &self,
        server: &Endpoint,
        topic: &str,
        timeout: Duration,
    ) -> Result<Option<TopicRouteData>, Trouble> {
        let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
            .with_field("topic", self.namespace.wrap(topic));
        let answer = self.remoting.invoke(server, request, timeout).await.map_err(|error| Trouble::of(&error))?;
        match answer.response_code() {
            ResponseCode::SUCCESS => {
                let route = TopicRouteData::from_json(answer.body());
                route.map(Some).map_err(|error| Trouble::OtherServer(cure::chain(&error)))
            }
            ResponseCode::TOPIC_NOT_EXIST => Ok(None),
            code @ ResponseCode::REQUEST_CODE_NOT_SUPPORTED => Err(Trouble::wrong_kind(code)),
            code => Err(Trouble::Other(format!("it answered {code}: {:?}", answer.remark().unwrap_or_default()))),
        }
    }

    /// Asks a broker for the offset that the next message of a queue will get.
    pub(crate) async fn end_of_queue(&self, broker: &Endpoint, topic: &str, queue_id: i32) -> anyhow::Result<i64> {
        let request = RemotingCommand::request(RequestCode::GET_MAX_OFFSET)
            .with_field("topic", self.namespace.wrap(topic))
            .with_field("queueId", queue_id.to_string());
        let answer = self.remoting.invoke(broker, request, self.timeout).await?;
        if !answer.is_success() {
            anyhow::bail!("{broker} answered {}", answer.response_code());
        }
        let offset = answer.field("offset").and_then(|offset| offset.parse().ok());
        offset.with_context(|| format!("{broker} answered without an offset"))
    }

    pub(crate) async fn close(self) {
        self.remoting.shutdown(Duration::ZERO).await;
    }
}
