//! Discovery: where the addresses of the name servers come from, when a fixed list will not do.
//!
//! Asked by the first producer of a client at its start, and then again and again, each time within the time of one request. A changed list
//! is taken over while everything runs; an empty or failed answer changes nothing.

mod address_service;
mod environment;
mod http_get;

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
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
    /// A [`Discovery`] of one's own panicked.
    #[error("the look-up of the name servers panicked")]
    Panicked,
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

/// What a producer asks for its name servers. Code of others runs in it: name and interval are asked for once, by the caller who gives it,
/// and a panic later is an answer that failed.
#[derive(Clone)]
pub(crate) struct Finder {
    discovery: Arc<dyn Discovery>,
    name: Arc<str>,
    interval: Option<Duration>,
}

impl Finder {
    pub(crate) fn new(discovery: impl Discovery) -> Self {
        let name = discovery.name().into();
        let interval = discovery.interval().map(|interval| interval.max(SHORTEST_INTERVAL));
        Self { discovery: Arc::new(discovery), name, interval }
    }

    /// The service at this address.
    pub(crate) fn service(url: &str, unit_name: Option<&str>) -> Self {
        let service = AddressService::new(url);
        Self::new(match unit_name {
            Some(unit_name) => service.unit_name(unit_name),
            None => service,
        })
    }

    /// Asks once.
    pub(crate) async fn find(&self, within: Duration) -> Result<NameServerList, DiscoveryError> {
        let mut asked = None;
        let answer = poll_fn(|cx| {
            let poll = || asked.get_or_insert_with(|| self.discovery.name_servers()).as_mut().poll(cx);
            // Whatever state the panic left behind goes with the future.
            catch_unwind(AssertUnwindSafe(poll)).unwrap_or(Poll::Ready(Err(DiscoveryError::Panicked)))
        });
        tokio::time::timeout(within, answer).await.unwrap_or(Err(DiscoveryError::Timeout { after: within }))
    }

    pub(crate) fn check(&self) -> Result<(), DiscoveryError> {
        self.discovery.check()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn interval(&self) -> Option<Duration> {
        self.interval
    }
}

impl PartialEq for Finder {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finder").field(&self.name).finish()
    }
}

const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
