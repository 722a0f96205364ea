//! Producer: the handle that users hold.
//!
//! Passes calls on and owns nothing itself; the last handle takes everything behind it along.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmq_message::{Message, MessageQueue, validate_topic};
use rmq_remoting::{ConnectionEvent, Deadline};
use tokio::sync::broadcast;

use crate::builder::ProducerBuilder;
use crate::config::ProducerConfig;
use crate::enqueue_request::EnqueueRequest;
use crate::error::SendError;
use crate::instance::{RouteError, ShutdownReport};
use crate::metrics::MetricsSnapshot;
use crate::send::Sender;
use crate::send_handle::SendHandle;
use crate::send_request::{OnewayRequest, SendRequest};
use crate::send_result::SendResult;

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
    handle: Arc<Handle>,
}

/// What the clones of a producer share: the last one takes all along.
struct Handle {
    sender: Arc<Sender>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.sender.desert();
    }
}

impl Producer {
    /// Begins a producer of this group: producers that do the same share a group, and so does each in all of its processes.
    #[doc(alias = "setProducerGroup")]
    #[doc(alias = "NewProducer")]
    pub fn builder(group: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(ProducerConfig::new(group))
    }

    /// Begins a producer with settings that were read from elsewhere: a file, or [the environment](ProducerConfig::from_env).
    pub fn builder_from(config: ProducerConfig) -> ProducerBuilder {
        ProducerBuilder::new(config)
    }

    pub(crate) fn new(sender: Sender) -> Self {
        Self { handle: Arc::new(Handle { sender: Arc::new(sender) }) }
    }

    #[cfg(test)]
    pub(crate) fn go_slowly(&self, slowly: bool) {
        self.sender().go_slowly(slowly);
    }

    pub(crate) fn sender(&self) -> &Arc<Sender> {
        &self.handle.sender
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
        SendRequest::new(self.sender(), message.into())
    }

    /// As [`send`](Self::send), but refuses at once when the producer has no room.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`NoRoom`](crate::SendErrorKind::NoRoom) with the message when there is no room.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub fn try_send(&self, message: impl Into<Message>) -> SendRequest<'_> {
        SendRequest::new(self.sender(), message.into()).at_once()
    }

    /// Begins a send as soon as there is room for it, and returns a handle: await it for the result, or drop it and the send goes on all
    /// the same, on a task of the producer. Await the request; nothing happens before.
    ///
    /// The deadline of the send includes the wait for room. [`shutdown`](Self::shutdown) waits for enqueued sends; they are cut off when the
    /// last handle of the producer is dropped.
    ///
    /// # Errors
    /// No room in time, no valid message, or a producer that is shut down; the message comes back. What happens later is told by the handle.
    ///
    /// # Cancel safety
    /// Dropped before it is done, nothing is sent and nothing is held.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(producer: rmq_producer::Producer) -> Result<(), rmq_producer::SendError> {
    /// use rmq_producer::Message;
    ///
    /// let first = producer.enqueue(Message::new("orders", "1")).await?;
    /// let second = producer.enqueue(Message::new("orders", "2")).await?;
    /// println!("{} {}", first.await?.message_id(), second.await?.message_id());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias("sendAsync", "SendAsync"))]
    pub fn enqueue(&self, message: impl Into<Message>) -> EnqueueRequest<'_> {
        EnqueueRequest::new(self.sender(), message.into())
    }

    /// As [`enqueue`](Self::enqueue), at once or not at all, and from any thread. With options: [`EnqueueRequest::at_once`].
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue), but [`NoRoom`](crate::SendErrorKind::NoRoom) at once.
    pub fn try_enqueue(&self, message: impl Into<Message>) -> Result<SendHandle, SendError> {
        self.enqueue(message).at_once()
    }

    /// Sends a message for which no broker answers: it resolves once the message is handed to the operating system. Await the request;
    /// nothing happens before.
    ///
    /// What was handed over still comes to a broker that reads when the producer ends, whether by [`shutdown`](Self::shutdown) or because it
    /// is dropped: a connection is closed once the broker has closed it too, or a second later. That needs the runtime: at the end of a
    /// program call `shutdown`, which waits for it, since a runtime that ends closes at once.
    ///
    /// # Errors
    /// As [`send`](Self::send). Success does not say that any broker stored the message.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    #[doc(alias = "sendOneway")]
    #[doc(alias = "SendOneWay")]
    pub fn send_oneway(&self, message: impl Into<Message>) -> OnewayRequest<'_> {
        OnewayRequest::new(self.sender(), message.into())
    }

    /// Sends a message and calls `callback` with the result: for code that is not async, from any thread.
    ///
    /// The callback is called exactly once, never on the task of a connection, and on a thread that may block: it may call the producer, or
    /// drop it. Only so many run at a time, see [`CallbackExecutor`](crate::CallbackExecutor); the send keeps its room until its turn comes. A
    /// panic inside is caught and counted.
    ///
    /// When the producer has no room, a plain thread waits for it within the send's deadline. A thread of a runtime cannot wait and is
    /// refused at once. A send that is refused (no room, no valid message, a shutdown) is called back on the calling thread before this
    /// returns: hold no lock that the callback takes.
    ///
    /// With options: [`EnqueueRequest::with_callback`].
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(producer: &rmq_producer::Producer) {
    /// use rmq_producer::Message;
    ///
    /// producer.send_with_callback(Message::new("orders", "hello"), |result| match result {
    ///     Ok(sent) => println!("{}", sent.message_id()),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    #[doc(alias("SendCallback", "sendAsync", "SendAsync"))]
    pub fn send_with_callback(
        &self,
        message: impl Into<Message>,
        callback: impl FnOnce(Result<SendResult, SendError>) + Send + 'static,
    ) {
        self.enqueue(message).with_callback(callback);
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
        self.sender().queues(&topic, deadline).await
    }

    /// Returns how many sends have begun and are not over.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.sender().in_flight()
    }

    /// Returns a copy of its counters.
    #[must_use]
    pub fn metrics(&self) -> MetricsSnapshot {
        self.sender().metrics()
    }

    /// Subscribes to connections that come and go: those of this producer and of the producers that share its client id. A slow subscriber
    /// loses the oldest events. The channel ends when the last handle of them is gone.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(producer: rmq_producer::Producer) {
    /// use rmq_producer::ConnectionEvent;
    ///
    /// let mut events = producer.events();
    /// while let Ok(event) = events.recv().await {
    ///     if let ConnectionEvent::Disconnected { addr, cause, .. } = event {
    ///         println!("{addr}: {cause}");
    ///     }
    /// }
    /// # }
    /// ```
    #[doc(alias("ChannelEventListener", "enableHeartbeatChannelEventListener"))]
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<ConnectionEvent> {
        self.sender().instance().events()
    }

    /// Returns how many tasks it runs, those of its connections included; none after a shutdown. Tasks that producers of one client id
    /// share are counted by each of them, as long as it is started.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.sender().tasks()
    }

    /// Returns the id by which brokers know this client.
    #[doc(alias = "getClientId")]
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.sender().instance().client_id()
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
        self.sender().config()
    }

    /// Waits until every send that has begun by now is over, whatever its end; not for those that begin meanwhile. A send with a callback is
    /// over when the callback begins.
    ///
    /// How long it may take is bounded by the deadlines of those sends; for less, put it into [`tokio::time::timeout`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(producer: rmq_producer::Producer) -> Result<(), rmq_producer::SendError> {
    /// use rmq_producer::Message;
    ///
    /// for n in 0..100 {
    ///     drop(producer.enqueue(Message::new("orders", "hello").key(n.to_string())).await?);
    /// }
    /// producer.flush().await;
    /// println!("{} of them are stored", producer.metrics().stored);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) {
        self.sender().flush().await;
    }

    /// Refuses new sends, waits up to `grace` for those that have begun, takes leave of the brokers within what is left of it, ends all
    /// tasks and closes all sockets. What producers of the same client id share goes on until the last of them ends. A second call, from
    /// whichever clone, returns the report of the first.
    ///
    /// A socket is closed once its peer has read everything and closed too, which is waited for within the grace, for a second at most. With
    /// too short a grace a slow broker may lose oneway messages that it has not read: it is one of
    /// [`not_unregistered`](ShutdownReport::not_unregistered).
    ///
    /// # Cancel safety
    /// Dropped early, new sends stay refused, and it may be called again to go on.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        self.sender().shutdown(grace).await
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
