//! One deadline covers dial, room, write and answer, to the millisecond; a late answer harms nobody.

use std::time::Duration;

use rmq_remoting::{Certainty, Deadline, RemotingError};
use tokio::time::Instant;

use crate::fixture::{Dial, SECOND, client, client_with, config, request, settle, spawn, to, wire};

#[tokio::test(start_paused = true)]
async fn no_answer_means_a_timeout_at_the_deadline_and_that_it_may_have_been_executed() {
    let (client, mut peers, _) = client(64 * 1024);
    let started = Instant::now();
    let error = client.invoke(&to(), request("x"), SECOND).await.unwrap_err();
    assert!(
        started.elapsed() >= SECOND && started.elapsed() <= SECOND + Duration::from_millis(2),
        "{:?}",
        started.elapsed()
    );
    assert!(matches!(error, RemotingError::Timeout { .. }), "{error}");
    assert_eq!(error.certainty(), Certainty::MaybeExecuted);
    assert_eq!(client.in_flight(), 0);

    // The late answer frees the orphan; the connection stays and serves the next call.
    let mut peer = peers.next().await;
    let late = peer.request().await;
    peer.answer(&late).await;
    settle().await;
    assert_eq!(client.stats().late_answers, 1);
    let next = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("next"), SECOND).await }
    });
    let asked = peer.request().await;
    peer.answer(&asked).await;
    assert_eq!(&next.await.unwrap().unwrap().body()[..], b"next");
    assert_eq!(client.connections()[0].orphans(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_call_keeps_its_own_deadline() {
    let (client, _peers, _) = client(64 * 1024);
    let started = Instant::now();
    let calls: Vec<_> = [700u64, 100, 400, 250, 900]
        .into_iter()
        .map(|millis| {
            let client = client.clone();
            spawn(async move {
                let error = client.invoke(&to(), request("x"), Duration::from_millis(millis)).await.unwrap_err();
                assert!(matches!(error, RemotingError::Timeout { .. }), "{error}");
                (millis, Instant::now())
            })
        })
        .collect();
    for call in calls {
        let (millis, at) = call.await.unwrap();
        let took = u64::try_from((at - started).as_millis()).unwrap();
        assert!((millis..=millis + 2).contains(&took), "{millis} ms took {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_over_sends_nothing() {
    let (client, _peers, wire) = client(64 * 1024);
    let past = Instant::now();
    tokio::time::advance(SECOND).await;
    for deadline in [Deadline::from(Duration::ZERO), Deadline::from(past)] {
        let awaited = client.invoke(&to(), request("x"), deadline).await.unwrap_err();
        let oneway = client.invoke_oneway(&to(), request("x"), deadline).await.unwrap_err();
        for error in [awaited, oneway] {
            assert!(matches!(error, RemotingError::DeadlineExpired), "{error}");
            assert_eq!(error.certainty(), Certainty::NotSent);
        }
    }
    assert_eq!(wire.dials.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(client.stats().writes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_hangs_ends_with_the_callers_deadline_and_counts_as_not_sent() {
    let (wire, _peers) = wire(1024);
    *wire.dial.lock() = Dial::Hang;
    let client = client_with(config(|_| {}), &wire);
    let started = Instant::now();
    let error = client.invoke(&to(), request("x"), SECOND).await.unwrap_err();
    assert!(matches!(error, RemotingError::ConnectTimeout { .. }), "{error}");
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert!(started.elapsed() <= SECOND + Duration::from_millis(2));
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_dials_own_limit_ends_it_for_patient_callers_too() {
    let (wire, _peers) = wire(1024);
    *wire.dial.lock() = Dial::Hang;
    let client = client_with(config(|config| config.connect_timeout = Duration::from_secs(3)), &wire);
    let started = Instant::now();
    let error = client.invoke(&to(), request("x"), Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(error, RemotingError::ConnectTimeout { after, .. } if after == Duration::from_secs(3)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
}
