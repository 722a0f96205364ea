//! The message that a user hands to a producer, and its builder in one.
//!
//! Setters never fail: the first defect is remembered and [`Message::validate`] reports it, so that a message is made
//! in one chain and refused in one place, before a byte is sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::validate::{validate_properties, validate_property, validate_send_topic, validate_user_property};
use crate::{MessageError, MessageLimits, Properties, property_key};

/// A topic, a body, and properties: tag, keys, and the user's own.
///
/// A clone shares topic and body. `Debug` shows neither body nor any property's value.
///
/// # Examples
/// ```
/// use rmq_message::{Message, MessageLimits};
///
/// let message = Message::new("orders", "hello").tag("paid").key("42").property("colour", "red");
/// message.validate(&MessageLimits::default())?;
/// assert_eq!(message.tags(), Some("paid"));
///
/// let refused = Message::new("orders", "hello").property("KEYS", "42");
/// assert!(refused.validate(&MessageLimits::default()).is_err());
/// # Ok::<(), rmq_message::MessageError>(())
/// ```
#[doc(alias = "org.apache.rocketmq.common.message.Message")]
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    topic: Arc<str>,
    body: Bytes,
    properties: Properties,
    flag: i32,
    // boxed, both of them: hardly any message has one
    transaction_id: Option<Box<Arc<str>>>,
    defect: Option<Box<MessageError>>,
}

/// Making one.
impl Message {
    /// Starts a message. The body may be a `String`, a `Vec<u8>`, [`Bytes`], or text and bytes that live as long as
    /// the program; borrowed bytes have to be copied first: `Bytes::copy_from_slice(slice)`.
    pub fn new(topic: impl Into<Arc<str>>, body: impl Into<Bytes>) -> Self {
        // every Java constructor writes it too
        let properties = Properties::waiting();
        Self { topic: topic.into(), body: body.into(), properties, flag: 0, transaction_id: None, defect: None }
    }

    /// Sets the tag by which consumers filter; a second one replaces it. Not blank.
    ///
    /// A subscription separates tags by `||` and trims them: a tag that holds `||`, or white space at an end, cannot
    /// be subscribed to.
    #[doc(alias = "setTags")]
    #[must_use]
    pub fn tag(self, tag: impl Into<String>) -> Self {
        self.set(property_key::TAGS, tag.into())
    }

    /// Adds a key by which the message can be found later. Not blank, and without spaces, since those separate keys.
    #[doc(alias = "setKeys")]
    #[must_use]
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        let key = key.as_ref();
        if let Err(defect) = validate_key(key) {
            return self.defective(defect);
        }
        let keys = match self.properties.remove(property_key::KEYS) {
            Some(earlier) => earlier + property_key::KEY_SEPARATOR + key,
            None => key.to_owned(),
        };
        self.properties.set(property_key::KEYS, keys);
        self
    }

    /// Adds several keys; otherwise like [`key`](Self::key).
    #[doc(alias = "setKeys")]
    #[must_use]
    pub fn keys<K: AsRef<str>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        keys.into_iter().fold(self, Self::key)
    }

    /// Sets the key by which messages stay in order: those with the same key go to the same queue of the topic, where they are stored in the
    /// order in which their sends ended. A second key replaces the first. Not blank.
    ///
    /// The producer chooses the queue by the key's hash, to the queue that Java's `SelectMessageQueueByHash` chooses, unless the send names
    /// a queue or a selector. Brokers and proxies of 5.x take the message as one that is in order (FIFO).
    #[doc(alias = "PROPERTY_SHARDING_KEY")]
    #[doc(alias = "WithShardingKey")]
    #[doc(alias = "messageGroup")]
    #[must_use]
    pub fn sharding_key(self, key: impl Into<String>) -> Self {
        self.set(property_key::SHARDING_KEY, key.into())
    }

    /// Sets a property of the user's own; a second value of the same name replaces the first. Neither name nor value
    /// may be blank or hold U+0001 or U+0002, and the name may not be
    /// [reserved](property_key::is_reserved): those have setters here.
    #[doc(alias = "putUserProperty")]
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        match validate_user_property(&name, &value) {
            Ok(()) => {
                self.properties.set(name, value);
                self
            }
            Err(defect) => self.defective(defect),
        }
    }

    /// Sets the user's flag word, which RocketMQ stores and does not read. Default: 0.
    #[doc(alias = "setFlag")]
    #[must_use]
    pub fn flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Whether the broker answers only when the message is stored as safely as the broker is configured to (flushed,
    /// copied). Default: true.
    #[doc(alias = "setWaitStoreMsgOK")]
    #[must_use]
    pub fn wait_store_ok(mut self, wait: bool) -> Self {
        self.properties.set_static(property_key::WAIT, if wait { "true" } else { "false" });
        self
    }

    /// Sets the buyer id, for the application. Not blank.
    #[doc(alias = "setBuyerId")]
    #[must_use]
    pub fn buyer_id(self, buyer: impl Into<String>) -> Self {
        self.set(property_key::BUYER_ID, buyer.into())
    }

    /// Sets the id of the transaction that the message belongs to. It stays with this object and is not sent, as in
    /// Java.
    #[doc(alias = "setTransactionId")]
    #[must_use]
    pub fn transaction_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.transaction_id = Some(Box::new(id.into()));
        self
    }

    fn set(mut self, name: &'static str, value: String) -> Self {
        match validate_property(name, &value) {
            Ok(()) => {
                self.properties.set(name, value);
                self
            }
            Err(defect) => self.defective(defect),
        }
    }

    fn defective(mut self, defect: MessageError) -> Self {
        self.defect.get_or_insert_with(|| Box::new(defect));
        self
    }
}

/// Checking it.
impl Message {
    /// Checks whether a broker can take the message: its topic, its body, what the setters were given, and the text
    /// form of its properties together with those that the client [adds](MessageLimits::adds_property).
    ///
    /// # Errors
    /// The first defect found; [`MessageError::response_code`] is that of Java.
    #[doc(alias = "checkMessage")]
    pub fn validate(&self, limits: &MessageLimits) -> Result<(), MessageError> {
        validate_send_topic(&self.topic)?;
        self.validate_content(limits)
    }

    /// Checks all that [`validate`](Self::validate) does, but for the topic: for one that is known to be legal.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    #[inline]
    pub fn validate_content(&self, limits: &MessageLimits) -> Result<(), MessageError> {
        let bytes = self.body.len();
        let nothing_strange = bytes > 0 && bytes <= limits.body_limit() && self.defect.is_none();
        if nothing_strange && limits.certainly_hold(&self.properties) {
            // also what properties_mut let in
            return validate_properties(&self.properties);
        }
        self.look_closely(limits)
    }

    #[cold]
    fn look_closely(&self, limits: &MessageLimits) -> Result<(), MessageError> {
        if self.body.is_empty() {
            return Err(MessageError::EmptyBody);
        }
        let (bytes, limit) = (self.body.len(), limits.body_limit());
        if bytes > limit {
            return Err(MessageError::BodyTooLarge { bytes, limit });
        }
        if let Some(defect) = &self.defect {
            return Err(MessageError::clone(defect));
        }
        validate_properties(&self.properties)?;
        let (bytes, limit) = (limits.properties_bytes(&self.properties), limits.properties_limit());
        if bytes > limit {
            return Err(MessageError::PropertiesTooLarge { bytes, limit });
        }
        Ok(())
    }
}

/// Reading it.
impl Message {
    /// The topic.
    #[doc(alias = "getTopic")]
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The topic, to be shared.
    #[must_use]
    pub fn topic_shared(&self) -> &Arc<str> {
        &self.topic
    }

    /// The body.
    #[doc(alias = "getBody")]
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// All properties: the user's own and those of the setters.
    #[doc(alias = "getProperties")]
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// All properties, to be changed by a client library that adds its own ([`property_key::UNIQ_KEY`] and so on).
    /// Reserved names are not refused here; all else is checked by [`validate`](Self::validate).
    pub fn properties_mut(&mut self) -> &mut Properties {
        &mut self.properties
    }

    /// The tag.
    #[doc(alias = "getTags")]
    #[must_use]
    pub fn tags(&self) -> Option<&str> {
        self.properties.get(property_key::TAGS)
    }

    /// All keys, joined by one space.
    #[doc(alias = "getKeys")]
    #[must_use]
    pub fn key_text(&self) -> Option<&str> {
        self.properties.get(property_key::KEYS)
    }

    /// The key given to [`sharding_key`](Self::sharding_key).
    #[doc(alias = "getShardingKey")]
    #[must_use]
    pub fn sharding(&self) -> Option<&str> {
        self.properties.get(property_key::SHARDING_KEY)
    }

    /// The value of a property.
    #[doc(alias = "getUserProperty")]
    #[must_use]
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name)
    }

    /// The user's flag word.
    #[doc(alias = "getFlag")]
    #[must_use]
    pub fn user_flag(&self) -> i32 {
        self.flag
    }

    /// Whether the broker answers only when the message is stored as safely as it is configured to.
    #[doc(alias = "isWaitStoreMsgOK")]
    #[must_use]
    pub fn waits_for_store(&self) -> bool {
        self.properties.get(property_key::WAIT).is_none_or(|wait| wait.eq_ignore_ascii_case("true"))
    }

    /// The client's id of the message, once a producer has given it one.
    #[doc(alias = "getUniqID")]
    #[must_use]
    pub fn unique_id(&self) -> Option<&str> {
        self.properties.get(property_key::UNIQ_KEY)
    }

    /// The id given to [`transaction_id`](Self::transaction_id).
    #[doc(alias = "getTransactionId")]
    #[must_use]
    pub fn client_transaction_id(&self) -> Option<&str> {
        self.transaction_id.as_ref().map(|id| &***id)
    }

    /// The buyer id.
    #[doc(alias = "getBuyerId")]
    #[must_use]
    pub fn buyer(&self) -> Option<&str> {
        self.properties.get(property_key::BUYER_ID)
    }
}

/// `(topic, body)` is a message.
impl<T: Into<Arc<str>>, B: Into<Bytes>> From<(T, B)> for Message {
    fn from((topic, body): (T, B)) -> Self {
        Self::new(topic, body)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Message");
        shown.field("topic", &self.topic).field("body_bytes", &self.body.len()).field("properties", &self.properties);
        if let Some(defect) = &self.defect {
            shown.field("defect", defect);
        }
        shown.finish_non_exhaustive()
    }
}

fn validate_key(key: &str) -> Result<(), MessageError> {
    validate_property(property_key::KEYS, key)?;
    if key.contains(property_key::KEY_SEPARATOR) {
        return Err(MessageError::SpaceInKey);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
