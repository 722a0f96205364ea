//! When a connection ends every call on it ends at once, with the cause, and says whether it may have been executed.

use std::time::Duration;

use rmq_remoting::{Certainty, ConnectionEnd, RemotingError};
use tokio::time::Instant;

use crate::fixture::{Peer, SECOND, client, encode, request, settle, spawn, to};

type Outcome = Result<rmq_remoting::RemotingCommand, RemotingError>;

/// Ten calls that wait for their answers when `end` happens.
async fn ten_calls_when(end: impl AsyncFnOnce(Peer)) -> Vec<Outcome> {
    let (client, mut peers, _) = client(64 * 1024);
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), Duration::from_secs(30)).await })
        })
        .collect();
    let mut peer = peers.next().await;
    for _ in 0..10 {
        peer.request().await;
    }
    let at = Instant::now();
    end(peer).await;
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.expect("no panic"));
    }
    assert!(at.elapsed() < Duration::from_millis(10), "all end at once, not at their deadlines");
    assert_eq!(client.in_flight(), 0);
    outcomes
}

fn assert_all_lost(outcomes: &[Outcome], matches: impl Fn(&ConnectionEnd) -> bool) {
    for outcome in outcomes {
        match outcome {
            Err(error @ RemotingError::ConnectionLost { cause, written: true, .. }) => {
                assert!(matches(cause), "{cause}");
                assert_eq!(error.certainty(), Certainty::MaybeExecuted);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_peer_closes() {
    let outcomes = ten_calls_when(async |peer| drop(peer)).await;
    assert_all_lost(&outcomes, |cause| matches!(cause, ConnectionEnd::PeerClosed));
}

#[tokio::test(start_paused = true)]
async fn the_peer_closes_within_a_frame() {
    let outcomes = ten_calls_when(async |mut peer| peer.write_raw(&[0, 0, 0, 100, 0, 0]).await).await;
    assert_all_lost(&outcomes, |cause| matches!(cause, ConnectionEnd::CutFrame { received: 6 }));
}

#[tokio::test(start_paused = true)]
async fn the_peer_sends_what_is_no_frame() {
    let bad: [&[u8]; 6] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0x01, 0x00, 0x00, 0x00, 0, 0, 0, 0],
        &[0, 0, 0, 8, 7, 0, 0, 0, 1, 2, 3, 4],
        &[0, 0, 0, 6, 0, 0, 0, 2, b'{', b'x'],
        &[0, 0, 0, 4, 0, 0, 0, 1],
    ];
    for bytes in bad {
        let outcomes = ten_calls_when(async |mut peer| {
            peer.write_raw(bytes).await;
            settle().await;
        })
        .await;
        assert_all_lost(&outcomes, |cause| matches!(cause, ConnectionEnd::Frame(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn answers_before_a_bad_frame_are_still_delivered() {
    let (client, mut peers, _) = client(64 * 1024);
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), SECOND).await })
        })
        .collect();
    let mut peer = peers.next().await;
    let first = peer.request().await;
    peer.request().await;
    let mut bytes = encode(first.response_to(rmq_remoting::ResponseCode::SUCCESS));
    bytes.extend_from_slice(b"garbage that is no frame at all");
    peer.write_raw(&bytes).await;
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(call.await.unwrap().is_ok());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_first_byte_never_left_is_known_not_to_have_been_sent() {
    let (client, mut peers, _) = client(256);
    let large = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request(vec![0; 4000]), SECOND).await }
    });
    settle().await;
    let behind: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            spawn(async move { client.invoke(&to(), request("x"), SECOND).await })
        })
        .collect();
    let peer = peers.next().await;
    settle().await;
    drop(peer);
    assert_eq!(large.await.unwrap().unwrap_err().certainty(), Certainty::MaybeExecuted);
    for call in behind {
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, RemotingError::ConnectionLost { written: false, .. }), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_answers_and_then_refuses() {
    let (client, mut peers, _) = client(64 * 1024);
    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("x"), Duration::from_secs(30)).await }
    });
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    let stopping = spawn({
        let client = client.clone();
        async move { client.shutdown(Duration::from_secs(5)).await }
    });
    settle().await;
    let refused = client.invoke(&to(), request("late"), SECOND).await.unwrap_err();
    assert!(matches!(refused, RemotingError::Closed), "{refused}");
    peer.answer(&asked).await;
    call.await.unwrap().unwrap();
    let closing = spawn(async move { peer.read().await.is_none() });
    let report = stopping.await.unwrap();
    assert_eq!((report.unanswered, report.unwritten), (0, 0));
    assert!(report.took < SECOND);
    assert_eq!(client.tasks(), 0);
    assert!(closing.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_with_its_grace_and_reports_what_was_unanswered() {
    let (client, mut peers, _) = client(64 * 1024);
    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("x"), Duration::from_secs(30)).await }
    });
    let mut peer = peers.next().await;
    peer.request().await;
    let report = client.shutdown(SECOND).await;
    assert_eq!(report.unanswered, 1);
    assert!(report.took >= SECOND && report.took <= SECOND + Duration::from_millis(100));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeExecuted, "{error}");
    assert_eq!(client.tasks(), 0, "the peer has not closed, but there was no time left to wait for that");
    let again = client.shutdown(SECOND + SECOND).await;
    assert_eq!((again.unanswered, client.tasks()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_every_connection() {
    let (client, peers, _) = client(64 * 1024);
    let mut peers = peers;
    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("x"), SECOND).await }
    });
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    peer.answer(&asked).await;
    call.await.unwrap().unwrap();
    drop(client);
    assert!(peer.read().await.is_none());
}

#[test]
fn the_last_handle_may_be_dropped_outside_any_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let (client, peers, _) = client(64 * 1024);
        peers.echo();
        client.invoke(&to(), request("x"), SECOND).await.unwrap();
        client
    });
    drop(runtime);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn a_close_ends_every_connection_and_refuses_what_comes_later() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    client.invoke(&to(), request("x"), SECOND).await.expect("an echo");
    let other = client.clone();
    client.close();
    settle().await;
    assert_eq!((client.connections().len(), client.tasks()), (0, 0));
    let refused = other.invoke(&to(), request("x"), SECOND).await;
    assert!(matches!(refused, Err(RemotingError::Closed)), "{refused:?}");
}
