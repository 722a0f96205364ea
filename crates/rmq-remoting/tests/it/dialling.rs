//! One dial at a time per address, paced when it fails, and a connection that went idle is closed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rmq_remoting::{Certainty, ConnectionEnd, ConnectionEvent, RemotingError};
use tokio::time::Instant;

use crate::fixture::{Dial, SECOND, client, client_with, config, request, settle, spawn, to, wire};

#[tokio::test(start_paused = true)]
async fn a_hundred_first_calls_dial_once() {
    let (client, peers, wire) = client(1 << 20);
    peers.echo();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), SECOND).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(wire.dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_dial_is_told_to_all_who_wait_and_nothing_was_sent() {
    let (wire, _peers) = wire(1024);
    *wire.dial.lock() = Dial::Refuse;
    let client = client_with(config(|_| {}), &wire);
    let mut events = client.events();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), Duration::from_nanos(1_000_000)).await })
        })
        .collect();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
        assert!(error.is_retryable());
    }
    assert!(matches!(events.recv().await, Ok(ConnectionEvent::DialFailed { .. })));
}

#[tokio::test(start_paused = true)]
async fn dials_of_a_dead_address_are_paced_with_jitter_and_grow_rarer() {
    let (wire, _peers) = wire(1024);
    *wire.dial.lock() = Dial::Refuse;
    let client = client_with(config(|_| {}), &wire);
    let started = Instant::now();
    // A caller that tries again at once, for a minute.
    while started.elapsed() < Duration::from_secs(60) {
        let error = client.invoke(&to(), request("x"), SECOND).await.unwrap_err();
        match error {
            RemotingError::Connect { .. } => {}
            RemotingError::BackingOff { wait, .. } => {
                assert!(wait <= Duration::from_secs(10));
                assert!(client.backing_off_until(&to()).is_some());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => panic!("{other}"),
        }
    }
    let dials = wire.dials.load(Ordering::SeqCst);
    assert!((8..=60).contains(&dials), "{dials} dials in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_comes_back_is_reached_within_the_pause() {
    let (wire, peers) = wire(64 * 1024);
    *wire.dial.lock() = Dial::Refuse;
    let client = client_with(config(|_| {}), &wire);
    for _ in 0..3 {
        client.invoke(&to(), request("x"), SECOND).await.unwrap_err();
    }
    *wire.dial.lock() = Dial::Open;
    peers.echo();
    // After three failures the pause is at most 400 ms, inside this deadline: the call waits and succeeds.
    client.invoke(&to(), request("x"), SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_the_next_call_dials_anew() {
    let (client, peers, wire) = client(64 * 1024);
    peers.echo();
    let mut events = client.events();
    client.invoke(&to(), request("x"), SECOND).await.unwrap();
    let id = client.connections()[0].id();
    assert!(matches!(events.recv().await, Ok(ConnectionEvent::Connected { .. })));
    tokio::time::sleep(Duration::from_secs(99)).await;
    assert_eq!(client.connections().len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    match events.recv().await {
        Ok(ConnectionEvent::Disconnected { id: ended, cause: ConnectionEnd::Idle, .. }) => assert_eq!(ended, id),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.connections().len(), 0);
    client.invoke(&to(), request("x"), SECOND).await.unwrap();
    assert_eq!(wire.dials.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn traffic_keeps_a_connection_open() {
    let (client, peers, wire) = client(64 * 1024);
    peers.echo();
    for _ in 0..10 {
        client.invoke(&to(), request("x"), SECOND).await.unwrap();
        tokio::time::sleep(Duration::from_secs(90)).await;
    }
    assert_eq!(wire.dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_too_many_unanswered_requests_is_replaced() {
    let (wire, mut peers) = wire(1 << 20);
    let client = client_with(config(|config| config.max_orphans = 5), &wire);
    for _ in 0..6 {
        client.invoke(&to(), request("x"), Duration::from_millis(10)).await.unwrap_err();
    }
    settle().await;
    let _silent = peers.next().await;
    peers.echo();
    client.invoke(&to(), request("x"), SECOND).await.unwrap();
    assert_eq!(wire.dials.load(Ordering::SeqCst), 2);
    assert_eq!(client.connections().len(), 1);
    assert_eq!(client.connections()[0].orphans(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retired_connection_finishes_its_calls_while_new_ones_dial() {
    let (client, mut peers, wire) = client(1 << 20);
    let old = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("old"), SECOND).await }
    });
    let mut first = peers.next().await;
    let asked = first.request().await;
    client.retire(&to());
    let new = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("new"), SECOND).await }
    });
    let mut second = peers.next().await;
    let other = second.request().await;
    second.answer(&other).await;
    assert_eq!(&new.await.unwrap().unwrap().body()[..], b"new");
    first.answer(&asked).await;
    assert_eq!(&old.await.unwrap().unwrap().body()[..], b"old");
    assert!(first.read().await.is_none(), "the old one closes after its last call");
    assert_eq!(wire.dials.load(Ordering::SeqCst), 2);
}
