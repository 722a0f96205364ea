//! Producers over TLS, over TCP: certificates are made here.

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rmq_producer::{Producer, ProducerBuilder, StartError, TlsConfig, TlsError, TlsProblem};
use rmq_testkit::{TestCluster, TlsServerConfig, TlsServerMode};

use crate::world::*;

/// A cluster that speaks only TLS, and the file of the authority that signed its certificate.
struct Secured {
    cluster: TestCluster,
    authority: PathBuf,
}

impl Secured {
    /// Certificates are for this name.
    async fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a legal name");
        let chain = params.signed_by(&key, &issuer).expect("a certificate").pem();
        let tls = TlsServerConfig::new(chain, key.serialize_pem()).expect("a certificate with its key");
        let cluster = TestCluster::builder().brokers(2).topic("orders", 4).tls(tls.mode(TlsServerMode::Enforcing));
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let authority = std::env::temp_dir().join(format!("rmq-ca-{}-{name}-{number}.pem", std::process::id()));
        std::fs::write(&authority, pem).expect("a file");
        Self { cluster: start(cluster).await, authority }
    }

    fn producer(&self, tls: TlsConfig) -> ProducerBuilder {
        let patience = seconds(60); // the clock is real, and the machine may be busy
        let builder = Producer::builder("pg").name_servers(self.cluster.name_servers());
        builder.send_timeout(patience).api_timeout(patience).tls(tls)
    }

    fn trusting(&self) -> TlsConfig {
        TlsConfig::new().ca_file(&self.authority)
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        std::fs::remove_file(&self.authority).ok();
    }
}

/// The TLS error among the causes of a start that failed.
fn problem(error: &StartError) -> TlsProblem {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        let tls = error.downcast_ref::<std::sync::Arc<std::io::Error>>().and_then(|error| TlsError::of(error));
        if let Some(tls) = tls.or_else(|| error.downcast_ref::<std::io::Error>().and_then(TlsError::of)) {
            return tls.problem();
        }
        cause = error.source();
    }
    panic!("no TLS error in {error:?}");
}

#[tokio::test]
async fn name_servers_and_brokers_are_verified_by_the_hosts_of_the_configured_list() {
    let secured = Secured::named("127.0.0.1").await;
    let producer = secured.producer(secured.trusting()).start().await.unwrap();
    for _ in 0..10 {
        producer.send(hello()).await.unwrap();
        producer.send_oneway(hello()).await.unwrap();
    }
    assert_eq!(secured.cluster.wait_for_messages("orders", 20, seconds(60)).await.len(), 20);
    assert!(producer.shutdown(seconds(5)).await.is_clean());
}

#[tokio::test]
async fn one_name_may_be_set_for_all_servers() {
    let secured = Secured::named("mq.rocketmq.example").await;
    let refused = secured.producer(secured.trusting()).start().await.unwrap_err();
    assert_eq!(problem(&refused), TlsProblem::WrongName);
    let producer = secured.producer(secured.trusting().server_name("mq.rocketmq.example")).start().await.unwrap();
    producer.send(hello()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gets_nothing_unless_danger_is_accepted() {
    let secured = Secured::named("localhost").await;
    let refused = secured.producer(TlsConfig::new().roots(rmq_producer::TlsRoots::WebPki)).start().await.unwrap_err();
    assert_eq!(problem(&refused), TlsProblem::Untrusted);
    let careless = TlsConfig::new().dangerous_accept_any_certificate(true);
    secured.producer(careless).start().await.unwrap().send(hello()).await.unwrap();
}

#[tokio::test]
async fn a_start_with_unusable_settings_dials_nobody() {
    let secured = Secured::named("127.0.0.2").await;
    let error = secured.producer(TlsConfig::new().ca_file("no/such/file")).start().await.unwrap_err();
    assert!(matches!(error, StartError::Tls(_)), "{error:?}");
    assert!(secured.cluster.name_server().lines().is_empty());
}

#[tokio::test]
async fn in_plain_text_nothing_reaches_a_server_that_enforces_tls() {
    let secured = Secured::named("127.0.0.3").await;
    Producer::builder("pg").name_servers(secured.cluster.name_servers()).start().await.unwrap_err();
}

#[tokio::test]
async fn where_name_servers_are_looked_up_the_name_has_to_be_said() {
    let looked_up = || Producer::builder("pg").address_service("http://ns.example:8080/rocketmq/nsaddr");
    let error = looked_up().tls(TlsConfig::new()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Tls(_)), "{error:?}");
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("server_name"), "{cause}");
}

#[tokio::test]
async fn a_client_id_trusts_one_set_of_authorities() {
    let secured = Secured::named("127.0.0.1").await;
    let named = |group: &str, tls: TlsConfig| secured.producer(tls).producer_group(group).instance_name("one-of-tls");
    let first = named("a", secured.trusting()).start().await.unwrap();
    let careless = secured.trusting().dangerous_accept_any_certificate(true);
    let error = named("b", careless).start().await.unwrap_err();
    assert!(matches!(error, StartError::OtherSettings { option: "tls", .. }), "{error:?}");
    first.send(hello()).await.unwrap();
}
