//! Mutual TLS: with a certificate that the server trusts, with another one, and without any.

use std::sync::Arc;

use rmq_remoting::{Certainty, ConnectionEnd, RemotingError, TlsConfig, TlsError, TlsProblem, TlsServerConfig};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::authority::{Authority, Folder, Identity};
use crate::world::{NAME, ask, client, refused, serve_as};

struct Files {
    folder: Folder,
    authority: Authority,
    server: Identity,
}

impl Files {
    fn new() -> Self {
        let (folder, authority) = (Folder::new(), Authority::new());
        folder.write("ca.pem", &authority.pem);
        let server = authority.sign(&[NAME]);
        Self { folder, authority, server }
    }

    fn anonymous(&self) -> TlsConfig {
        TlsConfig::new().ca_file(self.folder.path("ca.pem"))
    }

    fn as_client(&self, by: &Authority) -> TlsConfig {
        let identity = by.sign(&["client"]);
        let chain = self.folder.write("client.pem", &identity.chain);
        self.anonymous().client_certificate(chain, self.folder.write("client.key", &identity.key))
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let files = Files::new();
    let config = TlsServerConfig::mutual(&files.server.chain, &files.server.key, &files.authority.pem).unwrap();
    let server = serve_as(config).await;
    ask(&client(&files.as_client(&files.authority)), &server.endpoint).await.unwrap();
}

#[tokio::test]
async fn a_client_without_a_trusted_certificate_is_told_what_to_give() {
    let files = Files::new();
    let config = TlsServerConfig::mutual(&files.server.chain, &files.server.key, &files.authority.pem).unwrap();
    let server = serve_as(config).await;
    for tls in [files.anonymous(), files.as_client(&Authority::new())] {
        let client = client(&tls);
        // In TLS 1.3 the client has written its request before it learns that it was not let in.
        let told = match ask(&client, &server.endpoint).await.unwrap_err() {
            RemotingError::ConnectionLost { cause: ConnectionEnd::Io(error), .. } => error,
            RemotingError::Connect { source, .. } => source,
            other => panic!("{other:?}"),
        };
        let told = TlsError::of(&told).unwrap_or_else(|| panic!("{told:?}"));
        assert_eq!(told.problem(), TlsProblem::ClientCertificate, "{told}");
        assert!(told.to_string().contains("--tls-cert"), "{told}");
    }
    assert!(server.server.stats().requests_served == 0, "nothing was executed");
}

#[tokio::test]
async fn with_tls_1_2_nothing_is_sent_to_a_server_that_refuses_the_client() {
    let files = Files::new();
    let server = serve_as(TlsServerConfig::rustls(only_1_2(&files))).await;
    let (problem, text) = refused(&client(&files.anonymous()), &server.endpoint).await;
    assert_eq!(problem, TlsProblem::ClientCertificate, "{text}");
    let error = ask(&client(&files.as_client(&Authority::new())), &server.endpoint).await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::NotSent, "{error:?}");
    ask(&client(&files.as_client(&files.authority)), &server.endpoint).await.unwrap();
}

fn only_1_2(files: &Files) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(files.authority.pem.as_bytes()).expect("made for this"))
        .expect("made for this");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .expect("made for this");
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS12]);
    let chain = vec![CertificateDer::from_pem_slice(files.server.chain.as_bytes()).expect("made for this")];
    let key = PrivateKeyDer::from_pem_slice(files.server.key.as_bytes()).expect("made for this");
    Arc::new(
        builder
            .expect("made for this")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .expect("made for this"),
    )
}
