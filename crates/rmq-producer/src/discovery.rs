//! Discovery: where the addresses of the name servers come from, when a fixed list will not do.
//!
//! Asked at start and then again and again, each time within the time of one request. A changed list is taken over while everything runs;
//! an empty or failed answer changes nothing.

mod address_service;
mod environment;
mod http_get;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{BoxFuture, Endpoint};

use crate::instance::{InvalidNameServers, NameServerList};
pub use address_service::{AddressService, InvalidAddressService};
pub use environment::NameServerEnvironment;
pub use http_get::HttpError;

/// Finds name servers. Give one to [`ProducerBuilder::discovery`](crate::ProducerBuilder::discovery), where no fixed list is known: an
/// [`AddressService`] as Java's clients ask it, or your own look-up of Consul, Kubernetes or a file.
///
/// # Examples
/// ```
/// use rmq_producer::{BoxFuture, Discovery, DiscoveryError, NameServerList};
///
/// /// One address in each line of a file.
/// struct HostsFile(std::path::PathBuf);
///
/// impl Discovery for HostsFile {
///     fn name(&self) -> String {
///         format!("file {}", self.0.display())
///     }
///
///     fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>> {
///         Box::pin(async move {
///             let text = std::fs::read_to_string(&self.0).map_err(DiscoveryError::own)?;
///             Ok(NameServerList::parse(&text)?)
///         })
///     }
/// }
/// ```
#[doc(alias("TopAddressing", "DefaultTopAddressing", "NsResolver"))]
pub trait Discovery: Send + Sync + 'static {
    /// Says what it asks, for logs. Two of the same name are taken for the same.
    fn name(&self) -> String;

    /// Finds the addresses as of now. The future is dropped when it takes longer than
    /// [`api_timeout`](crate::ProducerBuilder::api_timeout).
    fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>>;

    /// How long to wait between two calls. Default: 2 minutes, as in Java; never below a second. `None`: the first answer is good for ever.
    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_secs(120))
    }

    /// Checks what it was told, before anything is sent.
    ///
    /// # Errors
    /// It makes no sense.
    fn check(&self) -> Result<(), DiscoveryError> {
        Ok(())
    }
}

impl<T: Discovery + ?Sized> Discovery for Arc<T> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>> {
        (**self).name_servers()
    }

    fn interval(&self) -> Option<Duration> {
        (**self).interval()
    }

    fn check(&self) -> Result<(), DiscoveryError> {
        (**self).check()
    }
}

/// A fixed list needs no looking for.
impl Discovery for NameServerList {
    fn name(&self) -> String {
        let mut servers: Vec<&str> = self.endpoints().iter().map(Endpoint::as_str).collect();
        servers.sort_unstable();
        servers.join(";")
    }

    fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }

    fn interval(&self) -> Option<Duration> {
        None
    }
}

/// Why name servers were not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The address of the service makes no sense.
    #[error("the address service is not usable")]
    Address(#[from] InvalidAddressService),
    /// The service could not be asked, or its answer is none.
    #[error("the address service gave no answer")]
    Http(#[from] HttpError),
    /// What was found is no list of addresses.
    #[error("what was found is no list of name servers")]
    List(#[from] InvalidNameServers),
    /// It took too long.
    #[error("no answer within {after:?}")]
    Timeout {
        /// The time it had.
        after: Duration,
    },
    /// What a [`Discovery`] of one's own says.
    #[error("the name servers could not be looked up")]
    Own(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DiscoveryError {
    /// Wraps an error of one's own.
    pub fn own(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Own(error.into())
    }
}

/// What a producer asks for its name servers.
#[derive(Clone)]
pub(crate) struct Finder(Arc<dyn Discovery>);

impl Finder {
    pub(crate) fn new(discovery: impl Discovery) -> Self {
        Self(Arc::new(discovery))
    }

    pub(crate) fn service(url: &str, unit_name: Option<&str>) -> Self {
        let service = AddressService::new(url);
        Self::new(match unit_name {
            Some(unit_name) => service.unit_name(unit_name),
            None => service,
        })
    }

    /// Asks once.
    pub(crate) async fn find(&self, within: Duration) -> Result<NameServerList, DiscoveryError> {
        match tokio::time::timeout(within, self.0.name_servers()).await {
            Ok(found) => found,
            Err(_) => Err(DiscoveryError::Timeout { after: within }),
        }
    }

    pub(crate) fn check(&self) -> Result<(), DiscoveryError> {
        self.0.check()
    }

    pub(crate) fn name(&self) -> String {
        self.0.name()
    }

    pub(crate) fn interval(&self) -> Option<Duration> {
        self.0.interval().map(|interval| interval.max(SHORTEST_INTERVAL))
    }
}

impl PartialEq for Finder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.name() == other.name()
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finder").field(&self.name()).finish()
    }
}

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
