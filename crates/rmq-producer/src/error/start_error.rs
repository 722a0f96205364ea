//! StartError: why a producer did not start.
//!
//! Nothing is left behind: no task, no socket, but for the second that a silent peer has to close its end.

use std::sync::Arc;

use rmq_message::NameError;
use rmq_remoting::{ConfigError, RemotingError};

use crate::config::InvalidOption;
use crate::discovery::DiscoveryError;
use crate::instance::{InvalidNameServers, NameServersError, RouteError, StartFailure};

/// A producer that did not start. No task and no socket is left behind; a connection whose peer does not close it is given up after a second.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The producer group is no legal name.
    #[error("the producer group is not valid")]
    Group(#[source] NameError),
    /// No name server was given, or what was given is no address.
    #[error("the name-server list is not usable")]
    NameServerList(#[from] InvalidNameServers),
    /// The name servers could not be looked up, or what looks them up was told what makes no sense.
    #[error("the name servers were not found")]
    Discovery(#[from] DiscoveryError),
    /// Another option makes no sense.
    #[error("an option is not valid")]
    Option(#[from] InvalidOption),
    /// An option of the transport makes no sense.
    #[error("an option of the transport is not valid")]
    Remoting(#[from] ConfigError),
    /// There are no usable credentials.
    #[cfg(feature = "acl")]
    #[error("requests cannot be signed")]
    Credentials(#[from] rmq_remoting::CredentialsError),
    /// TLS cannot be spoken with these settings.
    #[cfg(feature = "tls")]
    #[error("the settings of TLS cannot be used")]
    Tls(#[from] rmq_remoting::TlsConfigError),
    /// No name server answered.
    #[error(
        "no name server answered; check the addresses, that a name server runs there (its usual port is 9876) and that it can be reached from here"
    )]
    NameServers(#[from] NameServersError),
    /// A producer of the same client id runs with another setting, which both would share. Java: the first one wins.
    #[error(
        "producer {client_id} runs with another `{option}`: producers of one client id share it; give both the same, or this one another \
         `instance_name`"
    )]
    OtherSettings {
        /// The client id.
        client_id: Arc<str>,
        /// The option that differs, the first of them.
        option: &'static str,
    },
    /// A producer of the same group runs under the same client id.
    #[error(
        "producer {client_id} has this group already: clone that producer, or give this one another group or `instance_name`"
    )]
    GroupTaken {
        /// The client id.
        client_id: Arc<str>,
    },
    /// A producer of the same client id was about to end, and took longer than the start could wait.
    #[error("producer {client_id} has not ended yet: await its shutdown first, or start with another `instance_name`")]
    StillEnding {
        /// The client id.
        client_id: Arc<str>,
    },
    /// A topic that was to be made ready has no queue.
    #[error("topic {topic:?} cannot be made ready: it has no queue that messages could go to")]
    WarmUpRoute {
        /// The topic.
        topic: Arc<str>,
        /// Why.
        #[source]
        source: RouteError,
    },
    /// None of the brokers of a topic that was to be made ready could be connected.
    #[error(
        "topic {topic:?} cannot be made ready: none of its brokers can be connected; check that they can be reached from here"
    )]
    WarmUpBroker {
        /// The topic.
        topic: Arc<str>,
        /// What the last one said.
        #[source]
        source: RemotingError,
    },
    /// `start` was called outside of a tokio runtime.
    #[error("there is no tokio runtime here: start the producer inside of one, with I/O and time enabled")]
    NoRuntime,
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Discovery(error) => Self::Discovery(error),
            StartFailure::NameServers(error) => Self::NameServers(error),
            StartFailure::NoRuntime => Self::NoRuntime,
            StartFailure::Transport(error) => Self::Remoting(error),
            StartFailure::OtherTerms { client_id, option } => Self::OtherSettings { client_id, option },
            StartFailure::GroupTaken { client_id } => Self::GroupTaken { client_id },
            StartFailure::StillEnding { client_id } => Self::StillEnding { client_id },
            StartFailure::NoRoute { topic, source } => Self::WarmUpRoute { topic, source },
            StartFailure::NoBroker { topic, source } => Self::WarmUpBroker { topic, source },
        }
    }
}
