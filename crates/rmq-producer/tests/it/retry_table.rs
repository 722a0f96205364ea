//! Response code × way of sending × tries left × strict → how many attempts are made, and where. Every answer that a producer can get.
//!
//! What a failed attempt leads to is tabled in `send/retry/tests.rs`, what the fault table is told in `send/faults/tests.rs`; here is what comes of it
//! from outside.

use std::sync::Arc;

use rmq_producer::{
    Attempt, MessageQueue, Producer, RemotingConfig, ResponseCode, RetryPolicy, SendError, SendResult, selector,
};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::sync::oneshot;

use crate::world::*;

/// Is it tried again by default, and by a strict policy?
type Row = (i32, &'static str, bool, bool);

const ROWS: [Row; 38] = [
    (1, "", true, false),
    (1, "java.lang.NullPointerException", true, false),
    (1, "[PC_SYNCHRONIZED]broker busy, start flow control for a while", true, true),
    (1, "org.apache.rocketmq.acl.common.AclException: Check signature failed", false, false),
    (2, "[REJECTREQUEST]system busy, start flow control for a while", true, true),
    (2, "[OVERLOAD]system busy, start flow control for a while", true, true),
    (2, "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while", true, true),
    (2, "[PCBUSY_CLEAN_QUEUE]broker busy, start flow control for a while", true, true),
    (3, "request type 310 not supported", false, false),
    (4, "", false, false),
    (13, "the message is illegal", false, false),
    (14, "service not available now", true, true),
    (15, "", false, false),
    (16, "the broker's permission is not writable", true, true),
    (16, "check signature failed.", false, false),
    (16, "User:x is not found.", false, false),
    (17, "topic[orders] not exist, apply first please!", true, true),
    (22, "", false, false),
    (26, "subscription group not exist", false, false),
    (29, "request queueId[99] is illegal", true, true), // by a newer route
    (204, "", true, true),
    (205, "", true, true),
    (208, "", false, false),
    (209, "", false, false),
    (210, "", false, false),
    (211, "", false, false),
    (215, "flow control", false, false),
    (501, "not the leader of the queue", true, true), // by a newer route
    (604, "", false, false),
    (1500, "please go away", true, true),
    (2017, "", false, false),
    (3001, "", false, false),
    (-1, "", false, false),
    (12_345, "nobody knows this code", false, false),
    // Results: stored, and tried again only where that was asked for.
    (0, "", false, false),
    (10, "", false, false),
    (11, "", false, false),
    (12, "", false, false),
];

/// Every way to send that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Send,
    TrySend,
    ToQueue,
    Selector,
    ShardingKey,
    Enqueue,
    TryEnqueue,
    Callback,
}

const WAYS: [Way; 8] = [
    Way::Send,
    Way::TrySend,
    Way::ToQueue,
    Way::Selector,
    Way::ShardingKey,
    Way::Enqueue,
    Way::TryEnqueue,
    Way::Callback,
];

impl Way {
    /// Whether the caller or the message has settled the queue for all attempts.
    fn keeps_its_queue(self) -> bool {
        matches!(self, Self::ToQueue | Self::Selector | Self::ShardingKey)
    }

    async fn send(
        self,
        producer: &Producer,
        policy: RetryPolicy,
        queue: &MessageQueue,
    ) -> Result<SendResult, SendError> {
        match self {
            Self::Send => producer.send(hello()).retries(policy).await,
            Self::TrySend => producer.try_send(hello()).retries(policy).await,
            Self::ToQueue => producer.send(hello()).to(queue.clone()).retries(policy).await,
            Self::Selector => producer.send(hello()).select(selector::by_hash("a key")).retries(policy).await,
            Self::ShardingKey => producer.send(hello().sharding_key("a key")).retries(policy).await,
            Self::Enqueue => producer.enqueue(hello()).retries(policy).await?.await,
            Self::TryEnqueue => producer.try_enqueue(hello())?.await,
            Self::Callback => {
                let (told, hears) = oneshot::channel();
                producer.send_with_callback(hello(), move |result| drop(told.send(result)));
                hears.await.expect("it is called exactly once")
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_leads_to_the_same_tries_whatever_the_way_of_sending() {
    let cluster = start(two_brokers()).await;
    for strict in [false, true] {
        for tries_more in 0..=2 {
            let policy = RetryPolicy::times(tries_more);
            let policy = if strict { policy.strict() } else { policy };
            // Connections that were told to go away at once count as failed dials, which would have pauses that grow.
            let mut remoting = RemotingConfig::default();
            (remoting.reconnect_backoff_first, remoting.reconnect_backoff_max) = (milliseconds(1), milliseconds(1));
            let builder = with_defaults(&cluster).remoting(remoting);
            let producer = builder.retries(policy.clone()).start().await.unwrap();
            let queue = producer.publish_queues("orders").await.unwrap().remove(5);
            for way in WAYS {
                for row in ROWS {
                    let case = format!("{row:?} by {way:?}, {tries_more} tries more, strict: {strict}");
                    let attempts = attempts_of(&cluster, &producer, way, policy.clone(), &queue, row).await;
                    // A queue that is not there has its place taken by another one, unless the caller chose it.
                    let is_wrong_queue = row.0 == 501 || row.1.starts_with("request queueId");
                    let again = if strict { row.3 } else { row.2 } && !(is_wrong_queue && way.keeps_its_queue());
                    let expected = if again { 1 + tries_more as usize } else { 1 };
                    assert_eq!(attempts.len(), expected, "{case}");
                    for (nth, pair) in attempts.windows(2).enumerate() {
                        if way.keeps_its_queue() {
                            assert_eq!(pair[0].queue(), pair[1].queue(), "{case}");
                        } else if nth == 0 || row.0 != ResponseCode::GO_AWAY.0 {
                            // Once both brokers have told to go away, the one whose pause is over first is asked.
                            assert_ne!(pair[0].broker_name(), pair[1].broker_name(), "{case}");
                        }
                    }
                }
            }
            producer.shutdown(seconds(1)).await;
        }
    }
}

/// What is tried where every broker gives this answer.
async fn attempts_of(
    cluster: &TestCluster,
    producer: &Producer,
    way: Way,
    policy: RetryPolicy,
    queue: &MessageQueue,
    (code, remark, ..): Row,
) -> Vec<Attempt> {
    let code = ResponseCode(code);
    let is_result = [0, 10, 11, 12].contains(&code.0);
    let fault = if is_result { Fault::status(code) } else { Fault::reply(code).remark(remark) };
    cluster.on(RequestCode::SEND_MESSAGE_V2, &fault);
    let begun = cluster.request_count(RequestCode::SEND_MESSAGE_V2);
    let outcome = way.send(producer, policy, queue).await;
    cluster.clear_faults();
    let attempts = match &outcome {
        Ok(result) => result.attempts().to_vec(),
        Err(error) => error.attempts().to_vec(),
    };
    assert_eq!(outcome.is_ok(), is_result, "{code}: {outcome:?}");
    let requests = cluster.request_count(RequestCode::SEND_MESSAGE_V2) - begun;
    // Who is told to go away may ask once more on a new connection, within the same attempt.
    let most = attempts.len() as u64 * if code == ResponseCode::GO_AWAY { 2 } else { 1 };
    assert!(
        (attempts.len() as u64..=most).contains(&requests),
        "{code}: no attempt is hidden: {requests}, {outcome:?}"
    );
    if code == ResponseCode::GO_AWAY {
        // Whoever goes away is set aside; the next row begins when probes were answered.
        tokio::time::sleep(seconds(3)).await;
    }
    attempts
}

#[tokio::test(start_paused = true)]
async fn a_oneway_send_is_one_attempt_whatever_fails() {
    let cluster = start(two_brokers()).await;
    for policy in [RetryPolicy::times(2), RetryPolicy::times(2).strict()] {
        let producer = with_defaults(&cluster).retries(policy).start().await.unwrap();
        producer.send_oneway(hello()).await.unwrap();
        let broker: Arc<str> = "broker-a".into();
        cluster.broker(&broker).kill().await;
        let queues = producer.publish_queues("orders").await.unwrap();
        let dead = queues.into_iter().find(|queue| queue.broker_name() == &broker).unwrap();
        let error = producer.send_oneway(hello()).to(dead).await.unwrap_err();
        assert_eq!(error.attempts().len(), 1, "{error}");
        cluster.broker(&broker).restart().await.unwrap();
        producer.shutdown(seconds(1)).await;
    }
}
