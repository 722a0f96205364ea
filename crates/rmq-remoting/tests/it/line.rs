//! Lines: a caller that keeps the way to one address always has the connection that the client has.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rmq_remoting::{Endpoint, HookError, RemotingClient, RemotingCommand, ResponseCode, RpcHook};

use crate::fixture::{SECOND, client, client_with, config, request, settle, spawn, to, wire};

#[tokio::test(start_paused = true)]
async fn a_line_goes_over_the_connection_that_its_client_has_and_over_the_next_one_after_that() {
    let (client, peers, wire) = client(64 * 1024);
    peers.echo();
    let line = client.line(&to());
    let ask = async |body: &'static str| {
        let answer = line.invoke_frame(&request(body), SECOND).await.unwrap();
        assert_eq!(&answer.body()[..], body.as_bytes());
        wire.dials.load(Ordering::SeqCst)
    };
    assert_eq!(line.endpoint(), &to());
    assert_eq!((ask("one").await, ask("two").await), (1, 1));
    client.invoke(&to(), request("three"), SECOND).await.unwrap();
    assert_eq!(wire.dials.load(Ordering::SeqCst), 1);
    client.retire(&to());
    assert_eq!((ask("four").await, ask("five").await), (2, 2));
    client.connection(&to()).unwrap().close();
    settle().await;
    assert_eq!((ask("six").await, ask("seven").await), (3, 3));
    assert_eq!((client.in_flight(), client.connections().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_by_a_line_moves_when_its_server_goes_away() {
    let (client, mut peers, wire) = client(64 * 1024);
    let line = client.line(&to());
    let call = spawn(async move { line.invoke_frame(&request("x"), SECOND).await });
    let mut old = peers.next().await;
    let told = old.request().await;
    old.write(told.response_to(ResponseCode::GO_AWAY)).await;
    let mut new = peers.next().await;
    let again = new.request().await;
    new.answer(&again).await;
    assert_eq!(&call.await.unwrap().unwrap().body()[..], b"x");
    assert_eq!((wire.dials.load(Ordering::SeqCst), client.stats().calls_moved), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_line_keeps_the_connections_of_its_client_and_closes_them() {
    let (client, mut peers, _) = client(64 * 1024);
    let line = client.line(&to());
    let pending = line.submit(&request("x"), SECOND).await.unwrap();
    drop(client);
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    peer.answer(&asked).await;
    assert_eq!(&pending.await.unwrap().body()[..], b"x");
    drop(line);
    assert!(peer.read().await.is_none());
}

struct Marking;

impl RpcHook for Marking {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        request.ext_fields_mut().set("hooked", "yes");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_see_the_requests_of_a_line() {
    let (connector, mut peers) = wire(64 * 1024);
    let client = RemotingClient::builder().connector(connector).hook(Marking).build().unwrap();
    let line = client.line(&to());
    let call = spawn(async move {
        line.invoke_frame(&request("x"), SECOND).await?;
        line.submit(&request("y"), SECOND).await?.await
    });
    let mut peer = peers.next().await;
    for _ in 0..2 {
        let asked = peer.request().await;
        assert_eq!(asked.field("hooked"), Some("yes"));
        peer.answer(&asked).await;
    }
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_on_a_connection_has_it_in_the_order_of_arrival() {
    let (connector, mut peers) = wire(64 * 1024);
    let client = client_with(config(|config| config.max_in_flight_per_connection = 1), &connector);
    let line = Arc::new(client.line(&to()));
    let call = |body: &'static str, time: Duration| {
        let line = Arc::clone(&line);
        spawn(async move { line.invoke_frame(&request(body), time).await })
    };
    let first = call("first", SECOND * 9);
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    let (second, impatient, dropped, last) =
        (call("second", SECOND * 9), call("impatient", SECOND), call("dropped", SECOND * 9), call("last", SECOND * 9));
    settle().await;
    impatient.await.unwrap().unwrap_err();
    dropped.abort();
    settle().await;
    peer.answer(&asked).await;
    for (call, body) in [(first, None), (second, Some("second")), (last, Some("last"))] {
        if let Some(body) = body {
            let asked = peer.request().await;
            assert_eq!(&asked.body()[..], body.as_bytes());
            assert_eq!(client.connections()[0].in_flight(), 1, "one at a time");
            peer.answer(&asked).await;
        }
        call.await.unwrap().unwrap();
    }
    // The quick way is open again behind the last one.
    let call = call("quick", SECOND);
    let asked = peer.request().await;
    peer.answer(&asked).await;
    call.await.unwrap().unwrap();
    assert_eq!(client.in_flight(), 0);
}
