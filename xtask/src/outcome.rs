//! How a check ended when it did not fail: done, or skipped with its reason.
//!
//! A skip is never shown as a success: it gets its own line, `SKIPPED name: why`, wherever it happens.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds; the text is what the table shows beside it, and may be empty.
    Done(String),
    /// It could not be looked at, for this reason.
    Skipped(String),
}

impl Outcome {
    pub(crate) fn done() -> Self {
        Self::Done(String::new())
    }

    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::Done(text.into())
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}
