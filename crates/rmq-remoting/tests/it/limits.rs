//! Counts and bytes are bounded; what finds no room waits inside its deadline and is known not to have been sent.

use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{Certainty, RemotingError, RoomLimit};
use tokio::time::Instant;

use crate::fixture::{SECOND, client_with, config, request, settle, spawn, to, wire};

#[tokio::test(start_paused = true)]
async fn a_call_above_the_count_waits_and_goes_when_there_is_room() {
    let (wire, mut peers) = wire(64 * 1024);
    let client = client_with(config(|config| config.max_in_flight = 1), &wire);
    let calls: Vec<_> = ["a", "b"]
        .map(|body| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request(body), SECOND).await })
        })
        .into();
    let mut peer = peers.next().await;
    let first = peer.request().await;
    settle().await;
    assert_eq!(client.in_flight(), 1);
    peer.answer(&first).await;
    let second = peer.request().await;
    peer.answer(&second).await;
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_room_in_time_is_an_error_of_its_own_and_nothing_was_sent() {
    let (wire, _peers) = wire(64 * 1024);
    let client = client_with(config(|config| config.max_in_flight = 1), &wire);
    let held = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("held"), Duration::from_secs(10)).await }
    });
    settle().await;
    let started = Instant::now();
    let error = client.invoke(&to(), request("x"), SECOND).await.unwrap_err();
    assert!(matches!(error, RemotingError::NoRoom { limit: RoomLimit::Requests { count: 1, .. }, .. }), "{error}");
    assert_eq!(error.certainty(), Certainty::NotSent);
    assert_eq!(started.elapsed().as_millis(), 1000);
    held.abort();
    settle().await;
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_bounded_too_and_one_large_request_still_goes() {
    let (wire, peers) = wire(1 << 20);
    peers.echo();
    let client = client_with(config(|config| config.max_in_flight_bytes = 10_000), &wire);
    client.invoke(&to(), request(vec![1; 100_000]), SECOND).await.unwrap();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request(vec![2; 6_000]), SECOND).await })
        })
        .collect();
    settle().await;
    assert!(client.in_flight_bytes() <= 10_000);
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.in_flight_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_connection_carries_no_more_than_its_limit() {
    let (wire, mut peers) = wire(1 << 20);
    let client = client_with(config(|config| config.max_in_flight_per_connection = 3), &wire);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), SECOND).await })
        })
        .collect();
    let mut peer = peers.next().await;
    settle().await;
    assert_eq!(client.connections()[0].in_flight(), 3);
    for _ in 0..3 {
        peer.request().await;
    }
    let errors: Vec<RemotingError> = {
        let mut errors = Vec::new();
        for call in calls {
            errors.push(call.await.unwrap().unwrap_err());
        }
        errors
    };
    let (timeouts, no_room): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| matches!(error, RemotingError::Timeout { .. }));
    assert_eq!((timeouts.len(), no_room.len()), (3, 7));
    assert!(
        no_room
            .iter()
            .all(|error| matches!(error, RemotingError::NoRoom { limit: RoomLimit::Connection { count: 3 }, .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_cannot_make_us_buffer_without_end() {
    let (wire, mut peers) = wire(1024);
    let client = client_with(config(|config| config.write_high_water_bytes = 64 * 1024), &wire);
    let body = Bytes::from(vec![3; 10_000]);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (client, body) = (client.clone(), body.clone());
            spawn(async move { client.invoke(&to(), request(body), SECOND).await })
        })
        .collect();
    let peer = peers.next().await;
    settle().await;
    let queued = client.connections()[0].queued_bytes();
    assert!(queued <= 64 * 1024 + 11_000, "{queued} bytes wait");
    let mut unsent = 0;
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        match error.certainty() {
            Certainty::NotSent => {
                assert!(matches!(error, RemotingError::NoRoom { limit: RoomLimit::WriteBuffer { .. }, .. }), "{error}");
                unsent += 1;
            }
            Certainty::MaybeExecuted => assert!(matches!(error, RemotingError::Timeout { .. }), "{error}"),
            Certainty::Refused => panic!("{error}"),
        }
    }
    assert!((90..100).contains(&unsent), "{unsent} of 100 were never encoded");
    assert_eq!(client.in_flight(), 0);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_frame_above_the_limit_is_refused_before_anything_is_sent() {
    let (client, peers, _) = crate::fixture::client(1 << 20);
    peers.echo();
    let error = client.invoke(&to(), request(vec![0; 16 << 20]), SECOND).await.unwrap_err();
    assert!(matches!(error, RemotingError::Encode(_)), "{error}");
    assert_eq!(error.certainty(), Certainty::NotSent);
    client.invoke(&to(), request("next"), SECOND).await.unwrap();
}
