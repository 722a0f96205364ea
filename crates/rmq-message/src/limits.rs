//! How large a message may be, and what the client will add to it.
//!
//! The properties' limit counts what the broker receives: the user's properties and those that the client adds.

use std::borrow::Cow;

use crate::properties::{Properties, encoded_pair_len};

/// Limits for [`Message::validate`](crate::Message::validate).
///
/// A client that adds properties after the check says which, by name and length of value, so that the limit holds for
/// what is really sent:
/// ```
/// use rmq_message::{Message, MessageLimits, property_key};
///
/// let limits = MessageLimits::default().adds_property(property_key::UNIQ_KEY, 32);
/// Message::new("orders", "hello").validate(&limits)?;
/// # Ok::<(), rmq_message::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    max_body_bytes: usize,
    max_properties_bytes: usize,
    added: Vec<(Cow<'static, str>, usize)>,
    /// Bytes of the text form of all that is added, to a message that has none of it.
    added_bytes: usize,
}

impl MessageLimits {
    /// What Java's client and broker allow: 4 MiB.
    pub const DEFAULT_MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
    /// What a 5.x broker with default names can store once it has added its own properties to these: 32,767 bytes
    /// (`Short.MAX_VALUE`) less 62.
    pub const DEFAULT_MAX_PROPERTIES_BYTES: usize = 32_705;
    /// The same for a 4.9 broker, which adds less: 22 bytes.
    pub const HIGHEST_MAX_PROPERTIES_BYTES: usize = 32_745;

    /// Bounds the body, in bytes before compression. Default: 4 MiB, which is the broker's default too.
    #[doc(alias = "maxMessageSize")]
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Bounds the properties' text form, in bytes. Default: 32,705; at most 32,745, and more is taken as that.
    #[must_use]
    pub fn max_properties_bytes(mut self, bytes: usize) -> Self {
        self.max_properties_bytes = bytes.min(Self::HIGHEST_MAX_PROPERTIES_BYTES);
        self
    }

    /// Counts a property that the client adds after the check, by the length of its value in bytes. A message that
    /// has the property already is counted with the longer of both values.
    #[must_use]
    pub fn adds_property(mut self, name: impl Into<Cow<'static, str>>, value_bytes: usize) -> Self {
        let name = name.into();
        match self.added.iter_mut().find(|(known, _)| *known == name) {
            Some((_, bytes)) => *bytes = value_bytes,
            None => self.added.push((name, value_bytes)),
        }
        let pairs = self.added.iter().map(|(name, bytes)| encoded_pair_len(name.len(), *bytes));
        self.added_bytes = pairs.fold(0, usize::saturating_add);
        self
    }

    /// The longest body, in bytes.
    #[must_use]
    pub const fn body_limit(&self) -> usize {
        self.max_body_bytes
    }

    /// The longest text form of the properties, in bytes.
    #[must_use]
    pub const fn properties_limit(&self) -> usize {
        self.max_properties_bytes
    }

    /// Whether the properties are within the limit even if none of those that the client adds is among them, as nearly always.
    #[inline]
    pub(crate) fn certainly_hold(&self, properties: &Properties) -> bool {
        properties.encoded_len().saturating_add(self.added_bytes) <= self.max_properties_bytes
    }

    /// Bytes of the text form of these properties and those that the client adds.
    #[must_use]
    pub fn properties_bytes(&self, properties: &Properties) -> usize {
        let added = self.added.iter().map(|(name, bytes)| match properties.get(name) {
            Some(value) => bytes.saturating_sub(value.len()),
            None => encoded_pair_len(name.len(), *bytes),
        });
        added.fold(properties.encoded_len(), usize::saturating_add)
    }
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: Self::DEFAULT_MAX_BODY_BYTES,
            max_properties_bytes: Self::DEFAULT_MAX_PROPERTIES_BYTES,
            added: Vec::new(),
            added_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property_key;

    #[test]
    fn more_than_any_broker_takes_is_taken_as_that() {
        assert_eq!(MessageLimits::default().properties_limit(), 32_705);
        assert_eq!(MessageLimits::default().max_properties_bytes(32_746).properties_limit(), 32_745);
        assert_eq!(MessageLimits::default().max_properties_bytes(100).properties_limit(), 100);
    }

    #[test]
    fn an_added_property_counts_once() {
        let limits = MessageLimits::default().adds_property(property_key::UNIQ_KEY, 56);
        let limits = limits.adds_property(property_key::UNIQ_KEY, 32);
        assert_eq!(limits.properties_bytes(&Properties::new()), "UNIQ_KEY".len() + 1 + 32 + 1);
        let shorter = Properties::from_iter([(property_key::UNIQ_KEY, "x")]);
        assert_eq!(limits.properties_bytes(&shorter), 42, "the longer of both: the client's");
        let longer = Properties::from_iter([(property_key::UNIQ_KEY, "x".repeat(40))]);
        assert_eq!(limits.properties_bytes(&longer), longer.encoded_len(), "the longer of both: the message's");
    }

    #[test]
    fn what_certainly_holds_does_and_only_a_few_bytes_less_are_uncertain() {
        let limits = MessageLimits::default().max_properties_bytes(100).adds_property(property_key::UNIQ_KEY, 32);
        for name in ["name", property_key::UNIQ_KEY] {
            for length in 0..200 {
                let properties = Properties::from_iter([(name, "x".repeat(length))]);
                let bytes = limits.properties_bytes(&properties);
                assert!(!limits.certainly_hold(&properties) || bytes <= 100, "{name} of {length}");
                assert_eq!(limits.certainly_hold(&properties), properties.encoded_len() + 42 <= 100);
            }
        }
        let endless = limits.adds_property("a", usize::MAX);
        assert!(!endless.certainly_hold(&Properties::new()));
    }
}
