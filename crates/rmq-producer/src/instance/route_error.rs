//! RouteError: why a topic has no queue to send to.
//!
//! One look-up serves many waiting sends, so it can be cloned.

use std::sync::Arc;

use rmq_message::NameError;

use super::name_server::NameServersError;

/// Why a topic's queues are not known.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The topic is no legal name.
    #[error("the topic is not valid")]
    Topic(#[from] NameError),
    /// The name server knows neither the topic nor the default topic, from which brokers would create it.
    #[error("the name server knows neither topic {topic:?} nor the default topic {default_topic:?}")]
    NoRoute {
        /// The topic.
        topic: Arc<str>,
        /// What else was asked for.
        default_topic: Arc<str>,
    },
    /// The topic has a route, but none of its brokers has a master and a queue that can be written to.
    #[error("the route of topic {topic:?} has no queue that can be written to")]
    NoWritableQueue {
        /// The topic.
        topic: Arc<str>,
    },
    /// No name server gave a usable answer.
    #[error("the route of topic {topic:?} could not be asked for")]
    NameServers {
        /// The topic.
        topic: Arc<str>,
        /// What each of them said.
        #[source]
        source: Arc<NameServersError>,
    },
    /// The caller's time was over before the answer came.
    #[error("the time was over before the route of topic {topic:?} was known")]
    DeadlineExpired {
        /// The topic.
        topic: Arc<str>,
    },
    /// The client is shut down.
    #[error("the client is shut down")]
    Closed,
}

impl RouteError {
    /// The same of a topic under another name: the one by which the caller knows it.
    pub(crate) fn of_topic(mut self, name: &Arc<str>) -> Self {
        match &mut self {
            Self::NoRoute { topic, .. }
            | Self::NoWritableQueue { topic }
            | Self::NameServers { topic, .. }
            | Self::DeadlineExpired { topic } => *topic = Arc::clone(name),
            Self::Topic(_) | Self::Closed => {}
        }
        self
    }
}
