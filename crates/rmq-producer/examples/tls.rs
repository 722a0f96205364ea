//! TLS with name servers and brokers alike: verified, and what a server that is not trusted gets.
//!
//! ```text
//! cargo run -p rmq-producer --features tls --example tls
//! NAMESRV_ADDR=127.0.0.1:9876 TLS_CA=ca.pem cargo run -p rmq-producer --features tls --example tls
//! NAMESRV_ADDR=127.0.0.1:9876 ROCKETMQ_TLS=insecure cargo run -p rmq-producer --features tls --example tls
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

use std::error::Error;
use std::time::Duration;

use rmq_producer::{Message, Producer, ProducerBuilder, ProducerConfig, TlsConfig, TlsRoots};
use rmq_testkit::{TestCluster, TlsServerConfig, TlsServerMode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::var("NAMESRV_ADDR") {
        Ok(name_servers) => {
            println!("sending to the cluster of {name_servers}");
            let config = ProducerConfig::from_env()?; // ROCKETMQ_TLS is read here, too
            let tls = config.tls.clone().unwrap_or_default();
            let tls = match std::env::var("TLS_CA") {
                Ok(file) => tls.ca_file(file),
                Err(_) => tls,
            };
            let builder = Producer::builder("examples").name_servers(name_servers).tls(tls);
            send(builder).await
        }
        Err(_) => {
            println!("NAMESRV_ADDR is not set: sending to a cluster inside this process");
            inside().await
        }
    }
}

/// A cluster whose certificate nobody has signed but itself, as that of a server out of the box.
async fn inside() -> Result<(), Box<dyn Error>> {
    let key = rcgen::KeyPair::generate()?;
    // In memory the name server is called so, and that is the name the certificate has to be for.
    let certificate = rcgen::CertificateParams::new(vec!["namesrv".to_owned()])?.self_signed(&key)?;
    let tls = TlsServerConfig::new(certificate.pem(), key.serialize_pem())?.mode(TlsServerMode::Enforcing);
    let cluster = TestCluster::builder().memory().brokers(2).topic("orders", 4).tls(tls).start().await?;
    let producer = || Producer::builder("examples").name_servers(cluster.name_servers()).connector(cluster.connector());

    let error = producer().tls(TlsConfig::new().roots(TlsRoots::WebPki)).start().await.expect_err("self-signed");
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        println!("  {error}");
        cause = error.source();
    }
    // One way out: trust that certificate. The other one, for test servers: `dangerous_accept_any_certificate(true)`.
    let file = std::env::temp_dir().join(format!("rmq-example-ca-{}.pem", std::process::id()));
    std::fs::write(&file, certificate.pem())?;
    let sent = send(producer().tls(TlsConfig::new().ca_file(&file))).await;
    std::fs::remove_file(&file)?;
    sent
}

async fn send(builder: ProducerBuilder) -> Result<(), Box<dyn Error>> {
    let producer = builder.start().await?;
    let sent = producer.send(Message::new("orders", "hello")).await?;
    println!("{} is in {}, and nobody on the way could read it", sent.message_id(), sent.queue());
    producer.shutdown(Duration::from_secs(3)).await;
    Ok(())
}
