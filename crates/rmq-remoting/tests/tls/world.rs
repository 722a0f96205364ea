//! A server over TLS that answers every request, and clients of it.

use std::future::{Future, ready};
use std::time::Duration;

use rmq_remoting::{
    BoxFuture, Certainty, ConnectionContext, Endpoint, Processor, RemotingClient, RemotingCommand, RemotingError,
    RemotingServer, RequestCode, ResponseCode, TcpConnector, TlsAcceptor, TlsConfig, TlsConnector, TlsError,
    TlsProblem, TlsServerConfig, TlsServerMode,
};
use tokio::net::TcpListener;

use crate::authority::Identity;

pub(crate) const NAME: &str = "mq.rocketmq.example";

struct Echo;

impl Processor for Echo {
    fn process(&self, _: &ConnectionContext, request: RemotingCommand) -> BoxFuture<'static, Option<RemotingCommand>> {
        let body = request.body().clone();
        Box::pin(ready(Some(request.response_to(ResponseCode::SUCCESS).with_body(body))))
    }
}

pub(crate) struct Server {
    pub(crate) server: RemotingServer,
    pub(crate) endpoint: Endpoint,
}

pub(crate) async fn serve(identity: &Identity) -> Server {
    let config = TlsServerConfig::new(&identity.chain, &identity.key).expect("a certificate with its key");
    serve_as(config.mode(TlsServerMode::Enforcing)).await
}

pub(crate) async fn serve_as(config: TlsServerConfig) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = Endpoint::parse(&listener.local_addr().expect("its address").to_string()).expect("an address");
    let server = RemotingServer::builder().fallback(Echo).serve(TlsAcceptor::new(config, listener));
    Server { server: server.expect("legal settings"), endpoint }
}

pub(crate) async fn serve_plain() -> Server {
    let server = RemotingServer::builder().fallback(Echo).bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = Endpoint::parse(&server.local_addr().expect("its address").to_string()).expect("an address");
    Server { server, endpoint }
}

/// A client that expects [`NAME`].
pub(crate) fn client(config: &TlsConfig) -> RemotingClient {
    let connector = TlsConnector::new(config, [NAME], TcpConnector).expect("legal settings");
    RemotingClient::builder().connector(connector).build().expect("legal settings")
}

pub(crate) async fn ask(client: &RemotingClient, to: &Endpoint) -> Result<(), RemotingError> {
    let body = "x".repeat(100_000);
    let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body(body.clone());
    let answer = client.invoke(to, request, Duration::from_secs(20)).await?;
    assert_eq!(answer.body(), body.as_bytes(), "every byte came back");
    Ok(())
}

/// Asks, and expects that the dial fails for this reason.
pub(crate) async fn refused(client: &RemotingClient, to: &Endpoint) -> (TlsProblem, String) {
    let error = ask(client, to).await.expect_err("no connection");
    assert_eq!(error.certainty(), Certainty::NotSent, "{error:?}");
    let RemotingError::Connect { addr, source } = &error else { panic!("{error:?}") };
    assert_eq!(addr, to);
    let Some(tls) = TlsError::of(source) else { panic!("{source:?}") };
    (tls.problem(), tls.to_string())
}

/// Runs it as long as the test's runtime lives.
#[allow(clippy::disallowed_methods, reason = "a test's runtime ends with the test")]
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
