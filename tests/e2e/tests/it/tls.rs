//! Real servers over TLS: as they come out of the box, and enforcing it with certificates on both sides.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use real_servers::ClusterSpec;
use rmq_producer::{Message, Producer, StartError, TlsConfig, TlsError, TlsProblem, TlsRoots};
use rmq_remoting::{TcpConnector, TlsConnector};

use crate::place::{Place, eventually, in_real_places, in_real_places_alone};
use crate::topic_admin;

#[test]
fn a_server_out_of_the_box_is_refused_until_danger_is_accepted() {
    in_real_places(async |place, _| {
        let topic = place.topic("tls-stock", 2).await;
        for roots in [TlsRoots::Platform, TlsRoots::WebPki] {
            let refused = place.builder().tls(TlsConfig::new().roots(roots)).start().await.expect_err("self-signed");
            let told = told(&refused);
            assert!(matches!(told.problem(), TlsProblem::Untrusted | TlsProblem::BadCertificate), "{told:?}");
            let text = told.to_string();
            assert!(text.contains("ca_file") && text.contains("dangerous_accept_any_certificate"), "{text}");
        }
        let careless = TlsConfig::new().dangerous_accept_any_certificate(true);
        let producer = place.builder().tls(careless).start().await.expect("TLS on the usual port");
        let plain = place.producer().await;
        for producer in [&producer, &plain] {
            producer.send(Message::new(&*topic, vec![b'x'; 300_000])).await.expect("it is stored");
        }
        producer.send_oneway(Message::new(&*topic, "oneway")).await.expect("it is written");
        let stored = place.read(&topic, 3).await;
        assert_eq!(stored.len(), 3);
        assert!(producer.shutdown(Duration::from_secs(60)).await.is_clean());
    });
}

#[test]
fn servers_and_clients_that_demand_each_other_s_certificates() {
    let files = Files::new();
    in_real_places_alone(
        |_| files.spec(),
        async |place| {
            let trusted = files.trusting().client_certificate(files.path("client.pem"), files.path("client.key"));
            let start = async |tls: TlsConfig| builder(place, tls).start().await;
            eventually("the name server answers", async || start(trusted.clone()).await.is_ok()).await;
            topic_over_tls(place, &trusted).await;
            let producer = start(trusted.clone()).await.expect("both sides are content");
            for _ in 0..20 {
                producer.send(Message::new("orders", vec![b'x'; 10_000])).await.expect("it is stored");
            }
            assert!(producer.shutdown(Duration::from_secs(60)).await.is_clean());

            let without = start(files.trusting()).await.expect_err("the server demands a certificate");
            assert_eq!(told(&without).problem(), TlsProblem::ClientCertificate, "{without:?}");
            let wrong_name = start(trusted.clone().server_name("other.example")).await.expect_err("another name");
            assert_eq!(told(&wrong_name).problem(), TlsProblem::WrongName, "{wrong_name:?}");
            let untrusted = start(trusted.roots(TlsRoots::WebPki)).await.expect_err("another authority");
            assert_eq!(told(&untrusted).problem(), TlsProblem::Untrusted, "{untrusted:?}");
            place.builder().api_timeout(Duration::from_secs(5)).start().await.expect_err("plain text is not served");
        },
    );
}

/// More than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn builder(place: &Place, tls: TlsConfig) -> rmq_producer::ProducerBuilder {
    Producer::builder("tls-group")
        .name_servers(place.name_servers())
        .send_timeout(PATIENCE)
        .api_timeout(PATIENCE)
        .tls(tls)
}

/// Creates the topic once the broker is registered.
async fn topic_over_tls(place: &Place, tls: &TlsConfig) {
    let connector = TlsConnector::new(tls, ["127.0.0.1"], TcpConnector).expect("settings that worked before");
    let connector: Arc<dyn rmq_remoting::Connector> = Arc::new(connector);
    eventually("the broker is registered and takes the topic", async || {
        topic_admin::change(&place.name_servers(), Arc::clone(&connector), "orders", 4, 6).await.is_ok()
    })
    .await;
}

/// The TLS error among the causes of a start that failed.
fn told(error: &StartError) -> &TlsError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        let io = io.or_else(|| error.downcast_ref::<Arc<std::io::Error>>().map(|error| &**error));
        if let Some(tls) = io.and_then(TlsError::of) {
            return tls;
        }
        cause = error.source();
    }
    panic!("no TLS error in {error:?}");
}

/// Certificates of an authority of the test's own, and the servers' settings.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("rmq-e2e-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let files = Self(folder);
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().expect("a key");
        files.write("ca.pem", &params.self_signed(&key).expect("a certificate").pem());
        let issuer = Issuer::new(params, key);
        for (file, name) in [("server", "127.0.0.1"), ("client", "client")] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a legal name");
            params.distinguished_name.push(DnType::CommonName, file);
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            files.write(&format!("{file}.pem"), &certificate.pem());
            files.write(&format!("{file}.key"), &key.serialize_pem());
        }
        let path = |name: &str| files.path(name).display().to_string();
        let (ca, server, client) = (path("ca.pem"), path("server"), path("client"));
        files.write(
            "tls.properties",
            &format!(
                "tls.test.mode.enable=false\ntls.server.certPath={server}.pem\ntls.server.keyPath={server}.key\n\
                 tls.server.trustCertPath={ca}\ntls.server.need.client.auth=require\ntls.server.authClient=true\n\
                 tls.client.certPath={client}.pem\ntls.client.keyPath={client}.key\ntls.client.authServer=true\n\
                 tls.client.trustCertPath={ca}\n"
            ),
        );
        files
    }

    fn spec(&self) -> ClusterSpec {
        ClusterSpec::brokers(1)
            .jvm_option("-Dtls.server.mode=enforcing")
            .jvm_option("-Dtls.enable=true")
            .jvm_option(format!("-Dtls.config.file={}", self.path("tls.properties").display()))
            .ports_only()
    }

    fn trusting(&self) -> TlsConfig {
        TlsConfig::new().ca_file(self.path("ca.pem"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
