//! Requests that the peer sends a client: answered, tolerated, bounded, and never in the way of answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmq_remoting::{BoxFuture, ConnectionContext, RemotingClient, RemotingCommand, RequestCode, ResponseCode};
use tokio::sync::Semaphore;

use crate::fixture::{Peer, SECOND, config, request, settle, spawn, to, wire};

type Answer = BoxFuture<'static, Option<RemotingCommand>>;

/// A client with a processor for 326, and its first peer.
async fn connected(
    process: impl Fn(&ConnectionContext, RemotingCommand) -> Answer + Send + Sync + 'static,
) -> (RemotingClient, Peer) {
    let (wire, mut peers) = wire(1 << 20);
    let client = RemotingClient::builder()
        .config(config(|config| config.max_serving = 10))
        .connector(wire)
        .processor(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, process)
        .build()
        .expect("a legal configuration");
    let connecting = spawn({
        let client = client.clone();
        async move { client.connect(&to(), SECOND).await.map(drop) }
    });
    let peer = peers.next().await;
    connecting.await.expect("no panic").expect("connected");
    (client, peer)
}

fn push(opaque: i32) -> RemotingCommand {
    let mut command = RemotingCommand::request(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT).with_body("reply");
    command.set_opaque(opaque);
    command
}

#[tokio::test(start_paused = true)]
async fn a_processor_answers_under_the_peers_opaque() {
    let (_client, mut peer) = connected(|context, request| {
        assert_eq!(context.peer(), "broker:10911");
        Box::pin(
            async move { Some(RemotingCommand::response(ResponseCode::SUCCESS).with_body(request.body().clone())) },
        )
    })
    .await;
    peer.write(push(-77)).await;
    let answer = peer.request().await;
    assert_eq!((answer.opaque(), answer.is_response(), &answer.body()[..]), (-77, true, &b"reply"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_code_is_answered_as_not_supported_and_a_oneway_request_not_at_all() {
    let (client, mut peer) = connected(|_, _| Box::pin(async { None })).await;
    let mut oneway = RemotingCommand::request(RequestCode(999));
    oneway.mark_oneway();
    peer.write(oneway).await;
    let mut unknown = RemotingCommand::request(RequestCode(12_345));
    unknown.set_opaque(5);
    peer.write(unknown).await;
    let answer = peer.request().await;
    assert_eq!((answer.opaque(), answer.response_code()), (5, ResponseCode::REQUEST_CODE_NOT_SUPPORTED));
    assert!(answer.remark().is_some_and(|remark| remark.contains("12345")));
    assert_eq!(client.stats().requests_unknown, 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded_and_counted_and_does_not_hold_up_answers() {
    let gate = Arc::new(Semaphore::new(0));
    let busy = Arc::new(AtomicUsize::new(0));
    let (client, mut peer) = connected({
        let (gate, busy) = (Arc::clone(&gate), Arc::clone(&busy));
        move |_, _| {
            let (gate, busy) = (Arc::clone(&gate), Arc::clone(&busy));
            Box::pin(async move {
                busy.fetch_add(1, Ordering::SeqCst);
                drop(gate.acquire().await);
                Some(RemotingCommand::response(ResponseCode::SUCCESS))
            })
        }
    })
    .await;
    for opaque in 0..100 {
        peer.write(push(opaque)).await;
    }
    settle().await;
    assert_eq!(busy.load(Ordering::SeqCst), 10);
    let stats = client.stats();
    assert_eq!((stats.requests_served, stats.requests_dropped), (10, 90));
    for _ in 0..90 {
        let refusal = peer.request().await;
        assert_eq!(refusal.response_code(), ResponseCode::SYSTEM_BUSY);
        assert!(refusal.remark().is_some_and(|remark| remark.starts_with("[OVERLOAD]")));
    }

    let call = spawn({
        let client = client.clone();
        async move { client.invoke(&to(), request("x"), SECOND).await }
    });
    let asked = peer.request().await;
    peer.answer(&asked).await;
    call.await.unwrap().unwrap();

    gate.add_permits(100);
    for _ in 0..10 {
        assert!(peer.request().await.is_response());
    }
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_panics_costs_only_its_own_answer() {
    let (client, mut peer) = connected(|_, request| {
        assert!(request.opaque() != 1, "the first kind of panic: in the call");
        Box::pin(async move {
            assert!(request.opaque() != 2, "the second kind of panic: in the future");
            Some(RemotingCommand::response(ResponseCode::SUCCESS))
        })
    })
    .await;
    for opaque in [1, 2, 3] {
        peer.write(push(opaque)).await;
    }
    assert_eq!(peer.request().await.opaque(), 3);
    assert_eq!(client.stats().processor_panics, 2);
    assert_eq!(client.connections().len(), 1);
}
