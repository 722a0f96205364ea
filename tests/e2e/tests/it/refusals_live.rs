//! Refusals of real brokers: each code is classified as what it is, tried again where that may help, and leaves no copy.
//!
//! The brokers are brought to refuse by `updateBrokerConfig`, one after another in one cluster, the irreversible last.

#![allow(clippy::print_stdout, reason = "which refusals came how often, shown with --nocapture")]

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use real_servers::{BrokerSpec, ClusterSpec};
use rmq_producer::{
    AttemptError, Connector, Message, MessageLimits, MessageQueue, Outcome, Producer, ResponseCode, RetryPolicy,
    SendErrorKind, SendStatus,
};
use rmq_remoting::{BoxFuture, Endpoint, Stream, TcpConnector};
use tokio::task::JoinSet;

use crate::ledger::{Ledger, Sent};
use crate::place::{Place, Release, eventually, in_real_places_alone, unique};
use crate::topic_admin;

#[test]
fn each_refusal_of_a_real_broker_is_told_as_what_it_is_and_leaves_no_copy() {
    in_real_places_alone(spec, async |place| {
        let ordered = place.topic("no-permission", 2).await;
        let order = format!("{A}:2;{B}:2");
        topic_admin::make_ordered(&place.name_servers(), &ordered, &order).await.expect("the name server notes it");
        a_body_over_the_broker_s_limit(place).await;
        a_queue_that_the_broker_does_not_have(place).await;
        a_send_queue_that_is_too_slow(place).await;
        a_page_cache_that_is_busy(place).await;
        a_slave_that_is_taken_for_the_master(place).await;
        a_slave_that_is_too_slow(place).await;
        an_ordered_topic_on_a_broker_without_write_permission(place, &ordered).await;
        a_topic_that_may_not_be_made(place).await;
    });
}

/// Two masters and a slave of the second. Several threads store, so that one can find the store locked by another.
fn spec(_: Release) -> ClusterSpec {
    ClusterSpec::brokers(2).broker(BrokerSpec::slave("broker-b", 1)).broker_property("sendMessageThreadPoolNums", "4")
}

async fn a_body_over_the_broker_s_limit(place: &Place) {
    let topic = place.topic("illegal", 2).await;
    let limit = MessageLimits::DEFAULT_MAX_BODY_BYTES;
    let builder = place.builder().limits(MessageLimits::default().max_body_bytes(2 * limit));
    let producer = builder.start().await.expect("the name server answers");
    let message = Message::new(&*topic, incompressible(limit + 1));
    let told = Told { code: ResponseCode::MESSAGE_ILLEGAL, outcome: Outcome::Rejected, tries: 1 };
    told.by(producer.send(message).await);
    told.by(producer.send(Message::new(&*topic, incompressible(limit + 1))).to(queue(&topic, A, 1)).await);
    assert!(place.read(&topic, 0).await.is_empty());
}

async fn a_queue_that_the_broker_does_not_have(place: &Place) {
    let topic = place.topic("bad-queue", 2).await;
    let producer = place.producer().await;
    let code = match place.release() {
        Release::V4 => ResponseCode::SYSTEM_ERROR,
        Release::V5 => ResponseCode::INVALID_PARAMETER,
    };
    let sent = producer.send(Message::new(&*topic, "x")).to(queue(&topic, A, 99)).await;
    // The caller wants that queue, and asking again does not make it.
    Told { code, outcome: Outcome::Rejected, tries: 1 }.by(sent);
    assert!(place.read(&topic, 0).await.is_empty());
}

/// `[TIMEOUT_CLEAN_QUEUE]`.
async fn a_send_queue_that_is_too_slow(place: &Place) {
    busy(place, "waitTimeMillsInSendQueue", ("0", "30000"), &[ResponseCode::SYSTEM_BUSY]).await;
}

/// `[REJECTREQUEST]`, `[PCBUSY_CLEAN_QUEUE]`, and in 4.9 `[PC_SYNCHRONIZED]` under the code of all other failures.
async fn a_page_cache_that_is_busy(place: &Place) {
    let codes: &[ResponseCode] = match place.release() {
        Release::V4 => &[ResponseCode::SYSTEM_BUSY, ResponseCode::SYSTEM_ERROR],
        Release::V5 => &[ResponseCode::SYSTEM_BUSY],
    };
    busy(place, "osPageCacheBusyTimeOutMills", ("-1", "60000"), codes).await;
}

/// Loads a broker whose option makes it busy now and then: without tries the sends fail as busy, with the default ones none fails.
async fn busy(place: &Place, option: &str, (bad, good): (&str, &str), codes: &[ResponseCode]) {
    let topic = place.topic("busy", 2).await;
    let producer = place.producer().await;
    place.configure_broker(A, option, bad).await;
    let mut all = Vec::new();
    let mut refused: BTreeMap<i32, usize> = BTreeMap::new();
    for policy in [RetryPolicy::none(), RetryPolicy::default()] {
        let mut hit = 0;
        for _ in 0..ROUNDS {
            for sent in storm(&producer, &topic, &policy).await {
                let attempts = match &sent {
                    Ok(result) => result.attempts(),
                    Err(error) => error.attempts(),
                };
                for error in attempts.iter().filter_map(|attempt| attempt.error()) {
                    let AttemptError::Refused { code, outcome, remark, .. } = error else { panic!("{error:?}") };
                    assert!(codes.contains(code) && *outcome == Outcome::Busy, "{code}: {remark}");
                    *refused.entry(code.0).or_default() += 1;
                    hit += 1;
                }
                if let Err(error) = &sent {
                    assert_eq!(policy, RetryPolicy::none(), "with more tries: {error}");
                    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Busy, Outcome::Busy));
                    assert!(error.is_retryable() && error.attempts().len() == 1);
                }
                all.push(sent);
            }
            if hit > 0 {
                break;
            }
        }
        assert!(hit > 0, "{A} was never busy under {option}={bad}");
    }
    place.configure_broker(A, option, good).await;
    let ledger = Ledger::of(all);
    let stored = place.read(&topic, ledger.confirmed()).await;
    let tally = ledger.compare(&stored);
    assert_eq!((tally.copies, tally.maybe_stored), (ledger.confirmed(), 0), "{tally:?}");
    println!("{option}={bad}: refused by code {refused:?}, {tally:?}");
}

/// Sends from many tasks at once.
async fn storm(producer: &Producer, topic: &str, policy: &RetryPolicy) -> Vec<Sent> {
    let mut senders = JoinSet::new();
    for _ in 0..64 {
        let (producer, topic, policy) = (producer.clone(), topic.to_owned(), policy.clone());
        senders.spawn(async move {
            let mut all = Vec::new();
            for _ in 0..10 {
                all.push(producer.send(Message::new(&*topic, "x".repeat(200))).retries(policy.clone()).await);
            }
            all
        });
    }
    senders.join_all().await.into_iter().flatten().collect()
}

async fn a_slave_that_is_taken_for_the_master(place: &Place) {
    let topic = place.topic("to-a-slave", 2).await;
    let wrong = Misdirected { from: place.broker_address(B), to: place.broker_address(SLAVE_OF_B) };
    let producer = place.builder().connector(wrong).start().await.expect("the name server answers");
    let code = match place.release() {
        Release::V4 => ResponseCode::SERVICE_NOT_AVAILABLE,
        Release::V5 => ResponseCode::SYSTEM_BUSY,
    };
    let told = Told { code, outcome: Outcome::Busy, tries: 3 };
    told.by(producer.send(Message::new(&*topic, "x")).to(queue(&topic, B, 0)).await);
    told.elsewhere(place, &producer, &topic, B, Vec::new()).await;
}

/// Dials one address where another one was meant.
struct Misdirected {
    from: String,
    to: String,
}

impl Connector for Misdirected {
    fn connect(&self, to: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        if to.as_str() != self.from {
            return TcpConnector.connect(to);
        }
        TcpConnector.connect(&Endpoint::parse(&self.to).expect("a broker's address"))
    }
}

/// No refusal: the message is stored, on one machine only, and therefore not sent again.
async fn a_slave_that_is_too_slow(place: &Place) {
    let topic = place.topic("slow-slave", 1).await;
    let producer = place.producer().await;
    let mut waiting = vec![("brokerRole", "SYNC_MASTER"), ("slaveTimeout", "500")];
    if place.release() == Release::V5 {
        waiting.extend([("totalReplicas", "2"), ("inSyncReplicas", "2")]);
    }
    for (name, value) in waiting {
        place.configure_broker(B, name, value).await;
    }
    // It has to be there before it can be too slow: without it the status is another.
    let warm = place.topic("slave-is-there", 1).await;
    eventually("the slave takes copies", async || {
        let sent = producer.send(Message::new(&*warm, "x")).to(queue(&warm, B, 0)).await;
        sent.is_ok_and(|result| result.status() == SendStatus::SendOk)
    })
    .await;
    place.suspend_broker(SLAVE_OF_B);
    let result = producer.send(Message::new(&*topic, "x")).to(queue(&topic, B, 0)).await.expect("it is stored");
    place.resume_broker(SLAVE_OF_B);
    place.configure_broker(B, "brokerRole", "ASYNC_MASTER").await;
    assert_eq!((result.status(), result.attempts().len()), (SendStatus::FlushSlaveTimeout, 1));
    assert_eq!(place.read(&topic, 1).await.len(), 1);
}

async fn an_ordered_topic_on_a_broker_without_write_permission(place: &Place, topic: &str) {
    let builder = place.builder().route_refresh_interval(Duration::from_secs(3_600));
    let producer = builder.start().await.expect("the name server answers");
    // A route that still knows the queue as writable.
    producer.publish_queues(topic).await.expect("a route");
    place.configure_broker(A, "brokerPermission", "4").await;
    let told = Told { code: ResponseCode::NO_PERMISSION, outcome: Outcome::Rejected, tries: 3 };
    let mut before = Vec::new();
    eventually("the broker has heard that the topic is ordered", async || {
        let sent = producer.send(Message::new(topic, "x")).to(queue(topic, A, 0)).await;
        let is_refused = sent.is_err();
        if is_refused {
            told.by(sent);
        } else {
            before.push(sent);
        }
        is_refused
    })
    .await;
    told.elsewhere(place, &producer, topic, A, before).await;
    place.configure_broker(A, "brokerPermission", "6").await;
}

async fn a_topic_that_may_not_be_made(place: &Place) {
    let topic = unique("not-to-be-made");
    let producer = place.producer().await;
    place.configure_broker(A, "autoCreateTopicEnable", "false").await;
    let told = Told { code: ResponseCode::TOPIC_NOT_EXIST, outcome: Outcome::Rejected, tries: 3 };
    told.by(producer.send(Message::new(&*topic, "x")).to(queue(&topic, A, 0)).await);
    told.elsewhere(place, &producer, &topic, A, Vec::new()).await;
}

/// What a refusal is told as.
struct Told {
    code: ResponseCode,
    outcome: Outcome,
    /// How often the send is tried where it has no other broker to go to.
    tries: usize,
}

impl Told {
    fn by(&self, sent: Sent) {
        let error = sent.expect_err("it is refused");
        let kind = if self.outcome == Outcome::Busy { SendErrorKind::Busy } else { SendErrorKind::Refused };
        assert_eq!((error.kind(), error.code()), (kind, Some(self.code.0)), "{error}");
        assert_eq!((error.outcome(), error.possibly_stored()), (self.outcome, false), "{error}");
        assert_eq!(error.is_retryable(), self.outcome == Outcome::Busy, "{error}");
        assert_eq!(error.attempts().len(), self.tries, "{error}: {:?}", error.attempts());
        for attempt in error.attempts() {
            assert!(self.is(attempt.error()), "{:?}", attempt.error());
        }
    }

    fn is(&self, error: Option<&AttemptError>) -> bool {
        matches!(error, Some(AttemptError::Refused { code, outcome, .. }) if (*code, *outcome) == (self.code, self.outcome))
    }

    /// Sends that begin at the broker that refuses end well at the other one; they are there once, and those `before` too.
    async fn elsewhere(&self, place: &Place, producer: &Producer, topic: &str, refusing: &str, before: Vec<Sent>) {
        let mut all = before;
        let first = all.len();
        for _ in 0..8 {
            all.push(producer.send(Message::new(topic, "x")).await);
        }
        let mut moved = 0;
        for sent in &all[first..] {
            let result = sent.as_ref().expect("the other broker stores it");
            assert_ne!(&**result.queue().broker_name(), refusing);
            for attempt in result.attempts().iter().filter(|attempt| attempt.error().is_some()) {
                assert!(self.is(attempt.error()) && &**attempt.broker_name() == refusing, "{:?}", attempt.error());
                moved += 1;
            }
        }
        assert!(moved > 0, "no send began at {refusing}");
        let ledger = Ledger::of(all);
        let tally = ledger.compare(&place.read(topic, ledger.confirmed()).await);
        assert_eq!((tally.copies, tally.maybe_stored), (ledger.confirmed(), 0), "{tally:?}");
    }
}

fn queue(topic: &str, broker: &str, id: i32) -> MessageQueue {
    MessageQueue::new(topic, broker, id)
}

/// Bytes that no compressor makes fewer (xorshift).
fn incompressible(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

const A: &str = "broker-a";
const B: &str = "broker-b";
const SLAVE_OF_B: &str = "broker-b-1";
const ROUNDS: usize = 20;
