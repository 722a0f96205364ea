//! What a [`SendHook`](super::SendHook) is shown.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, property_key};

use crate::attempts::Attempt;
use crate::error::SendError;
use crate::send_result::SendResult;
use crate::send_way::SendWay;

/// What is the same at both ends of a send.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) group: Arc<str>,
    pub(crate) way: SendWay,
    pub(crate) born_host: IpAddr,
    pub(crate) namespace: Option<Arc<str>>,
}

/// What a message is to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageType {
    /// Any other one. Java: `Normal_Msg`.
    Normal,
    /// The first half of a transaction. Java: `Trans_Msg_Half`.
    Half,
    /// To be delivered later. Java: `Delay_Msg`.
    Delay,
}

impl MessageType {
    pub(crate) fn of(message: &Message) -> Self {
        let properties = message.properties();
        if properties.get(property_key::TRANSACTION_PREPARED).is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            Self::Half
        } else if DELAYS.iter().any(|name| properties.contains(name)) {
            Self::Delay
        } else {
            Self::Normal
        }
    }
}

/// `__STARTDELIVERTIME` is that of the cloud's brokers.
const DELAYS: [&str; 5] = [
    property_key::DELAY,
    property_key::TIMER_DELAY_SEC,
    property_key::TIMER_DELAY_MS,
    property_key::TIMER_DELIVER_MS,
    "__STARTDELIVERTIME",
];

macro_rules! about {
    () => {
        /// Returns the producer group.
        #[must_use]
        pub fn group(&self) -> &str {
            &self.about.group
        }

        /// Returns how the send was made.
        #[doc(alias = "getCommunicationMode")]
        #[must_use]
        pub fn way(&self) -> SendWay {
            self.about.way
        }

        /// Returns this host's address as ids show it.
        #[must_use]
        pub fn born_host(&self) -> IpAddr {
            self.about.born_host
        }

        /// Returns the producer's namespace, if it has one.
        #[must_use]
        pub fn namespace(&self) -> Option<&str> {
            self.about.namespace.as_deref()
        }

        /// Returns the message as it is sent, with its unique id; names are without namespace, the body is not compressed.
        #[must_use]
        pub fn message(&self) -> &Message {
            &self.message
        }

        /// Returns what the message is to the broker.
        #[doc(alias = "getMsgType")]
        #[must_use]
        pub fn message_type(&self) -> MessageType {
            MessageType::of(&self.message)
        }
    };
}

/// A send that begins.
#[doc(alias = "SendMessageContext")]
pub struct SendContext<'a> {
    about: &'a About,
    message: Message,
}

impl<'a> SendContext<'a> {
    pub(crate) fn new(about: &'a About, message: Message) -> Self {
        Self { about, message }
    }

    pub(crate) fn into_message(self) -> Message {
        self.message
    }

    about!();

    /// Replaces the copy that is sent by what `edit` makes of it. It is checked again afterwards: a message that is not valid fails the
    /// send.
    pub fn edit(&mut self, edit: impl FnOnce(Message) -> Message) {
        self.message = edit(self.message.clone());
    }
}

/// A send that is over.
#[doc(alias = "SendMessageContext")]
pub struct SendReport<'a> {
    about: &'a About,
    message: &'a Message,
    end: SendEnd<'a>,
    elapsed: Duration,
}

/// How a send ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SendEnd<'a> {
    /// A broker stored the message.
    Stored(&'a SendResult),
    /// A oneway message was handed to the operating system by this attempt.
    Written(&'a Attempt),
    /// It failed.
    Failed(&'a SendError),
    /// Its caller dropped it.
    Dropped {
        /// Whether the message may be stored all the same.
        possibly_stored: bool,
    },
}

impl<'a> SendReport<'a> {
    pub(crate) fn new(about: &'a About, message: &'a Message, end: SendEnd<'a>, elapsed: Duration) -> Self {
        Self { about, message, end, elapsed }
    }

    about!();

    /// Returns how it ended.
    #[must_use]
    pub fn end(&self) -> SendEnd<'a> {
        self.end
    }

    /// Returns what was tried, in order; nothing where the caller dropped the send.
    #[must_use]
    pub fn attempts(&self) -> &'a [Attempt] {
        match self.end {
            SendEnd::Stored(result) => result.attempts(),
            SendEnd::Written(attempt) => std::slice::from_ref(attempt),
            SendEnd::Failed(error) => error.attempts(),
            SendEnd::Dropped { .. } => &[],
        }
    }

    /// Tells whether the message may be stored although no broker confirmed it.
    #[must_use]
    pub fn possibly_stored(&self) -> bool {
        match self.end {
            SendEnd::Stored(_) => false,
            SendEnd::Written(_) => true,
            SendEnd::Failed(error) => error.possibly_stored(),
            SendEnd::Dropped { possibly_stored } => possibly_stored,
        }
    }

    /// Returns how long the send took, waiting for room included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl fmt::Debug for SendContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendContext").field("about", self.about).field("message", &self.message).finish()
    }
}

impl fmt::Debug for SendReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendReport").field("about", self.about).field("end", &self.end).finish_non_exhaustive()
    }
}
