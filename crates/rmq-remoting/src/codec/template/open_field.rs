//! OpenField: a field of a template that is left open, and what mostly stands in it.

/// A field of a [`RequestTemplate`](crate::RequestTemplate) whose value differs from request to request. A plain name is one that may hold
/// anything.
///
/// Where it is said how its values mostly look, a place of their width is kept for them, which makes a request quicker to write. Other values
/// are as good, only slower. A template has places for one time and one stamped field, if they are its first ones, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenField {
    /// A field that may hold anything.
    Any(&'static str),
    /// Mostly a time of our days, in milliseconds since 1970.
    Millis(&'static str),
    /// Mostly a [`FieldValue::Stamped`](crate::FieldValue::Stamped): a text that begins as the template's request has it, goes on with a stamp
    /// of twelve digits and one character, and ends as it likes.
    Stamped {
        /// Of the field.
        name: &'static str,
        /// What stands behind the stamp.
        behind: char,
    },
}

impl OpenField {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Any(name) | Self::Millis(name) | Self::Stamped { name, .. } => name,
        }
    }
}

impl From<&'static str> for OpenField {
    fn from(name: &'static str) -> Self {
        Self::Any(name)
    }
}
