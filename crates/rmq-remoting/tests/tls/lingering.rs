//! The end of a connection over TLS: the server gets to read what was written, whatever it writes meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use rmq_remoting::{Endpoint, RemotingCommand, RequestCode, TlsConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};
use tokio::net::TcpSocket;

use crate::authority::{Identity, self_signed};
use crate::world::{NAME, client};

const FRAMES: usize = 200;
const BODY: usize = 1024;

fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("versions").with_no_client_auth();
    Arc::new(builder.with_single_cert(chain.expect("a chain"), key).expect("a pair"))
}

/// Shakes hands, reads nothing until it is told that the client is gone, then writes, and reads only then. Returns how many bytes came, and
/// whether the client said that these were all.
fn serve_slowly(listener: &TcpListener, config: Arc<ServerConfig>, gone: &mpsc::Receiver<()>) -> (usize, bool) {
    let mut socket: TcpStream = listener.accept().expect("a dial").0;
    let mut tls = ServerConnection::new(config).expect("a server");
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).expect("a handshake");
    }
    gone.recv().expect("the test says so");
    let mut stream = Stream::new(&mut tls, &mut socket);
    for _ in 0..10 {
        drop(stream.write_all(&[1; 10_000]).and_then(|()| stream.flush()));
    }
    let mut heard = Vec::new();
    let whole = stream.read_to_end(&mut heard).is_ok();
    (heard.len(), whole)
}

#[tokio::test(start_paused = true)]
async fn what_was_written_arrives_although_the_client_is_dropped() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(8).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let to = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    let config = server_config(&self_signed(&[NAME]));
    let (ended, gone) = mpsc::channel();
    // As long as it runs, the paused clock stands still.
    let serving = tokio::task::spawn_blocking(move || serve_slowly(&listener, config, &gone));

    let client = client(&TlsConfig::new().dangerous_accept_any_certificate(true));
    let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body(vec![7; BODY]);
    for _ in 0..FRAMES {
        client.invoke_oneway(&to, request.clone(), Duration::from_secs(3)).await.unwrap();
    }
    drop(client);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    ended.send(()).unwrap();
    let (bytes, whole) = serving.await.unwrap();
    assert!(bytes > FRAMES * BODY && whole, "{bytes} bytes, whole: {whole}");
}
