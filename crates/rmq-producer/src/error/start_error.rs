//! StartError: why a producer did not start.
//!
//! Nothing is left behind: no task, no socket.

use rmq_message::NameError;
use rmq_remoting::ConfigError;

use crate::config::InvalidOption;
use crate::discovery::DiscoveryError;
use crate::instance::{InvalidNameServers, NameServersError};

/// A producer that did not start. No task and no socket is left behind.
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
    /// No name server answered.
    #[error(
        "no name server answered; check the addresses, that a name server runs there (its usual port is 9876) and that it can be reached from here"
    )]
    NameServers(#[from] NameServersError),
    /// `start` was called outside of a tokio runtime.
    #[error("there is no tokio runtime here: start the producer inside of one, with I/O and time enabled")]
    NoRuntime,
}
