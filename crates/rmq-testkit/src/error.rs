//! Why a cluster could not be started.

use std::io;

/// A cluster that could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A name server or broker could not listen.
    #[error("{server} cannot listen on {address}")]
    Listen {
        /// Name of the server.
        server: String,
        /// Where it was to listen.
        address: String,
        /// Why it cannot.
        #[source]
        source: io::Error,
    },
    /// An option makes no sense.
    #[error("{problem}")]
    Option {
        /// Which one, and why.
        problem: String,
    },
}
