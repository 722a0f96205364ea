//! How the body of one send is compressed: once, whatever the number of attempts, and off the runtime's threads where it is large.
//!
//! A body that cannot be compressed travels as it is, and is counted. So does, uncounted, one that would get no shorter: Java sends the longer
//! form, which brokers refuse where the body was just below the limit. One whose turn did not come in time stays as it is too: its send is over.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rmq_message::CompressionType;
use rmq_remoting::Deadline;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::spawn_blocking;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::Sender;
use crate::compression::CompressError;

/// The bytes to send and what they are.
pub(super) type Compressed = (Bytes, CompressionType);

/// On a thread of the pool for blocking work.
pub(super) struct Elsewhere;

/// Bodies that should have been compressed, and were not.
#[derive(Default)]
pub(super) struct Failures(AtomicU64);

impl Sender {
    /// Compresses a body that is long enough. `None`: it is sent as it is.
    pub(super) async fn compress(&self, body: &Bytes, deadline: Deadline) -> Option<Compressed> {
        if let Ok(compressed) = self.compress_here(body) {
            return compressed;
        }
        let (compression, length) = (self.config.compression.clone(), body.len());
        let body = body.clone();
        // Not waited for by a shutdown: it holds nothing but these bytes, and ends by itself. Dropped before its turn, it never begins.
        let working = AbortOnDropHandle::new(spawn_blocking(move || compression.compress(&body)));
        match tokio::time::timeout_at(deadline.instant(), working).await.ok()? {
            Ok(compressed) => self.compressed(compressed, length),
            // The runtime is shutting down, and this send with it.
            Err(_) => None,
        }
    }

    /// Whether a body is to be compressed.
    #[inline]
    pub(super) fn compresses(&self, body: &Bytes) -> bool {
        self.config.compression.applies_to(body.len())
    }

    /// As [`compress`](Self::compress), without waiting.
    ///
    /// # Errors
    /// The body is to be compressed elsewhere.
    pub(super) fn compress_here(&self, body: &Bytes) -> Result<Option<Compressed>, Elsewhere> {
        if !self.compresses(body) {
            return Ok(None);
        }
        if body.len() >= LARGE_BYTES && has_other_threads() {
            return Err(Elsewhere);
        }
        Ok(self.compressed(self.config.compression.compress(body), body.len()))
    }

    fn compressed(&self, outcome: Result<Option<Compressed>, CompressError>, length: usize) -> Option<Compressed> {
        let compressed = outcome.unwrap_or_else(|error| self.compression_failures.note(&error));
        compressed.filter(|(packed, _)| packed.len() < length)
    }

    /// How many bodies were sent as they were because they could not be compressed.
    pub(super) fn compression_failures(&self) -> u64 {
        self.compression_failures.0.load(Ordering::Relaxed)
    }
}

impl Failures {
    fn note(&self, error: &CompressError) -> Option<Compressed> {
        let cause = std::error::Error::source(error).map(tracing::field::display);
        warn!(%error, cause, "the body is sent as it is");
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Whether other tasks go on anyway. On a runtime of one thread a body is compressed in place, so that a client on such a runtime uses that one
/// thread and nothing else, and simulations stay in step.
fn has_other_threads() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() != RuntimeFlavor::CurrentThread)
}

/// From this length on compressing takes a millisecond or more, which is too long for a thread that others wait for.
const LARGE_BYTES: usize = 256 * 1024;
