//! A oneway request resolves when its last byte is handed over, and holds its room exactly so long.

use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{Certainty, RemotingError};

use crate::fixture::{SECOND, client, client_with, config, request, settle, spawn, to, wire};

#[tokio::test(start_paused = true)]
async fn it_resolves_without_an_answer_and_carries_the_oneway_bit() {
    let (client, mut peers, _) = client(64 * 1024);
    client.invoke_oneway(&to(), request("x"), SECOND).await.unwrap();
    let seen = peers.next().await.request().await;
    assert!(seen.is_oneway() && !seen.is_response());
    assert!(seen.opaque() >= 1_000_000_000 + (1 << 30), "above the range of awaited requests");
    assert_eq!(client.oneway_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_waits_until_the_peer_has_taken_every_byte() {
    let (client, mut peers, _) = client(1024);
    let body = Bytes::from(vec![9; 50_000]);
    let sent = spawn({
        let (client, body) = (client.clone(), body.clone());
        async move { client.invoke_oneway(&to(), request(body), SECOND).await }
    });
    let mut peer = peers.next().await;
    settle().await;
    assert!(!sent.is_finished(), "most of the frame still waits");
    assert_eq!(client.oneway_in_flight(), 1);
    assert_eq!(peer.request().await.body(), &body);
    sent.await.unwrap().unwrap();
    assert_eq!(client.oneway_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_middle_of_the_frame_means_maybe() {
    let (client, mut peers, _) = client(1024);
    let error = client.invoke_oneway(&to(), request(vec![9; 50_000]), SECOND).await.unwrap_err();
    assert!(matches!(error, RemotingError::Timeout { .. }), "{error}");
    assert_eq!(error.certainty(), Certainty::MaybeExecuted);
    // The frame is still written whole, and the next one follows it.
    let mut peer = peers.next().await;
    let next = spawn({
        let client = client.clone();
        async move { client.invoke_oneway(&to(), request("next"), SECOND).await }
    });
    assert_eq!(peer.request().await.body().len(), 50_000);
    assert_eq!(&peer.request().await.body()[..], b"next");
    next.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_first_tells_what_was_not_sent_from_what_was_cut() {
    let (client, mut peers, _) = client(1024);
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke_oneway(&to(), request(vec![9; 50_000]), SECOND).await })
        })
        .collect();
    let peer = peers.next().await;
    settle().await;
    drop(peer);
    let mut certainties = Vec::new();
    for call in calls {
        certainties.push(call.await.unwrap().unwrap_err().certainty());
    }
    certainties.sort_by_key(|certainty| *certainty != Certainty::MaybeExecuted);
    assert_eq!(certainties, [Certainty::MaybeExecuted, Certainty::NotSent, Certainty::NotSent]);
}

#[tokio::test(start_paused = true)]
async fn oneway_and_awaited_requests_have_separate_room() {
    let (wire, mut peers) = wire(1 << 20);
    let client = client_with(
        config(|config| {
            config.max_in_flight = 1;
            config.max_oneway = 1;
        }),
        &wire,
    );
    let held = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("held"), Duration::from_secs(5)).await }
    });
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    client.invoke_oneway(&to(), request("oneway"), SECOND).await.unwrap();
    assert_eq!(&peer.request().await.body()[..], b"oneway");
    peer.answer(&asked).await;
    held.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_oneway_request_is_dropped() {
    let (client, mut peers, _) = client(64 * 1024);
    client.invoke_oneway(&to(), request("x"), SECOND).await.unwrap();
    let mut peer = peers.next().await;
    let seen = peer.request().await;
    peer.answer(&seen).await;
    settle().await;
    assert_eq!(client.stats().unknown_answers, 1);
    assert_eq!(client.connections().len(), 1);
}
