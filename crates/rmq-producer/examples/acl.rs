//! Signed requests, for servers with access control: right keys pass, wrong ones are refused with what to check.
//!
//! ```text
//! cargo run -p rmq-producer --features acl --example acl
//! NAMESRV_ADDR=127.0.0.1:9876 ROCKETMQ_ACCESS_KEY=… ROCKETMQ_SECRET_KEY=… cargo run -p rmq-producer --features acl --example acl
//! ```
#![expect(clippy::print_stdout, reason = "that is what an example is for")]

mod support;

use std::error::Error;
use std::time::Duration;

use rmq_producer::{Credentials, Message};
use rmq_testkit::Account;
use support::Cluster;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::find(&["orders"]).await?;
    // From the environment; a file of Java's form (`CredentialsSource::key_file`) and a provider that is asked for every request will do as well.
    let credentials = Credentials::from_env()?.unwrap_or_else(|| Credentials::new("orders-service", "a secret"));
    println!("signing as {credentials:?}"); // shows the access key, and never the secret
    if let Some(inside) = &cluster.inside {
        inside.set_accounts([Account::new("orders-service", "a secret")]);
    }
    let producer = cluster.producer("examples").credentials(credentials.clone()).start().await?;
    match producer.send(Message::new("orders", "hello")).await {
        Ok(sent) => println!("let in: {} is in {}", sent.message_id(), sent.queue()),
        Err(error) => println!("refused: {error}"),
    }
    producer.shutdown(Duration::from_secs(3)).await;

    let wrong = Credentials::new(credentials.access_key(), "not the secret");
    let producer = cluster.producer("examples").credentials(wrong).start().await?;
    match producer.send(Message::new("orders", "hello")).await {
        Ok(sent) => println!("let in: these servers ask nobody, {} is in {}", sent.message_id(), sent.queue()),
        Err(error) => println!("refused: {error}"),
    }
    producer.shutdown(Duration::from_secs(3)).await;
    Ok(())
}
