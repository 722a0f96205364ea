//! Producers that share an instance, of which one ends: its sends are over with it, whichever way they go, and no others are.

use super::*;
use crate::{Compression, ProducerBuilder, SendErrorKind, SendResult};

const LONG: Duration = Duration::from_secs(600);

fn named(cluster: &TestCluster, group: &str) -> ProducerBuilder {
    let builder = Producer::builder(group).name_servers(cluster.name_servers()).connector(cluster.connector());
    builder.client_ip([10, 9, 9, 9].into()).instance_name("shared").send_timeout(LONG).retries(RetryPolicy::none())
}

async fn join(cluster: &TestCluster, group: &str) -> Producer {
    let producer = named(cluster, group).start().await.expect("the cluster answers");
    producer.send(message(What::Plain)).await.expect("it is stored");
    producer
}

type Outcome = Result<SendResult, SendError>;

fn spawn(
    producer: &Producer,
    work: impl Future<Output = Outcome> + Send + 'static,
) -> tokio::task::JoinHandle<Outcome> {
    producer.sender().instance().runtime().spawn(work)
}

/// Sends that wait for their answers: some that go the short way, some that go the boxed one, some that go by themselves.
async fn send_each_way(producer: &Producer) -> Vec<tokio::task::JoinHandle<Outcome>> {
    let mut sends = Vec::new();
    for number in 0..12 {
        producer.go_slowly(number % 3 == 1);
        let producer = producer.clone();
        if number % 3 == 2 {
            let handle = producer.enqueue(message(What::Plain)).await.expect("there is room");
            sends.push(spawn(&producer, handle));
            continue;
        }
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        sends.push(spawn(&producer.clone(), async move {
            let mut sending = producer.send(message(What::Plain)).into_future();
            let first = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut sending).poll(cx).is_pending())).await;
            assert_eq!((first, sending.is_unboxed()), (true, number % 3 == 0), "send {number}");
            begun.send(()).expect("somebody waits for it");
            sending.await
        }));
        has_begun.await.expect("it begins");
    }
    producer.go_slowly(false);
    sends
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_cuts_off_its_sends_of_every_way_and_none_of_its_sibling_s() {
    let cluster = TestCluster::builder().memory().brokers(2).topic("orders", 4).start().await.expect("it starts");
    let (ends, stays) = (join(&cluster, "ends").await, join(&cluster, "stays").await);
    for _ in 0..8 {
        ends.send(message(What::Plain)).await.expect("every broker is connected");
    }
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(Duration::from_secs(20)));
    let (cut_off, go_on) = (send_each_way(&ends).await, send_each_way(&stays).await);
    let begun = Instant::now();
    let report = ends.shutdown(Duration::from_secs(2)).await;
    assert_eq!((report.unfinished, report.not_sent, report.maybe_stored), (12, 0, 12));
    for send in cut_off {
        let error = send.await.expect("no panic").expect_err("its producer has ended");
        assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::ConnectionLost, true), "{error:?}");
    }
    assert!(begun.elapsed() < Duration::from_millis(2_100), "{:?}", begun.elapsed());
    assert_eq!((ends.in_flight(), ends.tasks(), stays.in_flight()), (0, 0, 12));
    for send in go_on {
        send.await.expect("no panic").expect("it is stored");
    }
    assert_eq!(begun.elapsed().as_secs(), 20, "as if nothing had been");
    // The late answers have found nobody, and no request is left on the connections.
    let remoting = stays.sender().instance().remoting();
    assert_eq!((remoting.in_flight(), remoting.stats().late_answers, remoting.stats().unknown_answers), (0, 12, 0));
    assert!(remoting.connections().iter().all(|connection| connection.in_flight() + connection.orphans() == 0));
    assert!(stays.shutdown(Duration::from_secs(2)).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn oneway_sends_that_are_not_written_end_with_their_producer_only() {
    let cluster = TestCluster::builder().memory().topic("orders", 4).start().await.expect("it starts");
    let builder =
        |group| named(&cluster, group).compression(Compression::off()).heartbeat_interval(Duration::from_secs(100));
    let ends = builder("ends").start().await.expect("the cluster answers");
    let stays = builder("stays").start().await.expect("the cluster answers");
    ends.send(message(What::Plain)).await.expect("it is stored");
    stays.send(message(What::Plain)).await.expect("it is stored");
    let line = cluster.broker("broker-a").lines().remove(0);
    line.stop_reading();
    let large = || Message::new("orders", vec![7; 900 << 10]);
    let mut of_stays = stays.send_oneway(large()).into_future();
    let mut of_ends = ends.send_oneway(large()).into_future();
    for sending in [&mut of_stays, &mut of_ends] {
        let pending = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *sending).poll(cx).is_pending())).await;
        assert!(pending && sending.is_unboxed());
    }
    let (of_ends, report) = tokio::join!(of_ends, ends.shutdown(Duration::from_secs(1)));
    let error = of_ends.expect_err("its producer has ended");
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::ConnectionLost, true));
    assert_eq!((report.unfinished, report.maybe_stored, ends.in_flight(), stays.in_flight()), (1, 1, 0, 1));
    line.resume();
    of_stays.await.expect("it is written");
    assert_eq!(
        cluster.wait_for_messages("orders", 4, Duration::from_secs(1)).await.len(),
        4,
        "what was encoded arrives"
    );
}

/// Two threads: a producer that ends while many send by it, before a broker that falls silent. No send stays behind the end, whatever it was
/// about just then; the deadlines are far beyond the bound.
#[test]
fn no_send_stays_behind_the_end_of_its_producer() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime of two threads");
    runtime.block_on(async {
        let cluster = TestCluster::builder().memory().topic("orders", 4).start().await.expect("it starts");
        let _stays = join(&cluster, "stays").await;
        for round in 0..150_u32 {
            let ends = join(&cluster, "ends").await;
            let sends: Vec<_> = (0..6).map(|n| spawn(&ends, send_until_refused(ends.clone(), n))).collect();
            for _ in 0..round % 11 {
                tokio::task::yield_now().await;
            }
            cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
            let ended = tokio::time::timeout(LONG / 10, ends.shutdown(Duration::ZERO)).await;
            ended.unwrap_or_else(|_| panic!("the end of round {round} hangs"));
            for send in sends {
                let over = tokio::time::timeout(LONG / 10, send).await;
                let error = over.unwrap_or_else(|_| panic!("a send of round {round} hangs")).expect("no panic");
                let kind = error.expect_err("no other end").kind();
                assert!(matches!(kind, SendErrorKind::Closed | SendErrorKind::ConnectionLost), "{kind:?}");
            }
            assert_eq!(ends.in_flight(), 0);
            cluster.clear_faults();
        }
    });
}

/// Sends one after the other until one fails.
async fn send_until_refused(producer: Producer, way: u32) -> Outcome {
    loop {
        match way % 3 {
            0 => drop(producer.send(message(What::Plain)).await?),
            1 => producer.send_oneway(message(What::Plain)).await?,
            _ => drop(producer.enqueue(message(What::Plain)).await?.await?),
        }
    }
}
