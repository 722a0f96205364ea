//! Answers find their requests, whatever the order and whatever else arrives.

use rmq_remoting::{RemotingCommand, ResponseCode};

use crate::fixture::{SECOND, client, request, settle, spawn, to};

#[tokio::test(start_paused = true)]
async fn a_request_gets_its_answer() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    let answer = client.invoke(&to(), request("hello"), SECOND).await.unwrap();
    assert_eq!(&answer.body()[..], b"hello");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_in_any_order_reach_their_own_callers() {
    let (client, mut peers, _) = client(1 << 20);
    let calls: Vec<_> = (0..500)
        .map(|n: u32| {
            let client = client.clone();
            spawn(async move {
                let answer = client.invoke(&to(), request(n.to_string()), SECOND).await.unwrap();
                assert_eq!(&answer.body()[..], n.to_string().as_bytes());
            })
        })
        .collect();
    let mut peer = peers.next().await;
    let mut requests = Vec::new();
    for _ in 0..500 {
        requests.push(peer.request().await);
    }
    // A fixed shuffle: 7 and 500 have no common factor.
    for n in 0..500 {
        peer.answer(&requests[n * 7 % 500]).await;
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn unknown_and_duplicate_answers_are_counted_and_harm_nobody() {
    let (client, mut peers, _) = client(64 * 1024);
    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("mine"), SECOND).await }
    });
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    for opaque in [-1, i32::MIN, i32::MAX, asked.opaque() ^ (1 << 20), asked.opaque() + 1] {
        let mut stray = RemotingCommand::response(ResponseCode::SUCCESS).with_body("not yours");
        stray.set_opaque(opaque);
        peer.write(stray).await;
    }
    peer.answer(&asked).await;
    peer.answer(&asked).await;
    assert_eq!(&call.await.unwrap().unwrap().body()[..], b"mine");
    settle().await;
    assert_eq!(client.stats().unknown_answers, 6);

    let again = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("next"), SECOND).await }
    });
    let asked = peer.request().await;
    peer.answer(&asked).await;
    assert_eq!(&again.await.unwrap().unwrap().body()[..], b"next");
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_any_code_is_handed_over_as_it_is() {
    let (client, mut peers, _) = client(64 * 1024);
    let call = spawn(async move { client.invoke(&to(), request("x"), SECOND).await });
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    peer.write(asked.response_to(ResponseCode::SYSTEM_BUSY).with_remark("[OVERLOAD]system busy")).await;
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_BUSY);
    assert_eq!(answer.remark(), Some("[OVERLOAD]system busy"));
}
