//! The server half: TLS and plain text on one port, or TLS only.

use std::time::Duration;

use rmq_remoting::{RemotingClient, TlsConfig, TlsServerConfig, TlsServerMode};
use tokio::net::TcpStream;

use crate::authority::self_signed;
use crate::world::{NAME, ask, client, serve_as};

fn config() -> TlsServerConfig {
    let identity = self_signed(&[NAME]);
    TlsServerConfig::new(&identity.chain, &identity.key).expect("a certificate with its key")
}

#[tokio::test]
async fn a_permissive_server_serves_both_on_one_port() {
    let server = serve_as(config()).await;
    let plain = RemotingClient::builder().build().unwrap();
    ask(&plain, &server.endpoint).await.unwrap();
    ask(&client(&TlsConfig::new().dangerous_accept_any_certificate(true)), &server.endpoint).await.unwrap();
}

#[tokio::test]
async fn an_enforcing_server_executes_nothing_that_comes_in_plain_text() {
    let server = serve_as(config().mode(TlsServerMode::Enforcing)).await;
    let plain = RemotingClient::builder().build().unwrap();
    ask(&plain, &server.endpoint).await.unwrap_err();
    assert_eq!(server.server.stats().requests_served, 0);
    ask(&client(&TlsConfig::new().dangerous_accept_any_certificate(true)), &server.endpoint).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_keeps_no_other_waiting() {
    let server = serve_as(config()).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(server.endpoint.as_str()).await.unwrap());
    }
    ask(&client(&TlsConfig::new().dangerous_accept_any_certificate(true)), &server.endpoint).await.unwrap();
    server.server.shutdown(Duration::ZERO).await;
}
