//! Outcome: what is known of a message that was not confirmed.
//!
//! Four classes, closed on purpose: whoever decides about a retry has to think of each.

use std::fmt;

/// What is known of a message whose send, or one attempt of it, failed. In doubt it is [`MaybeStored`](Self::MaybeStored).
#[allow(clippy::exhaustive_enums, reason = "closed on purpose: whoever decides about a retry must classify every case")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The broker answered that it did not store the message, and would not store it if it were asked again.
    Rejected,
    /// The broker answered that it did not store the message, and may store it later.
    Busy,
    /// No byte of the message left this process.
    NotSent,
    /// The message, or a part of it, was handed to the network, and no answer proves that it was not stored: a second send may store it
    /// twice.
    MaybeStored,
}

impl Outcome {
    /// Tells whether the message may be stored.
    #[must_use]
    pub const fn possibly_stored(self) -> bool {
        matches!(self, Self::MaybeStored)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected | Self::Busy => "it was not stored",
            Self::NotSent => "nothing was sent",
            Self::MaybeStored => "it may have been stored, so that a second send may duplicate it",
        })
    }
}
