//! Counters of everything that is dropped, late or otherwise invisible to a caller.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of a client or server since it was made; a plain copy.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct RemotingStats { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)* }

        impl Counters {
            pub(crate) fn snapshot(&self) -> RemotingStats {
                RemotingStats { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections opened.
    connections_opened,
    /// Connections that ended.
    connections_ended,
    /// Dials that failed.
    dials_failed,
    /// Requests that were sent once more over a new connection because their server was going away.
    calls_moved,
    /// Answers that came after their caller had left.
    late_answers,
    /// Answers that nobody ever asked for, answers to oneway requests among them.
    unknown_answers,
    /// Requests from the peer that were handed to a processor.
    requests_served,
    /// Requests from the peer that were refused because too many were being worked on.
    requests_dropped,
    /// Requests from the peer with a code that has no processor.
    requests_unknown,
    /// Processors that panicked.
    processor_panics,
    /// Answers of processors that could not be sent.
    answers_lost,
    /// Write calls to the kernel or transport.
    writes,
    /// Read calls that brought bytes.
    reads,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}
