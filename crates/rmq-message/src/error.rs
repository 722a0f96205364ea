//! What can be wrong with a message, a name or an id.
//!
//! No error shows a body, a key or the value of a property.

use std::sync::Arc;

use thiserror::Error;

/// The message cannot be sent as it is. Nothing has been sent.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The topic is no legal name.
    #[error(transparent)]
    Topic(#[from] NameError),
    /// The topic belongs to RocketMQ itself and takes no messages from clients.
    #[error("topic {topic:?} is reserved for RocketMQ itself")]
    ForbiddenTopic {
        /// The topic.
        topic: Arc<str>,
    },
    /// The body is empty; brokers store no empty messages.
    #[error("the body is empty")]
    EmptyBody,
    /// The body is longer than the limit.
    #[error("the body of {bytes} bytes is over the limit of {limit}")]
    BodyTooLarge {
        /// Its length, before compression.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A property has an empty name, or one of white space.
    #[error("a property has a blank name")]
    BlankPropertyName,
    /// A property (or the tag, `TAGS`, or a key, `KEYS`) has an empty value, or one of white space; readers would not
    /// see it.
    #[error("property {name:?} has a blank value")]
    BlankPropertyValue {
        /// Its name, cut if it is long.
        name: String,
    },
    /// The name is one that RocketMQ uses itself: see [`property_key::RESERVED`](crate::property_key::RESERVED).
    #[error("property name {name:?} is reserved for RocketMQ itself")]
    ReservedPropertyName {
        /// The name, cut if it is long.
        name: String,
    },
    /// A name or value holds U+0001 or U+0002, which separate properties and cannot be escaped.
    #[error("property {name:?} holds U+0001 or U+0002, which separate properties")]
    SeparatorInProperty {
        /// The name, cut if it is long.
        name: String,
    },
    /// A key holds a space, which separates keys: it would be indexed as two.
    #[error("a key holds a space, which separates keys")]
    SpaceInKey,
    /// A queue of `INNER_MULTI_DISPATCH` holds a path separator; its name becomes a folder of the broker.
    #[error("property \"INNER_MULTI_DISPATCH\" holds a path separator")]
    PathInDispatch,
    /// A property that has to be a whole number is none.
    #[error("property {name:?} is no whole number")]
    NotANumber {
        /// Its name.
        name: String,
    },
    /// All properties together, those included that the client adds, are longer than the limit.
    #[error("the properties take {bytes} bytes, over the limit of {limit}")]
    PropertiesTooLarge {
        /// Their encoded length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl MessageError {
    /// The response code with which the Java client or a broker refuses the same: 13 (MESSAGE_ILLEGAL), or −1 where
    /// Java has no code.
    #[doc(alias = "getResponseCode")]
    #[must_use]
    pub const fn response_code(&self) -> i32 {
        match self {
            Self::EmptyBody | Self::BodyTooLarge { .. } | Self::PropertiesTooLarge { .. } | Self::PathInDispatch => {
                MESSAGE_ILLEGAL
            }
            Self::Topic(_)
            | Self::ForbiddenTopic { .. }
            | Self::BlankPropertyName
            | Self::BlankPropertyValue { .. }
            | Self::ReservedPropertyName { .. }
            | Self::SeparatorInProperty { .. }
            | Self::SpaceInKey
            | Self::NotANumber { .. } => NO_CODE,
        }
    }
}

/// A topic or group name is not legal.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// The name is empty or white space.
    #[error("the {kind} is blank")]
    Blank {
        /// Topic or group.
        kind: NameKind,
    },
    /// The name is too long.
    #[error("the {kind} of {length} characters is over the limit of {limit}")]
    TooLong {
        /// Topic or group.
        kind: NameKind,
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A character other than `%`, `|`, `_`, `-`, ASCII digits and ASCII letters.
    #[error("the {kind} {name:?} holds {character:?}; only letters, digits and % | _ - are allowed")]
    IllegalCharacter {
        /// Topic or group.
        kind: NameKind,
        /// The name, cut if it is long.
        name: String,
        /// The first such character.
        character: char,
    },
    /// The producer group is `DEFAULT_PRODUCER`, which names nobody.
    #[error("the group \"DEFAULT_PRODUCER\" stands for none: name one")]
    DefaultGroup,
}

/// What a name stands for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A topic.
    Topic,
    /// A producer or consumer group.
    Group,
}

impl std::fmt::Display for NameKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Group => "group",
        })
    }
}

/// The text is no id.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// Ids have 32 digits (IPv4) or 56 (IPv6).
    #[error("an id has 32 or 56 hexadecimal digits, not {length}")]
    Length {
        /// The length in bytes.
        length: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("byte {at} of the id is no hexadecimal digit")]
    NotHex {
        /// Its index.
        at: usize,
    },
    /// The port of an offset id is over 65,535: it may be a unique id instead.
    #[error("port {port} in the id is impossible")]
    Port {
        /// The number read.
        port: u32,
    },
}

const MESSAGE_ILLEGAL: i32 = 13;
const NO_CODE: i32 = -1;
