//! Sends for code that is not async.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rmq_producer::{CallbackExecutor, InFlightLimits, Message, Producer, SendErrorKind, StartError};
use rmq_testkit::{Fault, RequestCode, TestCluster};

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

#[tokio::test(start_paused = true)]
async fn the_callback_is_called_once_with_result_or_error() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    let (tell, mut told) = tokio::sync::mpsc::channel(10);
    let other = tell.clone();
    producer.send_with_callback(hello(), move |result| tell.blocking_send(result).unwrap());
    let sent = told.recv().await.unwrap().unwrap();
    assert_eq!(cluster.messages("orders")[0].unique_id(), Some(sent.message_id()));
    cluster.on(SEND, &Fault::silent());
    let request = producer.enqueue(hello()).timeout(seconds(1));
    request.with_callback(move |result| other.blocking_send(result).unwrap());
    let error = told.recv().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::Timeout, true));
    assert!(told.recv().await.is_none(), "each callback is gone");
    settle().await;
    assert_eq!(producer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_called_back_before_the_call_returns() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).back_pressure(InFlightLimits::new(1, 1 << 20)).start().await.unwrap();
    cluster.on(SEND, &Fault::delay(seconds(1)));
    let _held = producer.enqueue(hello()).await.unwrap();
    let refusal = |message: Message| {
        let (tell, told) = mpsc::channel();
        producer.send_with_callback(message, move |result| tell.send(result).unwrap());
        told.try_recv().expect("called back at once").unwrap_err()
    };
    let error = refusal(hello());
    assert_eq!((error.kind(), error.message()), (SendErrorKind::NoRoom, &hello()));
    assert_eq!(refusal(Message::new("orders", "")).kind(), SendErrorKind::InvalidMessage);
    producer.shutdown(seconds(2)).await;
    assert_eq!(refusal(hello()).kind(), SendErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_harms_nobody() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).callbacks(CallbackExecutor::default().concurrency(1)).start().await.unwrap();
    for _ in 0..3 {
        producer.send_with_callback(hello(), |_| panic!("of the user's own"));
    }
    producer.send_with_callback(Message::new("orders", ""), |_| panic!("on the caller's thread"));
    let (tell, told) = tokio::sync::oneshot::channel();
    producer.send_with_callback(hello(), move |result| tell.send(result).unwrap());
    told.await.unwrap().unwrap();
    settle().await;
    assert!(producer.shutdown(seconds(1)).await.is_clean());
}

#[test]
fn threads_without_a_runtime_send_and_wait_for_room() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (cluster, producer) = runtime.block_on(async {
        let cluster = start(TestCluster::builder().brokers(2).topic("orders", 4)).await;
        let producer = Producer::builder("pg")
            .name_servers(cluster.name_servers())
            .back_pressure(InFlightLimits::new(8, 1 << 20))
            .start()
            .await
            .unwrap();
        (cluster, producer)
    });
    let called = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (producer, called) = (producer.clone(), Arc::clone(&called));
            std::thread::spawn(move || {
                for _ in 0..250 {
                    let called = Arc::clone(&called);
                    producer.enqueue(hello()).timeout(seconds(60)).with_callback(move |result| {
                        result.unwrap();
                        called.fetch_add(1, Ordering::SeqCst);
                    });
                    assert!(producer.in_flight() <= 8);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(runtime.block_on(producer.shutdown(seconds(120))).is_clean());
    drop(runtime); // waits for callbacks that have begun
    assert_eq!(called.load(Ordering::SeqCst), 1_000);
    assert_eq!(cluster.messages("orders").len(), 1_000);
}

#[test]
fn callbacks_slower_than_sends_stay_within_the_room() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let own = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("mine").build().unwrap();
    let producer = runtime.block_on(async {
        let cluster = Box::leak(Box::new(start(one_broker()).await));
        let executor = CallbackExecutor::default().concurrency(3).on(own.handle().clone());
        let room = InFlightLimits::new(20, 1 << 20);
        builder(cluster).back_pressure(room).callbacks(executor).start().await.unwrap()
    });
    let (running, most, called) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for n in 1..=200_usize {
        let (running, most, called) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&called));
        let done = Arc::clone(&called);
        producer.enqueue(hello()).timeout(seconds(60)).with_callback(move |result| {
            result.unwrap();
            assert_eq!(std::thread::current().name(), Some("mine"));
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // The first ones wait for each other: where sends are slow, none would meet another.
            for _ in 0..5_000 {
                if most.load(Ordering::SeqCst) >= 3 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(2));
            running.fetch_sub(1, Ordering::SeqCst);
            called.fetch_add(1, Ordering::SeqCst);
        });
        let ahead = n - done.load(Ordering::SeqCst);
        assert!(ahead <= 20 + 3 + 1, "room for 20, three running: {ahead}");
    }
    assert!(runtime.block_on(producer.shutdown(seconds(120))).is_clean());
    drop(own);
    assert_eq!((called.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (200, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_may_send_block_and_drop_the_producer() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).callbacks(CallbackExecutor::default().concurrency(1)).start().await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let inner = producer.clone();
    producer.send_with_callback(hello(), move |result| {
        result.unwrap();
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(inner.send(hello()).into_future()).unwrap();
        let last = inner.clone();
        inner.send_with_callback(hello(), move |result| {
            result.unwrap();
            let report = runtime.block_on(last.shutdown(seconds(60)));
            drop(last);
            tell.blocking_send(report).unwrap();
        });
    });
    drop(producer);
    let report = told.recv().await.unwrap();
    assert!(report.is_clean() && report.took < seconds(60), "{report:?}");
    assert_eq!(cluster.messages("orders").len(), 3);
}

#[test]
fn a_callback_is_called_even_when_its_runtime_ends() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // The cluster is kept: without it the send might find that nobody listens.
    let (producer, _cluster) = runtime.block_on(async {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        producer.send(hello()).await.unwrap();
        cluster.on(SEND, &Fault::silent());
        (producer, cluster)
    });
    let (tell, told) = mpsc::channel();
    let late = tell.clone();
    producer.send_with_callback(hello(), move |result| tell.send(result).unwrap());
    drop(runtime);
    let error = told.recv().unwrap().unwrap_err();
    assert!(matches!(error.kind(), SendErrorKind::Closed | SendErrorKind::ConnectionLost), "{error:?}");
    assert_eq!(error.message(), &hello());
    producer.send_with_callback(hello(), move |result| late.send(result).unwrap());
    assert!(told.recv().unwrap().is_err());
    assert!(told.recv().is_err(), "once each");
}

#[tokio::test(start_paused = true)]
async fn an_executor_without_any_callback_at_a_time_is_refused_at_start() {
    let cluster = start(one_broker()).await;
    let started = builder(&cluster).callbacks(CallbackExecutor::default().concurrency(0)).start().await;
    assert!(matches!(started, Err(StartError::Option(error)) if error.option() == "callbacks"));
}
