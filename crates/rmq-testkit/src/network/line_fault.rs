//! What happens to a connection right from its start.

use crate::script::Selection;

/// What a server does to connections it accepts from now on; without a selection, to all of them.
///
/// ```
/// use rmq_testkit::LineFault;
///
/// // The second connection from now ends after 100 bytes of answers.
/// let fault = LineFault::close_after_writing(100).nth(2);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct LineFault {
    pub(crate) stop_reading: bool,
    pub(crate) stop_writing: bool,
    pub(crate) close_after_reading: Option<u64>,
    pub(crate) close_after_writing: Option<u64>,
    pub(crate) selection: Selection<()>,
}

impl LineFault {
    const NOTHING: Self = Self {
        stop_reading: false,
        stop_writing: false,
        close_after_reading: None,
        close_after_writing: None,
        selection: Selection::ALL,
    };

    /// Accepts and closes at once.
    pub fn close() -> Self {
        Self::close_after_reading(0)
    }

    /// Closes once the server has read `bytes`.
    pub fn close_after_reading(bytes: u64) -> Self {
        Self { close_after_reading: Some(bytes), ..Self::NOTHING }
    }

    /// Closes once the server has written `bytes`.
    pub fn close_after_writing(bytes: u64) -> Self {
        Self { close_after_writing: Some(bytes), ..Self::NOTHING }
    }

    /// Accepts and never reads.
    pub fn stop_reading() -> Self {
        Self { stop_reading: true, ..Self::NOTHING }
    }

    /// Reads, executes and never writes an answer.
    pub fn stop_writing() -> Self {
        Self { stop_writing: true, ..Self::NOTHING }
    }

    /// Only the `n`-th connection from now, counted from 1; with [`times`](Self::times), that one and those after it.
    pub fn nth(mut self, n: u64) -> Self {
        self.selection.nth(n);
        self
    }

    /// At most this many connections.
    pub fn times(mut self, times: u64) -> Self {
        self.selection.times(times);
        self
    }
}
