//! Producer: the handle that users hold.
//!
//! Passes calls on and owns nothing itself; the last handle takes everything behind it along.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageQueue, validate_topic};
use rmq_remoting::Deadline;

use crate::builder::ProducerBuilder;
use crate::config::ProducerConfig;
use crate::instance::{RouteError, ShutdownReport};
use crate::send::Sender;
use crate::send_request::{OnewayRequest, SendRequest};

/// Sends messages to the brokers of one cluster. Cheap to clone; clones share everything. Started by [`Producer::builder`].
///
/// Must be used inside a tokio runtime, the one it was started in. When the last clone is dropped, its tasks are cancelled and its sockets
/// close, without waiting; [`shutdown`](Self::shutdown) is the clean way.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use rmq_producer::{Message, Producer};
///
/// let producer = Producer::builder("orders").name_servers("127.0.0.1:9876").start().await?;
/// let sent = producer.send(Message::new("orders", "hello").tag("paid").key("42")).await?;
/// println!("{} is in {} at {}", sent.message_id(), sent.queue(), sent.queue_offset());
/// producer.shutdown(Duration::from_secs(5)).await;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "DefaultMQProducer")]
#[doc(alias = "MQProducer")]
#[derive(Clone)]
pub struct Producer {
    sender: Arc<Sender>,
}

impl Producer {
    /// Begins a producer of this group: producers that do the same share a group, and so does each in all of its processes.
    #[doc(alias = "setProducerGroup")]
    #[doc(alias = "NewProducer")]
    pub fn builder(group: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(ProducerConfig::new(group))
    }

    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender: Arc::new(sender) }
    }

    /// Sends a message and waits until a broker has stored it. Await the request; nothing happens before.
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) says why, whether the message may be stored all the same, and gives the message back.
    ///
    /// # Cancel safety
    /// Dropping the future frees its room at once and leaves no half frame on the wire. A message that was already written may still be
    /// stored.
    #[doc(alias = "sendSync")]
    #[doc(alias = "SendSync")]
    pub fn send(&self, message: impl Into<Message>) -> SendRequest<'_> {
        SendRequest::new(&self.sender, message.into())
    }

    /// Sends a message for which no broker answers: it resolves once the message is handed to the operating system. Await the request;
    /// nothing happens before.
    ///
    /// # Errors
    /// As [`send`](Self::send). Success does not say that any broker stored the message.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    #[doc(alias = "sendOneway")]
    #[doc(alias = "SendOneWay")]
    pub fn send_oneway(&self, message: impl Into<Message>) -> OnewayRequest<'_> {
        OnewayRequest::new(&self.sender, message.into())
    }

    /// Returns the queues that a message of this topic is sent to in turn. Asks the name servers if the topic is not in use yet, within
    /// the time of a send; a topic that does not exist gets the queues with which it would be created.
    ///
    /// # Errors
    /// As the look-up of a send.
    ///
    /// # Cancel safety
    /// Dropping the future harms nothing; a look-up that was started goes on for whoever asks next.
    #[doc(alias = "fetchPublishMessageQueues")]
    pub async fn publish_queues(&self, topic: impl Into<Arc<str>>) -> Result<Vec<MessageQueue>, RouteError> {
        let topic = topic.into();
        let deadline = Deadline::after(self.config().send_timeout);
        validate_topic(&topic)?;
        self.sender.queues(&topic, deadline).await
    }

    /// Returns how many sends have begun and are not over.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.sender.in_flight()
    }

    /// Returns how many tasks it runs, those of its connections included; none after a shutdown.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.sender.instance().tasks()
    }

    /// Returns how many bodies were sent as they were because their compressor failed.
    #[must_use]
    pub fn compression_failures(&self) -> u64 {
        self.sender.compression_failures()
    }

    /// Returns the id by which brokers know this client.
    #[doc(alias = "getClientId")]
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.sender.instance().client_id()
    }

    /// Returns the producer group, without namespace.
    #[doc(alias = "getProducerGroup")]
    #[must_use]
    pub fn group(&self) -> &str {
        &self.config().producer_group
    }

    /// Returns its settings.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        self.sender.config()
    }

    /// Refuses new sends, waits up to `grace` for those that have begun, takes leave of the brokers within what is left of it, ends all
    /// tasks and closes all sockets. A second call, from whichever clone, returns the report of the first.
    ///
    /// # Cancel safety
    /// Dropped early, new sends stay refused, and it may be called again to go on.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.sender.shutdown(grace).await
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("group", &self.group())
            .field("client_id", &self.client_id())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
