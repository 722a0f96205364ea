//! Sends that go on by themselves, and the room that all sends take.

use std::sync::Arc;

use parking_lot::Mutex;
use rmq_producer::{InFlightLimits, Message, Outcome, Producer, SendErrorKind};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::time::Instant;

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn with_room(cluster: &TestCluster, sends: usize, bytes: usize) -> Producer {
    builder(cluster).back_pressure(InFlightLimits::new(sends, bytes)).start().await.expect("the cluster answers")
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_a_future_of_the_result() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let queue = producer.publish_queues("orders").await.unwrap().remove(3);
    let handle = producer.enqueue(hello()).to(queue.clone()).await.unwrap();
    assert!(!handle.is_done());
    assert_eq!(&**handle.topic(), "orders");
    let sent = handle.await.unwrap();
    assert_eq!((sent.queue(), producer.in_flight()), (&queue, 0));
    let chosen = producer.enqueue(hello()).select(|_, _| 2).await.unwrap().await.unwrap();
    assert_eq!(chosen.queue(), &producer.publish_queues("orders").await.unwrap()[2]);
    let error = producer.enqueue(hello()).select(|_, _| 99).await.unwrap().await.unwrap_err();
    assert_eq!((error.kind(), error.into_message()), (SendErrorKind::InvalidQueue, hello()));
}

#[tokio::test(start_paused = true)]
async fn a_send_goes_on_when_its_handle_is_dropped() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    for _ in 0..10 {
        drop(producer.enqueue(hello()).await.unwrap());
    }
    assert_eq!(producer.in_flight(), 10);
    assert_eq!(cluster.wait_for_messages("orders", 10, seconds(5)).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_waits_within_its_own_deadline() {
    let cluster = start(one_broker()).await;
    let producer = with_room(&cluster, 1, 1 << 20).await;
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::delay(seconds(1)));
    let first = producer.enqueue(hello()).await.unwrap();
    let begun = Instant::now();
    let second = producer.enqueue(hello()).timeout(milliseconds(1_500)).await.unwrap();
    assert!(begun.elapsed() >= seconds(1), "it waited for the first one");
    // What the wait took is missing later.
    let error = second.await.unwrap_err();
    assert_eq!((error.kind(), error.elapsed()), (SendErrorKind::Timeout, milliseconds(1_500)));
    first.await.unwrap();

    let _held = producer.enqueue(hello()).await.unwrap();
    let begun = Instant::now();
    let error = producer.enqueue(hello()).timeout(milliseconds(300)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome(), begun.elapsed()),
        (SendErrorKind::NoRoom, Outcome::NotSent, milliseconds(300))
    );
    assert!(error.is_retryable() && error.attempts().is_empty());
    assert_eq!(error.into_message(), hello());
}

#[tokio::test(start_paused = true)]
async fn the_forms_that_do_not_wait_refuse_at_once_and_give_the_message_back() {
    let cluster = start(one_broker()).await;
    let producer = with_room(&cluster, 1, 1 << 20).await;
    cluster.on(SEND, &Fault::delay(seconds(1)));
    let held = producer.try_enqueue(hello()).unwrap();
    let begun = Instant::now();
    let refused = [producer.try_send(hello()).await.unwrap_err(), producer.try_enqueue(hello()).unwrap_err()];
    assert_eq!(begun.elapsed(), seconds(0));
    for error in refused {
        assert_eq!(error.kind(), SendErrorKind::NoRoom);
        let text = error.to_string();
        assert!(text.contains("no room") && text.contains("nothing was sent"), "{text}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(error.into_message(), hello());
    }
    held.await.unwrap();
    producer.try_send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bytes_are_room_too_and_a_message_larger_than_all_goes_alone() {
    let cluster = start(one_broker()).await;
    let producer = with_room(&cluster, 100, 10_000).await;
    cluster.on(SEND, &Fault::delay(seconds(1)));
    let message = |bytes: usize| Message::new("orders", vec![7; bytes]);
    let first = producer.enqueue(message(6_000)).await.unwrap();
    for _ in 0..1_000 {
        assert_eq!(producer.try_enqueue(message(6_000)).unwrap_err().kind(), SendErrorKind::NoRoom);
    }
    assert_eq!(producer.in_flight(), 1);
    let second = producer.try_enqueue(message(3_000)).unwrap();
    let large = producer.enqueue(message(50_000)).await.unwrap();
    assert!(first.is_done() && second.is_done(), "it had to be alone");
    assert_eq!(producer.try_enqueue(message(1)).unwrap_err().kind(), SendErrorKind::NoRoom);
    large.await.unwrap();
    producer.try_enqueue(message(1)).unwrap().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_drains_enqueued_sends_and_turns_away_who_waits_for_room() {
    let cluster = start(two_brokers()).await;
    let producer = with_room(&cluster, 5, 1 << 20).await;
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::delay(seconds(1)));
    for _ in 0..5 {
        drop(producer.enqueue(hello()).await.unwrap());
    }
    let (waiting, report) = tokio::join!(producer.enqueue(hello()).into_future(), async {
        settle().await;
        producer.shutdown(seconds(3)).await
    });
    assert_eq!(waiting.unwrap_err().kind(), SendErrorKind::Closed);
    assert!(report.is_clean() && report.took >= milliseconds(900), "{report:?}");
    assert_eq!((cluster.messages("orders").len(), producer.tasks(), producer.in_flight()), (6, 0, 0));
    assert_eq!(producer.try_enqueue(hello()).unwrap_err().kind(), SendErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn enqueued_sends_that_outlive_the_grace_end_with_errors_of_their_own() {
    let cluster = start(one_broker()).await;
    let producer = with_defaults(&cluster).send_timeout(seconds(60)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    let written = producer.enqueue(hello()).await.unwrap();
    settle().await;
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    let looking = producer.enqueue(Message::new("other", "x")).await.unwrap();
    settle().await;
    let report = producer.shutdown(seconds(1)).await;
    assert_eq!(report.unfinished, 2);
    let error = written.await.unwrap_err();
    assert!(error.possibly_stored() && error.message() == &hello(), "{error:?}");
    let error = looking.await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Closed, Outcome::NotSent));
    assert_eq!((producer.tasks(), producer.in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_send_in_a_pause_between_tries_does_not_hold_the_shutdown() {
    let cluster = start(one_broker()).await;
    let producer = with_defaults(&cluster).send_timeout(seconds(60)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.broker("broker-a").kill().await;
    let handle = producer.enqueue(hello()).await.unwrap();
    tokio::time::sleep(seconds(5)).await;
    let begun = Instant::now();
    producer.shutdown(seconds(0)).await;
    assert!(begun.elapsed() < milliseconds(100), "{:?}", begun.elapsed());
    let error = handle.await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_cuts_enqueued_sends_off_and_says_how_many() {
    let cluster = start(one_broker()).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let producer = with_defaults(&cluster).send_timeout(seconds(60)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    let mut handles = Vec::new();
    for _ in 0..3 {
        handles.push(producer.enqueue(hello()).await.unwrap());
    }
    settle().await;
    let clone = producer.clone();
    drop(producer);
    settle().await;
    assert!(handles.iter().all(|handle| !handle.is_done()), "a clone is left");

    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || drop(clone));
    let warnings: Vec<_> = log.0.lock().iter().filter(|line| line.contains("enqueued sends")).cloned().collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("pending=3"), "{warnings:?}");
    for handle in handles {
        let error = handle.await.unwrap_err();
        assert!(error.possibly_stored());
        assert_eq!(error.into_message(), hello());
    }
    settle().await;
    assert!(cluster.broker("broker-a").lines().is_empty());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[test]
fn a_runtime_that_ends_leaves_no_handle_waiting() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // The cluster is kept: without it the send might find that nobody listens.
    let (producer, handle, _cluster) = runtime.block_on(async {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        producer.send(hello()).await.unwrap();
        cluster.on(SEND, &Fault::silent());
        let handle = producer.enqueue(hello()).await.unwrap();
        (producer, handle, cluster)
    });
    drop(runtime);
    let late = producer.try_enqueue(hello());
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for handle in [Ok(handle), late].into_iter().flatten() {
        let error = other.block_on(handle).unwrap_err();
        // Either the task of the connection ends first, or that of the send.
        assert!(matches!(error.kind(), SendErrorKind::Closed | SendErrorKind::ConnectionLost), "{error:?}");
        assert!(error.possibly_stored());
        assert_eq!(error.into_message(), hello());
    }
    assert_eq!(producer.in_flight(), 0);
}

/// Keeps events as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().push(text.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_begun_before_it() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.flush().await;
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::delay(seconds(1)));
    for _ in 0..10 {
        drop(producer.enqueue(hello()).await.unwrap());
    }
    let (called, was_called) = tokio::sync::oneshot::channel();
    producer.send_with_callback(hello(), |result| drop(called.send(result)));
    let begun = Instant::now();
    let flush = producer.flush();
    tokio::pin!(flush);
    assert!(tokio::time::timeout(milliseconds(500), &mut flush).await.is_err(), "it may be given up, and taken up");
    let later = producer.enqueue(hello()).await.unwrap();
    flush.await;
    assert_eq!(begun.elapsed(), seconds(1));
    assert_eq!(producer.metrics().stored, 12);
    was_called.await.unwrap().unwrap();
    assert!(!later.is_done());
    later.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_over_when_sends_have_failed_too() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    let handle = producer.enqueue(hello()).timeout(seconds(2)).await.unwrap();
    let begun = Instant::now();
    producer.flush().await;
    assert_eq!(begun.elapsed(), seconds(2));
    assert!(handle.is_done());
    producer.shutdown(seconds(1)).await;
    producer.flush().await;
}
