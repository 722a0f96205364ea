//! Over real sockets, on several threads: inline writes, shared writes, large bodies.

use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{
    BoxFuture, ConnectionContext, Endpoint, HeaderEncoding, RemotingClient, RemotingCommand, RemotingServer,
    RequestCode, ResponseCode,
};

use crate::fixture::{request, spawn};

const LONG: Duration = Duration::from_secs(60);

async fn echo() -> (RemotingServer, RemotingClient, Endpoint) {
    let server = RemotingServer::builder()
        .processor(RequestCode::SEND_MESSAGE_V2, |_: &ConnectionContext, request: RemotingCommand| {
            let answer: BoxFuture<'static, _> = Box::pin(async move {
                Some(RemotingCommand::response(ResponseCode::SUCCESS).with_body(request.body().clone()))
            });
            answer
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = server.local_addr().expect("bound").port();
    let client = RemotingClient::builder().build().expect("defaults");
    (server, client, Endpoint::new("localhost", port).expect("a legal address"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_on_several_threads_get_their_own_answers() {
    let (_server, client, to) = echo().await;
    let callers: Vec<_> = (0..64)
        .map(|caller: usize| {
            let (client, to) = (client.clone(), to.clone());
            spawn(async move {
                for n in 0..200 {
                    let body = Bytes::from(format!("{caller}-{n}-{}", "x".repeat(n * 37 % 9_000)));
                    let encoding = if n % 2 == 0 { HeaderEncoding::Json } else { HeaderEncoding::Rocketmq };
                    let command = request(body.clone()).with_encoding(encoding);
                    let answer = client.invoke(&to, command, LONG).await.expect("answered");
                    assert_eq!(answer.body(), &body);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(client.in_flight(), 0);
    assert_eq!(client.stats().connections_opened, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_arrive_whole_in_both_directions() {
    let (_server, client, to) = echo().await;
    let body: Bytes = (0..4 << 20).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<u8>>().into();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (client, to, body) = (client.clone(), to.clone(), body.clone());
            spawn(async move { client.invoke(&to, request(body), LONG).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap().body() == &body, "the same four megabytes");
    }
}

#[tokio::test]
async fn a_lone_caller_writes_once_per_request_and_a_burst_shares_its_writes() {
    let (_server, client, to) = echo().await;
    client.invoke(&to, request("first"), LONG).await.unwrap();
    let before = client.stats().writes;
    for _ in 0..100 {
        client.invoke(&to, request("x"), LONG).await.unwrap();
    }
    assert_eq!(client.stats().writes - before, 100);

    let before = client.stats().writes;
    for _ in 0..10 {
        let calls: Vec<_> = (0..256)
            .map(|_| {
                let (client, to) = (client.clone(), to.clone());
                spawn(async move { client.invoke(&to, request("x"), LONG).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    let writes = client.stats().writes - before;
    assert!(writes <= 100, "{writes} writes for 2,560 requests in bursts of 256");
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_refused_at_once() {
    // Held, so that nobody else gets the port meanwhile.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let to = Endpoint::new("127.0.0.1", held.local_addr().unwrap().port()).unwrap();
    let client = RemotingClient::builder().build().unwrap();
    let error = client.invoke(&to, request("x"), LONG).await.unwrap_err();
    assert!(matches!(error, rmq_remoting::RemotingError::Connect { .. }), "{error}");
    // No label may have more than 63 characters, so that no resolver needs to ask anybody.
    let name = Endpoint::new(&format!("{}.invalid", "x".repeat(70)), 9876).unwrap();
    let error = client.invoke(&name, request("x"), LONG).await.unwrap_err();
    assert!(matches!(error, rmq_remoting::RemotingError::Connect { .. }), "{error}");
}

#[test]
fn plain_threads_may_block_on_calls() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (_server, client, to) = runtime.block_on(echo());
    let handle = runtime.handle().clone();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    handle.block_on(client.invoke(&to, request("x"), LONG)).unwrap();
                }
            });
        }
    });
    assert_eq!(client.in_flight(), 0);
}
