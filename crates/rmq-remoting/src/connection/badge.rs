//! Badge: whose a request is, where several share the connections, and whether that one has ended.
//!
//! Its end is told before any connection is looked at, and requests look at it under the lock of theirs: so each request is either there to
//! be cut off, or refused.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::error::RemotingError;

pub(crate) struct Badge {
    number: NonZeroU32,
    ended: AtomicBool,
    /// For who waits for something before its request is on the wire.
    over: CancellationToken,
}

impl Badge {
    /// One with a number that no other one of the same client has.
    pub(crate) fn new(number: NonZeroU32) -> Self {
        Self { number, ended: AtomicBool::new(false), over: CancellationToken::new() }
    }

    #[inline]
    pub(super) fn number(&self) -> NonZeroU32 {
        self.number
    }

    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// From now on nothing is put on any connection with it.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Ends the waits that are not about a connection, too.
    pub(crate) fn end_waits(&self) {
        self.over.cancel();
    }

    /// Waits for `work`, which comes to a request with it, but not beyond its end.
    pub(crate) async fn unless_ended<T>(
        badge: Option<&Self>,
        work: impl Future<Output = Result<T, RemotingError>>,
    ) -> Result<T, RemotingError> {
        match badge {
            None => work.await,
            Some(badge) => {
                tokio::select! {
                    biased;
                    () = badge.over.cancelled() => Err(RemotingError::Closed),
                    outcome = work => outcome,
                }
            }
        }
    }
}
