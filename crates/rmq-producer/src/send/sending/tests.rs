//! The short way of a send and the boxed one: the same frames, results and counters, whatever happens.

mod siblings;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use proptest::prelude::*;
use rmq_remoting::{HeaderEncoding, RemotingConfig, RequestCode, ResponseCode, WallClock};
use rmq_testkit::{Fault, TestCluster};

use super::*;
use crate::{Message, MessageQueue, Producer, RetryPolicy, SendHeaderVersion};

/// One send, and what its brokers do.
#[derive(Clone, Debug)]
struct Step {
    message: What,
    aim: To,
    way: Way,
    /// Whether it says itself how long it may take.
    bounded: bool,
    retries: Option<u8>,
    /// What the next requests meet, and how many of them.
    fault: Option<(Meets, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Plain,
    Sharded,
    OwnId,
    Large,
    Retried,
    RetriedAtMost,
    BadNumber,
    Empty,
    Nowhere,
}

#[derive(Clone, Copy, Debug)]
enum To {
    Any,
    Queue,
    OtherTopic,
    UnknownBroker,
    Selected(usize),
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Awaited,
    Oneway,
    Enqueued,
    AtOnce,
    /// Given up after its first poll.
    Dropped,
}

#[derive(Clone, Copy, Debug)]
enum Meets {
    Busy,
    Illegal,
    Failed,
    FlushTimeout,
    Silence,
    Cut,
    CutBehind,
    Unreadable,
    Delay,
}

#[derive(Clone, Debug)]
struct Setting {
    v1: bool,
    binary: bool,
    namespace: u8,
    hooked: bool,
    two_brokers: bool,
    /// Whether it has a sibling, who shares its connections.
    shared: bool,
    /// Whether it ends while sends wait for their answers.
    cut_off: bool,
}

struct Noon;

impl WallClock for Noon {
    fn now_millis(&self) -> i64 {
        1_700_000_000_000
    }
}

struct Quiet;

impl crate::RpcHook for Quiet {}

impl Meets {
    fn fault(self) -> Fault {
        match self {
            Self::Busy => Fault::reply(ResponseCode::SYSTEM_BUSY),
            Self::Illegal => Fault::reply(ResponseCode::MESSAGE_ILLEGAL).remark("no"),
            Self::Failed => Fault::reply(ResponseCode::SYSTEM_ERROR).remark("store failed"),
            Self::FlushTimeout => Fault::status(ResponseCode::FLUSH_DISK_TIMEOUT),
            Self::Silence => Fault::silent(),
            Self::Cut => Fault::cut(),
            Self::CutBehind => Fault::store_then_cut(),
            Self::Unreadable => Fault::edit(|answer| answer.ext_fields_mut().set("queueOffset", "soon")),
            Self::Delay => Fault::delay(Duration::from_millis(30)),
        }
    }
}

fn message(what: What) -> Message {
    let mut message = match what {
        What::Empty => Message::new("orders", ""),
        What::Nowhere => Message::new("nowhere", "hello"),
        What::Large => Message::new("orders", "compressible ".repeat(500)),
        What::Retried | What::RetriedAtMost | What::BadNumber => Message::new("%RETRY%pg", "again"),
        What::Plain | What::Sharded | What::OwnId => Message::new("orders", "hello").tag("paid").flag(7),
    };
    if let What::Sharded = what {
        message = message.sharding_key("customer-7");
    }
    let properties = message.properties_mut();
    match what {
        What::OwnId => drop(properties.set("UNIQ_KEY", "0123456789ABCDEF0123456789ABCDEF")),
        What::Retried => drop(properties.set("RECONSUME_TIME", "3")),
        What::RetriedAtMost => {
            properties.set("RECONSUME_TIME", "3");
            properties.set("MAX_RECONSUME_TIMES", "16");
        }
        What::BadNumber => drop(properties.set("RECONSUME_TIME", "often")),
        _ => {}
    }
    message
}

/// What can be seen of a run from outside.
#[derive(Debug, PartialEq)]
struct Seen {
    outcomes: Vec<String>,
    frames: Vec<String>,
    metrics: String,
}

fn play(setting: &Setting, steps: &[Step], slowly: bool) -> Seen {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime of one thread");
    runtime.block_on(run(setting, steps, slowly))
}

async fn run(setting: &Setting, steps: &[Step], slowly: bool) -> Seen {
    let brokers = 1 + usize::from(setting.two_brokers);
    let cluster = TestCluster::builder().memory().brokers(brokers).auto_create_topics(false).seed(7);
    let cluster = cluster.epoch_millis(1_700_000_000_000);
    let cluster = if setting.namespace == 1 {
        cluster.topic("ns%orders", 4).topic("%RETRY%ns%pg", 1)
    } else {
        cluster.topic("orders", 4).topic("%RETRY%pg", 1)
    };
    let cluster = cluster.start().await.expect("a cluster in memory always starts");
    let mut remoting = RemotingConfig::default();
    remoting.seed = Some(7);
    remoting.reconnect_backoff_first = Duration::from_nanos(1); // random below that
    remoting.reconnect_backoff_max = Duration::from_nanos(1);
    remoting.clock = Arc::new(Noon);
    let mut builder = Producer::builder("pg")
        .name_servers(cluster.name_servers())
        .connector(cluster.connector())
        .client_ip([10, 9, 9, 9].into())
        .remoting(remoting)
        .send_header(if setting.v1 { SendHeaderVersion::V1 } else { SendHeaderVersion::V2 })
        .header_encoding(if setting.binary { HeaderEncoding::Rocketmq } else { HeaderEncoding::Json });
    match setting.namespace {
        1 => builder = builder.namespace("ns"),
        2 => builder = builder.namespace_v2("ns"),
        _ => {}
    }
    if setting.hooked {
        builder = builder.rpc_hook(Quiet);
    }
    let mut sibling = None;
    if setting.shared {
        builder = builder.instance_name("shared");
        let other = builder.clone().producer_group("siblings").start().await.expect("the cluster answers");
        other.send(Message::new("orders", "a sibling's")).await.expect("it is stored");
        sibling = Some(other);
    }
    let producer = builder.start().await.expect("the cluster answers");
    producer.go_slowly(slowly);
    let mut outcomes = Vec::new();
    for step in steps {
        if let Some((meets, times)) = step.fault {
            cluster.on(RequestCode::SEND_MESSAGE_V2, &meets.fault().times(times));
            cluster.on(RequestCode::SEND_MESSAGE, &meets.fault().times(times));
        }
        outcomes.push(send(&producer, step).await);
        cluster.clear_faults();
        // What was dropped arrives.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if setting.cut_off {
        outcomes.push(cut_off(&producer, &cluster).await);
    }
    if let Some(sibling) = sibling {
        sibling.send(Message::new("orders", "a sibling's")).await.expect("it is stored");
    }
    let mut frames = Vec::new();
    for broker in cluster.brokers() {
        for request in broker.all_requests() {
            if matches!(request.code(), RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2) {
                let fields = request.command.ext_fields().map(|fields| fields.iter().collect::<Vec<_>>());
                let (flag, encoding) = (request.command.flag(), request.command.encoding());
                let place = (&*request.server, request.at, request.code());
                frames.push(format!("{place:?} {flag} {encoding:?} {fields:?} {:?}", request.body()));
            }
        }
    }
    // A producer has a name that no other one has.
    let metrics = format!("{:?}", producer.metrics()).replace(producer.client_id(), "a client");
    Seen { outcomes, frames, metrics }
}

/// Ends the producer while sends wait for answers that never come.
async fn cut_off(producer: &Producer, cluster: &TestCluster) -> String {
    for code in [RequestCode::SEND_MESSAGE_V2, RequestCode::SEND_MESSAGE] {
        cluster.on(code, &Fault::silent());
    }
    let message = || message(What::Plain);
    let strict = RetryPolicy::times(2).strict();
    let long = Duration::from_secs(60);
    let enqueued = producer.enqueue(message()).timeout(long).await.expect("there is room");
    let ends = tokio::join!(
        producer.send(message()).timeout(long).into_future(),
        producer.send(message()).timeout(long).retries(strict).into_future(),
        enqueued,
        async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            producer.shutdown(Duration::from_secs(1)).await
        }
    );
    cluster.clear_faults();
    format!("{ends:?}")
}

async fn send(producer: &Producer, step: &Step) -> String {
    let message = message(step.message);
    let topic = Arc::clone(message.topic_shared());
    // A pause after a busy answer is random, and tasks of the client draw from the same source.
    let retries = if let Some((Meets::Busy, _)) = step.fault { Some(0) } else { step.retries };
    let policy = retries.map(|kind| match kind {
        0 => RetryPolicy::none(),
        1 => RetryPolicy::times(2).strict(),
        _ => RetryPolicy::times(1).retry_another_broker_when_not_store_ok(true),
    });
    let queue = match step.aim {
        To::Any | To::Selected(_) => None,
        To::Queue => Some(MessageQueue::new(topic, "broker-a", 0)),
        To::OtherTopic => Some(MessageQueue::new("others", "broker-a", 0)),
        To::UnknownBroker => Some(MessageQueue::new(topic, "broker-x", 0)),
    };
    macro_rules! aimed {
        ($request:expr) => {{
            let mut request = $request;
            if step.bounded {
                request = request.timeout(Duration::from_secs(2));
            }
            if let Some(queue) = queue {
                request = request.to(queue);
            }
            if let To::Selected(at) = step.aim {
                request = request.select(move |_, _| at);
            }
            request
        }};
    }
    macro_rules! tried {
        ($request:expr) => {{
            let request = aimed!($request);
            if let Some(policy) = policy { request.retries(policy) } else { request }
        }};
    }
    match step.way {
        Way::Awaited => format!("{:?}", tried!(producer.send(message)).await),
        Way::AtOnce => format!("{:?}", tried!(producer.try_send(message)).await),
        Way::Oneway => format!("{:?}", aimed!(producer.send_oneway(message)).await),
        Way::Enqueued => match tried!(producer.enqueue(message)).await {
            Ok(handle) => format!("{:?}", handle.await),
            Err(error) => format!("not entered: {error:?}"),
        },
        Way::Dropped => {
            let mut sending = tried!(producer.send(message)).into_future();
            let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx))).await;
            format!("{:?}", polled.map(|outcome| outcome.is_ok()))
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    use {Meets as M, What as W};
    let message = prop_oneof![
        6 => Just(W::Plain), 2 => Just(W::Sharded), 1 => Just(W::OwnId), 1 => Just(W::Large), 1 => Just(W::Retried),
        1 => Just(W::RetriedAtMost), 1 => Just(W::BadNumber), 1 => Just(W::Empty), 1 => Just(W::Nowhere),
    ];
    let aim = prop_oneof![
        6 => Just(To::Any), 2 => Just(To::Queue), 1 => Just(To::OtherTopic), 1 => Just(To::UnknownBroker),
        2 => (0_usize..10).prop_map(To::Selected),
    ];
    let way = prop_oneof![
        6 => Just(Way::Awaited), 2 => Just(Way::Oneway), 2 => Just(Way::Enqueued), 1 => Just(Way::AtOnce),
        1 => Just(Way::Dropped),
    ];
    let meets = prop_oneof![
        Just(M::Busy),
        Just(M::Illegal),
        Just(M::Failed),
        Just(M::FlushTimeout),
        Just(M::Silence),
        Just(M::Cut),
        Just(M::CutBehind),
        Just(M::Unreadable),
        Just(M::Delay),
    ];
    let fault = proptest::option::weighted(0.4, (meets, 1_u64..4));
    (message, aim, way, any::<bool>(), proptest::option::weighted(0.3, 0_u8..3), fault)
        .prop_map(|(message, aim, way, bounded, retries, fault)| Step { message, aim, way, bounded, retries, fault })
}

fn setting() -> impl Strategy<Value = Setting> {
    let flag = any::<bool>;
    let hooked = proptest::bool::weighted(0.2);
    (flag(), flag(), 0_u8..3, hooked, flag(), flag(), proptest::bool::weighted(0.3)).prop_map(
        |(v1, binary, namespace, hooked, two_brokers, shared, cut_off)| Setting {
            v1,
            binary,
            namespace,
            hooked,
            two_brokers,
            shared,
            cut_off,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_come_to_the_same(setting in setting(), steps in proptest::collection::vec(step(), 1..12)) {
        let (quick, boxed) = (play(&setting, &steps, false), play(&setting, &steps, true));
        prop_assert_eq!(quick, boxed);
    }
}

/// Sends that wait for nothing but their answers, over connections of the producer's own, or shared ones.
fn are_short(shared: bool) {
    let step =
        Step { message: What::Plain, aim: To::Any, way: Way::Awaited, bounded: false, retries: None, fault: None };
    let setting =
        Setting { v1: false, binary: false, namespace: 2, hooked: false, two_brokers: true, shared, cut_off: false };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime of one thread");
    runtime.block_on(async {
        let cluster = TestCluster::builder().memory().brokers(2).topic("orders", 4).start().await.expect("it starts");
        let builder = Producer::builder("pg").name_servers(cluster.name_servers()).connector(cluster.connector());
        let mut builder = builder.namespace_v2("ns");
        if shared {
            builder = builder.instance_name("shared");
        }
        let producer = builder.start().await.expect("the cluster answers");
        for number in 0..20 {
            let mut sending = producer.send(message(step.message)).into_future();
            let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx).is_ready())).await;
            assert!(!polled);
            // One send per broker has to wait for its connection, the first for its route too.
            if number >= 8 {
                assert!(sending.is_unboxed(), "send {number}");
            }
            sending.await.expect("stored");
        }
    });
    let steps = [step];
    assert_eq!(play(&setting, &steps, false), play(&setting, &steps, true));
}

#[test]
fn the_short_way_is_taken_by_all_but_the_first_send() {
    are_short(false);
}

#[test]
fn the_short_way_is_taken_over_shared_connections_too() {
    are_short(true);
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_over_holds_no_room_even_if_its_future_is_kept() {
    let cluster = TestCluster::builder().memory().topic("orders", 4).start().await.expect("it starts");
    let producer = Producer::builder("pg").name_servers(cluster.name_servers()).connector(cluster.connector());
    let producer = producer.start().await.expect("the cluster answers");
    let mut kept = Vec::new();
    for _ in 0..10 {
        let mut sending = producer.send(message(What::Plain)).into_future();
        (&mut sending).await.expect("stored");
        assert_eq!(producer.metrics().queued_bytes, 0);
        let again = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx).is_pending())).await;
        assert!(again, "there is no second result");
        kept.push(sending);
    }
    let metrics = producer.metrics();
    assert_eq!((metrics.accepted, metrics.stored, metrics.in_flight, metrics.dropped), (10, 10, 0, 0));
    let report = tokio::time::timeout(Duration::from_secs(1), producer.shutdown(Duration::from_secs(3))).await;
    assert!(report.is_ok(), "nothing is waited for");
    drop(kept);
    assert_eq!(producer.metrics(), metrics);
}
