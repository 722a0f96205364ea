//! Ending: what is finished, what is cut off, and what is left.

use rmq_producer::{Outcome, RouteError, SendErrorKind};
use rmq_testkit::{Fault, RequestCode};
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
