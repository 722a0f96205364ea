//! Bodies on the wire: which are compressed, in which way, how often, and on which thread.

use std::future::IntoFuture as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::ThreadId;

use bytes::Bytes;
use rmq_message::{CompressionType, SysFlag};
use rmq_producer::compression::{
    CompressError, Compression, Compressor, DecompressError, DecompressLimits, Zlib, plain_body,
};
use rmq_producer::{Message, MessageLimits, Producer, SendErrorKind, SendHeaderVersion};
use rmq_testkit::{Fault, RequestCode, ResponseCode, TestCluster};
use tokio::task::JoinSet;

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// Compresses as zlib does, and notes when and where.
#[derive(Clone, Default)]
struct Witness {
    calls: Arc<AtomicUsize>,
    threads: Arc<Mutex<Vec<ThreadId>>>,
    /// It is not done before the other end is gone.
    until: Option<Arc<Mutex<mpsc::Receiver<()>>>>,
}

impl Witness {
    /// One that is not done before the sender is dropped.
    fn held() -> (Self, mpsc::Sender<()>) {
        let (hold, until) = mpsc::channel();
        (Self { until: Some(Arc::new(Mutex::new(until))), ..Self::default() }, hold)
    }
}

impl Compressor for Witness {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Zlib
    }

    fn compress(&self, body: &[u8]) -> Result<Bytes, CompressError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.threads.lock().map_err(|_| CompressError::new("poisoned"))?.push(std::thread::current().id());
        if let Some(until) = &self.until {
            until.lock().map_err(|_| CompressError::new("poisoned"))?.recv().ok();
        }
        Zlib::new(5).compress(body)
    }
}

/// Does not do it.
struct Fails(fn() -> CompressError);

impl Compressor for Fails {
    fn compression_type(&self) -> CompressionType {
        CompressionType::Zlib
    }

    fn compress(&self, _: &[u8]) -> Result<Bytes, CompressError> {
        Err((self.0)())
    }
}

/// Repetitive, and not the same throughout.
fn text(bytes: usize) -> Bytes {
    (0_u8..100).cycle().take(bytes).collect::<Vec<u8>>().into()
}

fn of(body: &Bytes) -> Message {
    Message::new("orders", body.clone())
}

/// What the broker received last: body and flag.
fn last_received(cluster: &TestCluster) -> (Bytes, SysFlag) {
    let requests = cluster.requests(SEND);
    let request = requests.last().expect("a request");
    let flag = request.field("f").and_then(|flag| flag.parse().ok()).expect("a flag");
    (request.body().clone(), SysFlag(flag))
}

fn unpacked(body: &Bytes, flag: SysFlag) -> Result<Bytes, DecompressError> {
    plain_body(flag, body, &DecompressLimits::default())
}

#[tokio::test(start_paused = true)]
async fn bodies_from_4096_bytes_on_travel_as_zlib_and_shorter_ones_as_they_are() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let (short, long) = (text(4_095), text(4_096));

    producer.send(of(&short)).await.unwrap();
    assert_eq!(last_received(&cluster), (short, SysFlag(0)));

    producer.send(of(&long)).await.unwrap();
    let (body, flag) = last_received(&cluster);
    assert_eq!(flag, SysFlag(0x301), "compressed, by zlib");
    assert_eq!(&body[..2], [0x78, 0x5E], "level 5");
    assert_eq!(Some((body.clone(), CompressionType::Zlib)), Compression::default().compress(&long).unwrap());
    let stored = &cluster.messages("orders")[1];
    assert_eq!((&stored.body, stored.sys_flag), (&body, 0x301));
    assert_eq!(stored.plain_body().unwrap(), long, "what a consumer gets");
}

#[tokio::test(start_paused = true)]
async fn the_long_header_and_oneway_sends_say_it_too() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).send_header(SendHeaderVersion::V1).start().await.unwrap();
    let body = text(5_000);
    producer.send(of(&body)).await.unwrap();
    producer.send_oneway(of(&body)).await.unwrap();
    settle().await;
    for request in cluster.requests(RequestCode::SEND_MESSAGE) {
        assert_eq!(request.field("sysFlag"), Some("769"));
        assert_eq!(unpacked(request.body(), SysFlag(769)).unwrap(), body);
    }
    assert_eq!(cluster.message_count("orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn threshold_level_and_off_are_options() {
    let cluster = start(one_broker()).await;
    let with = async |compression| builder(&cluster).compression(compression).start().await.expect("it starts");

    let zeros = Bytes::from_static(&[0; 100]);
    with(Compression::zlib().level(9).over(100)).await.send(of(&zeros)).await.unwrap();
    let (body, flag) = last_received(&cluster);
    assert_eq!((&body[..2], flag), (&[0x78, 0xDA][..], SysFlag(0x301)));

    with(Compression::off()).await.send(of(&text(10_000))).await.unwrap();
    assert_eq!(last_received(&cluster), (text(10_000), SysFlag(0)));
}

#[tokio::test(start_paused = true)]
#[cfg(any(feature = "lz4", feature = "zstd"))]
async fn the_other_types_have_their_own_flags_and_come_back() {
    let cases = [
        #[cfg(feature = "lz4")]
        (Compression::lz4(), 0x101, &[0x04, 0x22, 0x4D, 0x18][..]),
        #[cfg(feature = "zstd")]
        (Compression::zstd(), 0x201, &[0x28, 0xB5, 0x2F, 0xFD][..]),
    ];
    for (compression, expected, magic) in cases {
        let cluster = start(one_broker()).await;
        let producer = builder(&cluster).compression(compression).start().await.unwrap();
        producer.send(of(&text(10_000))).await.unwrap();
        let (body, flag) = last_received(&cluster);
        assert_eq!((flag, &body[..4]), (SysFlag(expected), magic));
        assert_eq!(unpacked(&body, flag).unwrap(), text(10_000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_compressor_that_fails_or_panics_sends_the_plain_body_and_is_counted() {
    let cluster = start(one_broker()).await;
    let failing: [fn() -> CompressError; 2] = [|| CompressError::new("no"), || panic!("ouch")];
    for fail in failing {
        let producer = builder(&cluster).compression(Compression::own(Fails(fail))).start().await.unwrap();
        for count in 1..=2 {
            producer.send(of(&text(5_000))).await.unwrap();
            assert_eq!(last_received(&cluster), (text(5_000), SysFlag(0)));
            assert_eq!(producer.metrics().compression_failures, count);
        }
        producer.send(of(&text(10))).await.unwrap();
        assert_eq!(producer.metrics().compression_failures, 2, "short bodies are not compressed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_compressed_once_for_all_attempts() {
    let cluster = start(two_brokers()).await;
    let witness = Witness::default();
    let producer = with_defaults(&cluster).compression(Compression::own(witness.clone())).start().await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::SERVICE_NOT_AVAILABLE).times(1));
    let sent = producer.send(of(&text(5_000))).await.unwrap();
    assert_eq!((sent.attempts().len(), witness.calls.load(Ordering::SeqCst)), (3, 1));
    let requests = cluster.requests(SEND);
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.field("f") == Some("769")));
    assert!(requests.iter().all(|request| request.body() == requests[0].body()), "byte for byte the same");
}

#[tokio::test(start_paused = true)]
async fn the_message_comes_back_as_it_was_and_is_not_compressed_twice_when_it_is_sent_again() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(SEND, &Fault::reply(ResponseCode::NO_PERMISSION).times(1));
    let message = of(&text(5_000)).tag("paid");
    let error = producer.send(message.clone()).await.unwrap_err();
    assert_eq!(last_received(&cluster).1, SysFlag(0x301));
    let back = error.into_message();
    assert_eq!(back, message);
    assert_eq!(back.body().as_ptr(), message.body().as_ptr(), "the very same bytes");

    producer.send(back).await.unwrap();
    let (body, flag) = last_received(&cluster);
    assert_eq!(unpacked(&body, flag).unwrap(), text(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_would_get_no_shorter_travels_as_it_is() {
    let cluster = start(one_broker()).await;
    let witness = Witness::default();
    let producer = builder(&cluster).compression(Compression::own(witness.clone())).start().await.unwrap();
    // Of exactly the limit: a few bytes more, and the broker refuses it.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    });
    let noise: Bytes = noise.take(MessageLimits::DEFAULT_MAX_BODY_BYTES).collect::<Vec<u8>>().into();
    producer.send(of(&noise)).timeout(seconds(60)).await.unwrap();
    assert_eq!(last_received(&cluster), (noise, SysFlag(0)));
    assert_eq!(
        (witness.calls.load(Ordering::SeqCst), producer.metrics().compression_failures),
        (1, 0),
        "that is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_the_body_before_it_is_compressed() {
    let cluster = start(one_broker()).await;
    let witness = Witness::default();
    let producer = builder(&cluster)
        .limits(MessageLimits::default().max_body_bytes(5_000))
        .compression(Compression::own(witness.clone()))
        .start()
        .await
        .unwrap();
    assert_eq!(kind(producer.send(of(&text(5_001))).await), SendErrorKind::InvalidMessage);
    assert_eq!((witness.calls.load(Ordering::SeqCst), cluster.request_count(SEND)), (0, 0));
    producer.send(of(&text(5_000))).await.unwrap();
}

/// The threads on which bodies of these lengths were compressed, and that of the sending task.
async fn threads(producer: Producer, witness: Witness, lengths: [usize; 2]) -> (ThreadId, Vec<ThreadId>) {
    let mut task = JoinSet::new();
    task.spawn(async move {
        for bytes in lengths {
            producer.send(of(&text(bytes))).await.expect("it is stored");
        }
        std::thread::current().id()
    });
    let sender = task.join_next().await.expect("a task").expect("no panic");
    let threads = witness.threads.lock().expect("no panic").clone();
    (sender, threads)
}

const LARGE: usize = 256 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn large_bodies_are_compressed_off_the_threads_of_a_runtime_that_has_several() {
    let cluster = start(one_broker()).await;
    let witness = Witness::default();
    let producer = builder(&cluster)
        .compression(Compression::own(witness.clone()))
        .send_timeout(seconds(60))
        .start()
        .await
        .unwrap();
    let (sender, threads) = threads(producer, witness, [LARGE - 1, LARGE]).await;
    assert_eq!((threads.len(), threads[0]), (2, sender));
    assert_ne!(threads[1], sender);
    assert!(cluster.messages("orders").iter().all(|stored| stored.sys_flag == 0x301));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_of_one_thread_uses_no_other() {
    let cluster = start(one_broker()).await;
    let witness = Witness::default();
    let producer = builder(&cluster).compression(Compression::own(witness.clone())).start().await.unwrap();
    let (sender, threads) = threads(producer, witness, [LARGE, LARGE]).await;
    assert_eq!(threads, [sender, sender]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_deadline_holds_while_a_body_is_compressed() {
    let cluster = start(one_broker()).await;
    let (witness, hold) = Witness::held();
    let producer = builder(&cluster).compression(Compression::own(witness)).start().await.unwrap();
    let send = producer.send(of(&text(LARGE))).timeout(milliseconds(50)).into_future();
    let ended = tokio::time::timeout(seconds(60), send).await.expect("long before the compressor is done");
    let error = ended.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::DeadlineExpired, false));
    assert_eq!((producer.in_flight(), producer.metrics().compression_failures), (0, 0));
    drop(hold);
    assert_eq!(cluster.request_count(SEND), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_send_that_is_dropped_while_its_body_is_compressed_leaves_nothing_in_flight() {
    let cluster = start(one_broker()).await;
    let (witness, hold) = Witness::held();
    let builder = builder(&cluster).compression(Compression::own(witness)).send_timeout(seconds(60));
    let producer = builder.start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert!(stop_after(1, producer.send(of(&text(LARGE))).into_future()).await.is_none());
    assert_eq!(producer.in_flight(), 0, "while it is compressed");
    drop(hold);
    for polls in 1..=3 {
        let dropped = stop_after(polls, producer.send(of(&text(LARGE))).into_future()).await;
        assert_eq!(producer.in_flight(), 0, "after {polls} polls");
        if dropped.is_some() {
            break;
        }
    }
    let report = producer.shutdown(seconds(60)).await;
    assert!(report.is_clean());
    assert_eq!(producer.tasks(), 0);
}
