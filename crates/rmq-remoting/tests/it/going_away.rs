//! GO_AWAY: a server that is about to end sends its clients elsewhere.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rmq_remoting::{Certainty, RemotingCommand, ResponseCode};
use tokio::time::Instant;

use crate::fixture::{Dial, Peer, SECOND, client, client_with, config, request, settle, spawn, to, wire};

fn go_away(request: &RemotingCommand) -> RemotingCommand {
    request.response_to(ResponseCode::GO_AWAY).with_remark("please go away")
}

#[tokio::test(start_paused = true)]
async fn the_call_that_is_told_so_goes_out_once_more_over_a_new_connection_and_the_others_finish() {
    let (client, mut peers, wire) = client(1 << 20);
    let call = |body: &'static str| {
        let client = client.clone();
        spawn(async move { client.invoke(&to(), request(body).with_field("k", "v"), SECOND).await })
    };
    let other = call("other");
    let mut old = peers.next().await;
    let first = old.request().await;
    let told = call("told");
    let second = old.request().await;
    old.write(go_away(&second)).await;

    let mut new = peers.next().await;
    let again = new.request().await;
    assert_eq!((&again.body()[..], again.field("k")), (&b"told"[..], Some("v")), "the whole request");
    let later = call("later");
    let on_new = new.request().await;
    new.answer(&again).await;
    new.answer(&on_new).await;
    assert_eq!(&told.await.unwrap().unwrap().body()[..], b"told");
    assert_eq!(&later.await.unwrap().unwrap().body()[..], b"later");

    old.answer(&first).await;
    assert_eq!(&other.await.unwrap().unwrap().body()[..], b"other");
    assert!(old.read().await.is_none(), "the old connection ends with its last call");
    assert_eq!((wire.dials.load(Ordering::SeqCst), client.stats().calls_moved), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_that_are_told_so_share_one_new_connection() {
    let (client, mut peers, wire) = client(1 << 20);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), SECOND).await })
        })
        .collect();
    let mut old = peers.next().await;
    for _ in 0..100 {
        let request = old.request().await;
        old.write(go_away(&request)).await;
    }
    peers.echo();
    for call in calls {
        assert!(call.await.unwrap().unwrap().is_success());
    }
    assert_eq!((wire.dials.load(Ordering::SeqCst), client.stats().calls_moved), (2, 100));
}

/// Sends everybody away.
async fn sends_away(mut peer: Peer) {
    while let Some(request) = peer.read().await {
        peer.write(go_away(&request)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_on_saying_so_is_believed_and_its_dials_are_paced() {
    let (client, mut peers, wire) = client(1 << 20);
    spawn(async move {
        loop {
            spawn(sends_away(peers.next().await));
        }
    });
    let answer = client.invoke(&to(), request("x"), SECOND).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::GO_AWAY, "the second time it is the answer");
    assert_eq!(wire.dials.load(Ordering::SeqCst), 2);

    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        drop(client.invoke(&to(), request("x"), SECOND).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let dials = wire.dials.load(Ordering::SeqCst);
    assert!((8..=60).contains(&dials), "{dials} dials in a minute");
}

#[tokio::test(start_paused = true)]
async fn servers_behind_one_address_that_go_away_in_turn_cost_no_pause() {
    let (client, mut peers, wire) = client(1 << 20);
    spawn(async move {
        loop {
            let mut peer = peers.next().await;
            spawn(async move {
                let began = Instant::now();
                while let Some(request) = peer.read().await {
                    if began.elapsed() < Duration::from_secs(20) {
                        peer.answer(&request).await;
                    } else {
                        peer.write(go_away(&request)).await;
                    }
                }
            });
        }
    });
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(600) {
        let asked = Instant::now();
        let answer = client.invoke(&to(), request("x"), SECOND).await.expect("another server takes it");
        assert!(answer.is_success() && asked.elapsed().is_zero(), "{:?} after {:?}", asked.elapsed(), began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let dials = wire.dials.load(Ordering::SeqCst);
    assert!((29..=31).contains(&dials), "{dials} dials in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_awaited_elsewhere_gets_the_answer_and_the_next_one_dials() {
    let (client, mut peers, wire) = client(1 << 20);
    let pending = client.submit(&to(), &request("x"), SECOND).await.unwrap();
    let mut old = peers.next().await;
    let asked = old.request().await;
    old.write(go_away(&asked)).await;
    assert_eq!(pending.await.unwrap().response_code(), ResponseCode::GO_AWAY);
    assert!(client.connection(&to()).is_none());
    peers.echo();
    client.invoke(&to(), request("x"), SECOND).await.unwrap();
    assert_eq!(wire.dials.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_else_can_be_reached_the_call_is_known_not_to_have_been_sent() {
    let (wire, mut peers) = wire(1 << 20);
    let client = client_with(config(|_| {}), &wire);
    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("x"), SECOND).await }
    });
    let mut old = peers.next().await;
    let asked = old.request().await;
    *wire.dial.lock() = Dial::Hang;
    let began = Instant::now();
    old.write(go_away(&asked)).await;
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
    assert!(began.elapsed() <= SECOND, "the deadline is still the first one");
    settle().await;
    assert_eq!((client.in_flight(), client.connections().len()), (0, 0));
}
