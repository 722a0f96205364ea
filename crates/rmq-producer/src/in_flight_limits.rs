//! InFlightLimits: how many sends, and how many bytes of them, a producer holds at once.

mod options;

/// The room of a producer: sends that have begun and are not over, whatever their way, those that wait for a route or a pause among them.
///
/// A send that finds no room waits for it within its own deadline; the `try_` forms refuse at once. A message larger than all the bytes is let
/// in when no other one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias("enableBackpressureForAsyncMode", "backPressureForAsyncSendNum", "backPressureForAsyncSendSize"))]
pub struct InFlightLimits {
    sends: usize,
    bytes: usize,
}

impl InFlightLimits {
    /// Both limits; each from 1, at most 262,144 sends and fewer than 4 TiB.
    #[must_use]
    pub const fn new(sends: usize, bytes: usize) -> Self {
        Self { sends, bytes }
    }

    /// The number of sends. Default: 8,192.
    #[must_use]
    pub const fn sends(self) -> usize {
        self.sends
    }

    /// The bytes of their bodies and properties. Default: 64 MiB.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    /// What makes no sense about them.
    pub(crate) fn problem(self) -> Option<String> {
        let Self { sends, bytes } = self;
        let legal = (1..=MAX_SENDS).contains(&sends) && (1..=MAX_BYTES).contains(&bytes);
        (!legal).then(|| {
            format!("{sends} sends and {bytes} bytes are not from 1 to {MAX_SENDS} sends and {MAX_BYTES} bytes")
        })
    }
}

impl Default for InFlightLimits {
    fn default() -> Self {
        Self::new(8_192, 64 << 20)
    }
}

/// What room is counted up to.
const MAX_SENDS: usize = 1 << 18;
const MAX_BYTES: usize = if usize::BITS < 64 { usize::MAX >> 4 } else { (1 << 42) - 1 };
