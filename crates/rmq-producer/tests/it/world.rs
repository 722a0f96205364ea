//! A cluster in memory and producers for it.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rmq_producer::{Message, Producer, ProducerBuilder, RetryPolicy, SendError, SendErrorKind, SendResult};
use rmq_testkit::{Fault, RequestCode, TestCluster, TestClusterBuilder};

/// Two brokers with four queues each of `orders`.
pub(crate) fn two_brokers() -> TestClusterBuilder {
    TestCluster::builder().memory().brokers(2).topic("orders", 4)
}

/// One broker with four queues of `orders`.
pub(crate) fn one_broker() -> TestClusterBuilder {
    TestCluster::builder().memory().topic("orders", 4)
}

pub(crate) async fn start(cluster: TestClusterBuilder) -> TestCluster {
    cluster.start().await.expect("a cluster in memory always starts")
}

/// A builder that reaches the cluster. One try a send, so that each test sees the one it is about.
pub(crate) fn builder(cluster: &TestCluster) -> ProducerBuilder {
    with_defaults(cluster).retries(RetryPolicy::none())
}

/// A builder that reaches the cluster, with the retries that users get.
pub(crate) fn with_defaults(cluster: &TestCluster) -> ProducerBuilder {
    Producer::builder("pg")
        .name_servers(cluster.name_servers())
        .connector(cluster.connector())
        .client_ip([10, 9, 9, 9].into())
}

pub(crate) async fn producer(cluster: &TestCluster) -> Producer {
    builder(cluster).start().await.expect("the cluster answers")
}

pub(crate) fn hello() -> Message {
    Message::new("orders", "hello")
}

/// Sends once with the first request of a broker meeting `fault`.
pub(crate) async fn send_into(fault: Fault) -> Result<SendResult, SendError> {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &fault);
    producer.send(hello()).await
}

pub(crate) fn kind(outcome: Result<SendResult, SendError>) -> SendErrorKind {
    match outcome {
        Ok(result) => panic!("sent: {result:?}"),
        Err(error) => error.kind(),
    }
}

/// Polls a future up to so many times, then drops it. `None`: it was not done.
pub(crate) async fn stop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

pub(crate) const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Lets everything that can run now run, without the clock moving much.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(crate) const fn milliseconds(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[allow(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
pub(crate) fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Everything that an error says, down to its last cause.
pub(crate) fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
