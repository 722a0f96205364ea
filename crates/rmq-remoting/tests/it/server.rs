//! The server half: the same connection from the other side.

use std::time::Duration;

use rmq_remoting::{Certainty, Endpoint, RemotingClient, RemotingCommand, RemotingServer, RequestCode, ResponseCode};

use crate::fixture::request;

/// The clock is real, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

async fn server() -> (RemotingServer, RemotingClient, Endpoint) {
    let server = RemotingServer::builder()
        .processor(RequestCode::SEND_MESSAGE_V2, |_: &rmq_remoting::ConnectionContext, request: RemotingCommand| {
            let answer: rmq_remoting::BoxFuture<'static, _> = Box::pin(async move {
                if &request.body()[..] == b"slow" {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                Some(RemotingCommand::response(ResponseCode::SUCCESS).with_body(request.body().clone()))
            });
            answer
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let addr = server.local_addr().expect("bound");
    let client = RemotingClient::builder().build().expect("defaults");
    (server, client, Endpoint::new("127.0.0.1", addr.port()).expect("a legal address"))
}

#[tokio::test]
async fn it_serves_by_code_and_names_what_it_does_not_know() {
    let (server, client, to) = server().await;
    let answer = client.invoke(&to, request("hello"), PATIENCE).await.unwrap();
    assert_eq!(&answer.body()[..], b"hello");
    let unknown = client.invoke(&to, RemotingCommand::request(RequestCode(4711)), PATIENCE).await.unwrap();
    assert_eq!(unknown.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    assert_eq!(server.connections().len(), 1);
    server.shutdown(PATIENCE).await;
}

#[tokio::test]
async fn it_can_ask_its_clients() {
    let (server, _, to) = server().await;
    let client = RemotingClient::builder()
        .processor(RequestCode::CHECK_TRANSACTION_STATE, |_: &rmq_remoting::ConnectionContext, _| {
            let answer: rmq_remoting::BoxFuture<'static, _> =
                Box::pin(async { Some(RemotingCommand::response(ResponseCode::SUCCESS).with_remark("asked")) });
            answer
        })
        .build()
        .unwrap();
    client.connect(&to, PATIENCE).await.unwrap();
    while server.connections().is_empty() {
        tokio::task::yield_now().await;
    }
    let connections = server.connections();
    let ask = RemotingCommand::request(RequestCode::CHECK_TRANSACTION_STATE);
    let answer = connections[0].connection().invoke(&ask, PATIENCE).await.unwrap();
    assert_eq!(answer.remark(), Some("asked"));
}

#[tokio::test]
async fn shutdown_lets_requests_be_answered_and_closes_the_port() {
    let (server, client, to) = server().await;
    let slow = tokio::join!(client.invoke(&to, request("slow"), PATIENCE), async {
        while server.stats().requests_served == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.shutdown(PATIENCE).await;
    })
    .0;
    assert_eq!(&slow.unwrap().body()[..], b"slow");
    while !client.connections().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = client.invoke(&to, request("late"), PATIENCE).await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
    assert!(server.connections().is_empty());
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let (server, client, to) = server().await;
    client.invoke(&to, request("x"), PATIENCE).await.unwrap();
    drop(server);
    while !client.connections().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
