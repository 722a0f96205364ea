//! CommandHeader: a typed header and the ext fields it travels as.
//!
//! Values are text on the wire, numbers and booleans too; a header that cannot be read names the field at fault.

use std::borrow::Cow;

use crate::ExtFields;

/// The typed header of one kind of request or response.
///
/// The code it travels under is not part of it: several codes share a header.
///
/// ```
/// use rmq_remoting::{CommandHeader, ExtFields, HeaderError, RemotingCommand, RequestCode};
///
/// struct GetRoute {
///     topic: String,
/// }
///
/// impl CommandHeader for GetRoute {
///     fn encode(&self, fields: &mut ExtFields) {
///         fields.set("topic", &self.topic);
///     }
///     fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
///         Ok(Self { topic: fields.require("topic")?.to_owned() })
///     }
/// }
///
/// let header = GetRoute { topic: "orders".into() };
/// let request = RemotingCommand::request_with(RequestCode::GET_ROUTEINFO_BY_TOPIC, &header);
/// assert_eq!(request.field("topic"), Some("orders"));
/// assert_eq!(request.header::<GetRoute>()?.topic, "orders");
/// # Ok::<(), HeaderError>(())
/// ```
#[doc(alias = "CommandCustomHeader")]
pub trait CommandHeader: Sized {
    /// Writes every value that is present into `fields`.
    fn encode(&self, fields: &mut ExtFields);

    /// Reads the header from `fields`; unknown fields are ignored.
    ///
    /// # Errors
    /// [`HeaderError`] for a missing or unreadable field.
    fn decode(fields: &ExtFields) -> Result<Self, HeaderError>;
}

/// The header without fields; it travels as an empty map.
impl CommandHeader for () {
    fn encode(&self, _: &mut ExtFields) {}

    fn decode(_: &ExtFields) -> Result<Self, HeaderError> {
        Ok(())
    }
}

/// A header whose fields cannot be read as what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A required field is absent.
    #[error("the field `{field}` is missing")]
    Missing {
        /// Name of the field.
        field: Cow<'static, str>,
    },
    /// A field holds something else than it should.
    #[error("the field `{field}` is no {expected}: {value:?}")]
    Invalid {
        /// Name of the field.
        field: Cow<'static, str>,
        /// What was expected.
        expected: &'static str,
        /// The value, cut after 64 characters.
        value: String,
    },
}

impl HeaderError {
    /// The field `field` is absent.
    pub fn missing(field: impl Into<Cow<'static, str>>) -> Self {
        Self::Missing { field: field.into() }
    }

    /// The field `field` holds `value`, which is no `expected`.
    pub fn invalid(field: impl Into<Cow<'static, str>>, expected: &'static str, value: &str) -> Self {
        Self::Invalid { field: field.into(), expected, value: value.chars().take(SHOWN).collect() }
    }

    /// Name of the field at fault.
    pub fn field(&self) -> &str {
        match self {
            Self::Missing { field } | Self::Invalid { field, .. } => field,
        }
    }
}

/// Characters of a bad value that an error shows.
const SHOWN: usize = 64;
