//! Peers of every kind: only one whose certificate is trusted, valid and for the right name gets a byte of a request.

use std::time::Duration;

use rmq_remoting::{
    Certainty, Connector, Endpoint, RemotingClient, RemotingConfig, RemotingError, TcpConnector, TlsConfig,
    TlsConfigError, TlsConnector, TlsProblem, TlsRoots,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::authority::{Authority, Folder, self_signed};
use crate::world::{NAME, ask, client, refused, serve, serve_plain};

#[tokio::test]
async fn a_trusted_certificate_for_the_right_name_carries_requests() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let config = TlsConfig::new().ca_file(folder.write("ca.pem", &authority.pem));
    for names in [&[NAME][..], &["*.rocketmq.example"], &["other.example", NAME]] {
        let server = serve(&authority.sign(names)).await;
        ask(&client(&config), &server.endpoint).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_in_order_is_refused_with_its_reason() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let config = TlsConfig::new().ca_file(folder.write("ca.pem", &authority.pem));
    let cases = [
        ("expired", authority.sign_from(&[NAME], 2000, 2001), TlsProblem::Expired, "expired"),
        ("not valid yet", authority.sign_from(&[NAME], 2099, 2100), TlsProblem::NotYetValid, "not valid yet"),
        ("another authority", Authority::new().sign(&[NAME]), TlsProblem::Untrusted, "ca_file"),
        ("self-signed", self_signed(&[NAME]), TlsProblem::Untrusted, "dangerous_accept_any_certificate"),
        ("another name", authority.sign(&["other.example"]), TlsProblem::WrongName, NAME),
        ("the address dialled", authority.sign(&["127.0.0.1"]), TlsProblem::WrongName, "server_name"),
    ];
    for (what, identity, expected, part) in cases {
        let server = serve(&identity).await;
        let (problem, text) = refused(&client(&config), &server.endpoint).await;
        assert_eq!(problem, expected, "{what}: {text}");
        assert!(text.contains(part) && text.contains(server.endpoint.as_str()), "{what}: {text}");
    }
}

#[tokio::test]
async fn neither_the_platform_nor_mozilla_trust_a_self_signed_server() {
    let server = serve(&self_signed(&[NAME])).await;
    for roots in [TlsRoots::Platform, TlsRoots::WebPki] {
        let connector = match TlsConnector::new(&TlsConfig::new().roots(roots.clone()), [NAME], TcpConnector) {
            Ok(connector) => connector,
            // A machine without any.
            Err(TlsConfigError::Platform(_)) => continue,
            Err(error) => panic!("{error:?}"),
        };
        let client = RemotingClient::builder().connector(connector).build().unwrap();
        let (problem, text) = refused(&client, &server.endpoint).await;
        assert_eq!(problem, TlsProblem::Untrusted, "{roots:?}: {text}");
        assert!(text.contains("--tls-ca") && text.contains("--tls-insecure"), "both ways out: {text}");
    }
}

#[tokio::test]
async fn whoever_says_dangerous_gets_any_server() {
    let config = TlsConfig::new().dangerous_accept_any_certificate(true);
    for identity in [self_signed(&[NAME]), Authority::new().sign_from(&["other.example"], 2000, 2001)] {
        let server = serve(&identity).await;
        ask(&client(&config), &server.endpoint).await.unwrap();
        let nameless = TlsConnector::new(&config, [], TcpConnector).expect("no name is expected");
        let client = RemotingClient::builder().connector(nameless).build().unwrap();
        ask(&client, &server.endpoint).await.unwrap();
    }
}

#[tokio::test]
async fn the_expected_name_is_the_one_configured_and_never_the_one_dialled() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let config = TlsConfig::new().ca_file(folder.write("ca.pem", &authority.pem));
    let server = serve(&authority.sign(&["127.0.0.1"])).await;
    for (config, hosts, served) in [
        (config.clone(), &[NAME][..], false),
        (config.clone(), &["ns-1.example", "127.0.0.1"], true),
        (config.clone().server_name("127.0.0.1"), &[NAME], true),
        (config.server_name(NAME), &["127.0.0.1"], false),
    ] {
        let connector = TlsConnector::new(&config, hosts.iter().copied(), TcpConnector).unwrap();
        let client = RemotingClient::builder().connector(connector).build().unwrap();
        assert_eq!(ask(&client, &server.endpoint).await.is_ok(), served, "{config:?} {hosts:?}");
    }
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_told_as_such() {
    let config = TlsConfig::new().roots(TlsRoots::WebPki);
    // A server of the protocol takes the client's first bytes for an impossible frame, and closes.
    let plain = serve_plain().await;
    assert_eq!(refused(&client(&config), &plain.endpoint).await.0, TlsProblem::Closed);
    // Any other one answers something.
    let talker = peer(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let (problem, text) = refused(&client(&config), &talker).await;
    assert_eq!(problem, TlsProblem::NotTls, "{text}");
    assert!(text.contains("does not speak TLS"), "{text}");
}

#[tokio::test]
async fn a_peer_that_answers_with_tls_1_1_is_refused() {
    // A record of TLS 1.1 with a ServerHello: version 3.2, a random, no session id, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let mut hello = vec![0x02, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[0x16, 3, 2, 0, length], &hello[..]].concat();
    let old = peer(&record).await;
    let (problem, text) = refused(&client(&TlsConfig::new().roots(TlsRoots::WebPki)), &old).await;
    assert_eq!(problem, TlsProblem::OldVersion, "{text}");
    assert!(text.contains("1.2 and 1.3"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_over_with_the_dial() {
    struct Silent;
    impl Connector for Silent {
        fn connect(&self, _: &Endpoint) -> rmq_remoting::BoxFuture<'static, std::io::Result<rmq_remoting::Stream>> {
            let (ours, theirs) = tokio::io::duplex(1 << 20);
            Box::pin(async move {
                // Held open as long as the process lives, and never read.
                std::mem::forget(theirs);
                Ok(rmq_remoting::Stream::boxed(ours))
            })
        }
    }
    let connector = TlsConnector::new(&TlsConfig::new().roots(TlsRoots::WebPki), [NAME], Silent).unwrap();
    let mut config = RemotingConfig::default();
    config.connect_timeout = Duration::from_millis(700);
    let client = RemotingClient::builder().config(config).connector(connector).build().unwrap();
    let started = tokio::time::Instant::now();
    let error = ask(&client, &Endpoint::parse("10.0.0.1:9876").unwrap()).await.unwrap_err();
    assert!(matches!(error, RemotingError::ConnectTimeout { .. }), "{error:?}");
    assert_eq!((started.elapsed(), error.certainty()), (Duration::from_millis(700), Certainty::NotSent));
}

#[test]
fn settings_that_cannot_work_are_refused_before_any_dial() {
    let folder = Folder::new();
    let new = |config: &TlsConfig, hosts: &[&str]| {
        TlsConnector::new(config, hosts.iter().copied(), TcpConnector).unwrap_err().to_string()
    };
    let web = TlsConfig::new().roots(TlsRoots::WebPki);
    let key = folder.write("empty.pem", "");
    for (config, hosts, part) in [
        (web.clone(), &[][..], "server_name"),
        (web.clone().server_name("no host!"), &[NAME], "no host!"),
        (web.clone().ca_file(folder.path("missing.pem")), &[NAME], "missing.pem"),
        (web.clone().ca_file(&key), &[NAME], "BEGIN CERTIFICATE"),
        (web.client_certificate(&key, &key), &[NAME], "empty.pem"),
    ] {
        let text = new(&config, hosts);
        assert!(text.contains(part), "{text}");
    }
}

/// Somebody who waits for the first bytes, says this, and closes.
async fn peer(says: &[u8]) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = Endpoint::parse(&listener.local_addr().expect("a free port").to_string()).expect("a free port");
    let says = says.to_vec();
    let serving = async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut heard = [0; 1024];
            drop(socket.read(&mut heard).await);
            drop(socket.write_all(&says).await);
            drop(socket.flush().await);
            // Read on, so that nothing unread turns the close into a reset.
            while socket.read(&mut heard).await.is_ok_and(|read| read > 0) {}
        }
    };
    crate::world::spawn(serving);
    endpoint
}
