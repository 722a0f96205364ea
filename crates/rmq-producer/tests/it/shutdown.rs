//! Ending: what is finished, what is cut off, and what is left.

use rmq_producer::{Outcome, Producer, RouteError, SendErrorKind};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::time::Instant;

use crate::world::*;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn sends_in_flight_are_finished_and_new_ones_refused() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(2)));
    let (sent, report, refused) = tokio::join!(
        producer.send(hello()).into_future(),
        async {
            settle().await;
            producer.shutdown(seconds(5)).await
        },
        async {
            tokio::time::sleep(seconds(1)).await;
            (producer.send(hello()).await, producer.send_oneway(hello()).await, producer.publish_queues("orders").await)
        }
    );
    sent.expect("it was in time");
    assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (0, 2, 0));
    assert!(report.is_clean() && report.took < seconds(3), "{report:?}");
    let error = refused.0.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.elapsed()), (SendErrorKind::Closed, Outcome::NotSent, seconds(0)));
    assert_eq!(error.into_message(), hello());
    assert_eq!(refused.1.unwrap_err().kind(), SendErrorKind::Closed);
    assert!(matches!(refused.2, Err(RouteError::Closed)));
    settle().await;
    assert!(cluster.clients().is_empty());
    assert!(
        cluster.brokers().iter().all(|broker| broker.lines().is_empty()) && cluster.name_server().lines().is_empty()
    );
    assert_eq!((producer.tasks(), tasks()), (0, before));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_over_in_time_is_cut_off_and_counted() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    let begun = Instant::now();
    let (sent, report) = tokio::join!(producer.send(hello()).timeout(seconds(60)).into_future(), async {
        settle().await;
        producer.shutdown(seconds(1)).await
    });
    assert_eq!((report.unfinished, report.took), (1, seconds(1)));
    assert!(!report.is_clean());
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::ConnectionLost, true));
    assert!(begun.elapsed() < seconds(2));
    assert_eq!(producer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_send_that_still_looks_for_its_route_was_not_sent() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).api_timeout(seconds(50)).start().await.unwrap();
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    let (sent, report) = tokio::join!(producer.send(hello()).timeout(seconds(60)).into_future(), async {
        settle().await;
        producer.shutdown(seconds(1)).await
    });
    assert_eq!(report.unfinished, 1);
    let error = sent.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Closed, Outcome::NotSent));
}

#[tokio::test(start_paused = true)]
async fn a_second_call_returns_the_first_report_even_at_the_same_time() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    let other = producer.clone();
    let (first, second) = tokio::join!(producer.shutdown(seconds(5)), other.shutdown(seconds(50)));
    assert_eq!(first, second);
    assert_eq!(first.unregistered, 2);
    assert_eq!(other.shutdown(seconds(0)).await, first);
    assert_eq!(cluster.request_count(RequestCode::UNREGISTER_CLIENT), 2);
    let request = &cluster.requests(RequestCode::UNREGISTER_CLIENT)[0];
    assert_eq!((request.field("clientID"), request.field("producerGroup")), (Some(producer.client_id()), Some("pg")));
    assert_eq!(request.field("consumerGroup"), None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_holds_the_shutdown_no_longer_than_its_grace() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    cluster.broker("broker-a").freeze();
    let report = producer.shutdown(seconds(2)).await;
    assert_eq!((report.unregistered, report.not_unregistered, report.took), (1, 1, seconds(2)));
}

#[tokio::test(start_paused = true)]
async fn no_heartbeat_follows_the_leave_taking() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    let before = cluster.request_count(RequestCode::HEART_BEAT);
    producer.shutdown(seconds(1)).await;
    tokio::time::sleep(seconds(100)).await;
    assert_eq!(cluster.request_count(RequestCode::HEART_BEAT), before);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_of_a_producer_that_never_sent_is_quick() {
    let cluster = start(one_broker()).await;
    let report = producer(&cluster).await.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (0, 0, 0));
    assert!(report.took < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn one_producer_s_end_does_not_concern_another() {
    let cluster = start(one_broker()).await;
    let (one, other) = (producer(&cluster).await, producer(&cluster).await);
    assert_ne!(one.client_id(), other.client_id());
    one.send(hello()).await.unwrap();
    other.send(hello()).await.unwrap();
    settle().await;
    one.shutdown(seconds(1)).await;
    other.send(hello()).await.unwrap();
    assert_eq!(cluster.clients().iter().map(|client| &*client.client_id).collect::<Vec<_>>(), [other.client_id()]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_every_task_and_closes_every_socket() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    let other = producer.clone();
    drop(producer);
    other.send(hello()).await.expect("a clone is left");
    drop(other);
    settle().await;
    assert!(
        cluster.brokers().iter().all(|broker| broker.lines().is_empty()) && cluster.name_server().lines().is_empty()
    );
    assert_eq!(tasks(), before);
}

#[test]
fn dropping_a_handle_without_a_runtime_is_fine() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let producer = runtime.block_on(async {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        producer.send(hello()).await.unwrap();
        producer
    });
    drop(runtime);
    let clone = producer.clone();
    drop(producer);
    assert_eq!(clone.in_flight(), 0);
    drop(clone);
}

#[tokio::test(start_paused = true)]
async fn a_report_says_what_was_not_sent_and_what_may_be_stored() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    let patient = |topic| producer.enqueue(rmq_producer::Message::new(topic, "hello")).timeout(seconds(60));
    let handles = [patient("orders").await.unwrap(), patient("bills").await.unwrap(), patient("orders").await.unwrap()];
    settle().await;
    let report = producer.shutdown(seconds(1)).await;
    assert_eq!((report.unfinished, report.not_sent, report.maybe_stored), (3, 1, 2));
    assert!(report.took <= seconds(1) + milliseconds(100), "{report:?}");
    let mut outcomes = Vec::new();
    for handle in handles {
        outcomes.push(handle.await.unwrap_err().outcome());
    }
    assert_eq!(outcomes, [Outcome::MaybeStored, Outcome::NotSent, Outcome::MaybeStored]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_never_takes_its_error_holds_nobody_up() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    let mut forgotten = Box::pin(producer.send(hello()).timeout(seconds(60)).into_future());
    assert!(tokio::time::timeout(milliseconds(1), &mut forgotten).await.is_err());
    let report = producer.shutdown(seconds(1)).await;
    assert_eq!((report.unfinished, report.not_sent, report.maybe_stored), (1, 0, 0), "nobody knows of it");
    assert!(report.took <= seconds(1) + milliseconds(100), "{report:?}");
    assert!(forgotten.await.unwrap_err().possibly_stored());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_with_nothing_in_flight_is_over_at_once() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    let report = producer.shutdown(seconds(60)).await;
    assert_eq!(report.unregistered, 2);
    assert!(report.took <= milliseconds(50), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn with_every_server_silent_it_takes_its_grace_and_no_more() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    cluster.brokers().iter().for_each(rmq_testkit::Broker::freeze);
    cluster.name_server().freeze();
    let (sent, report) = tokio::join!(producer.send(hello()).timeout(seconds(600)).into_future(), async {
        settle().await;
        producer.shutdown(seconds(10)).await
    });
    assert!(sent.unwrap_err().possibly_stored());
    assert_eq!((report.unfinished, report.not_unregistered), (1, 2));
    assert!(report.took <= seconds(10) + milliseconds(100), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn every_call_after_it_says_closed_and_sends_nothing() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let report = producer.shutdown(seconds(1)).await;
    let dialled = cluster.name_server().request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC);
    let closed = |error: rmq_producer::SendError| {
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Closed, Outcome::NotSent));
        assert_eq!(error.into_message(), hello());
    };
    closed(producer.send(hello()).await.unwrap_err());
    closed(producer.try_send(hello()).await.unwrap_err());
    closed(producer.send_oneway(hello()).await.unwrap_err());
    closed(producer.enqueue(hello()).await.unwrap_err());
    closed(producer.try_enqueue(hello()).unwrap_err());
    let (result, called) = tokio::sync::oneshot::channel();
    producer.send_with_callback(hello(), move |outcome| drop(result.send(outcome)));
    closed(called.await.unwrap().unwrap_err());
    assert!(matches!(producer.publish_queues("orders").await, Err(RouteError::Closed)));
    assert_eq!(producer.shutdown(seconds(9)).await, report);
    assert_eq!(cluster.name_server().request_count(RequestCode::GET_ROUTEINFO_BY_TOPIC), dialled);
    assert!(matches!(producer.events().try_recv(), Err(tokio::sync::broadcast::error::TryRecvError::Empty)));
    assert_eq!((producer.tasks(), producer.in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_watches_sees_connections_come_and_go() {
    use rmq_producer::{ConnectionEnd, ConnectionEvent};
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    let mut events = producer.events();
    producer.send(hello()).await.unwrap();
    let broker = cluster.broker("broker-a").address();
    let Ok(ConnectionEvent::Connected { addr, id }) = events.recv().await else { panic!("it was dialled") };
    assert_eq!(addr.as_str(), broker);
    cluster.broker("broker-a").lines()[0].close();
    let Ok(ConnectionEvent::Disconnected { id: ended, cause, .. }) = events.recv().await else { panic!("it ended") };
    assert_eq!(ended, id);
    assert!(matches!(cause, ConnectionEnd::PeerClosed), "{cause:?}");
}

/// Where the last handle is dropped.
fn drop_elsewhere(drop_it: impl FnOnce(Producer, tokio::runtime::Runtime)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("it works on a healthy machine");
    let (producer, cluster) = runtime.block_on(async {
        let cluster = start(TestCluster::builder().topic("orders", 4)).await;
        let builder = Producer::builder("pg").name_servers(cluster.name_servers());
        // One that may be shared has more to undo.
        let producer = builder.instance_name("elsewhere").start().await.expect("it works on a healthy machine");
        producer.send(hello()).await.expect("it works on a healthy machine");
        cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
        for _ in 0..3 {
            drop(producer.enqueue(hello()).timeout(seconds(600)).await.expect("it works on a healthy machine"));
        }
        (producer, cluster)
    });
    drop_it(producer, runtime);
    drop(cluster);
}

#[test]
fn the_last_handle_may_be_dropped_on_a_plain_thread() {
    drop_elsewhere(|producer, runtime| {
        std::thread::spawn(move || drop(producer)).join().expect("no panic");
        drop(runtime);
    });
}

#[test]
fn the_last_handle_may_outlive_its_runtime() {
    drop_elsewhere(|producer, runtime| {
        drop(runtime);
        let clone = producer.clone();
        std::thread::spawn(move || drop(producer)).join().expect("no panic");
        drop(clone);
    });
}

#[test]
fn the_last_handle_may_be_dropped_while_its_runtime_ends() {
    drop_elsewhere(|producer, runtime| {
        runtime.spawn(async move {
            let _held = producer;
            std::future::pending::<()>().await;
        });
        drop(runtime);
    });
}

#[test]
fn the_last_handle_may_be_dropped_inside_another_runtime() {
    drop_elsewhere(|producer, runtime| {
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        other.block_on(async move { drop(producer) });
        drop(runtime);
    });
}

/// A producer whose broker has stored a message, and whose name server does nothing any more, not even close.
async fn before_a_silent_peer() -> (TestCluster, Producer) {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.expect("it is stored");
    settle().await;
    cluster.name_server().freeze();
    (cluster, producer)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_is_waited_for_a_second_within_the_grace() {
    let (_cluster, producer) = before_a_silent_peer().await;
    assert_eq!(producer.shutdown(seconds(5)).await.took, seconds(1));

    let (cluster, producer) = before_a_silent_peer().await;
    assert_eq!(producer.shutdown(milliseconds(300)).await.took, milliseconds(300));
    assert_eq!(cluster.name_server().lines().len(), 1, "still to be read");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_dropped_while_a_peer_has_not_closed_still_knows_who_heard_of_it() {
    let (_cluster, producer) = before_a_silent_peer().await;
    tokio::time::timeout(milliseconds(500), producer.shutdown(seconds(5))).await.unwrap_err();
    let report = producer.shutdown(seconds(5)).await;
    assert_eq!((report.unregistered, report.took), (1, milliseconds(500)));
}
