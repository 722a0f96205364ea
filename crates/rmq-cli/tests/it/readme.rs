//! The code that the repository's README shows, compiled and run.
//!
//! Every Rust block there is found here, line by line.

#![allow(clippy::print_stdout, reason = "a README shows what it prints")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rmq_producer::{Message, Producer, RetryPolicy};
use rmq_remoting::{Endpoint, RemotingClient, RemotingCommand};
use rmq_testkit::{Fault, RequestCode, TestCluster};

type Outcome = Result<(), Box<dyn Error>>;

#[test]
fn every_rust_block_of_the_readme_is_code_of_this_file() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).expect("the repository has a README");
    let here = lines(include_str!("readme.rs"));
    let blocks: Vec<_> =
        readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for block in blocks {
        assert!(here.contains(&lines(block)), "compiled nowhere:\n{block}");
    }
}

/// The text without indentation.
fn lines(text: &str) -> String {
    text.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// The README names the usual address; compiling it is what counts here, [`the_recipes_run`] has the same with a server.
#[expect(dead_code, reason = "it would need a name server at a fixed port")]
async fn quickstart() -> Outcome {
    use rmq_producer::{Message, Producer};
    let producer = Producer::builder("orders").name_servers("127.0.0.1:9876").start().await?;
    let sent = producer.send(Message::new("orders", "hello").tag("paid").key("42")).await?;
    println!("{} is in {} at {}", sent.message_id(), sent.queue(), sent.queue_offset());
    Ok(())
}

#[cfg(all(feature = "acl", feature = "tls"))]
#[expect(dead_code, reason = "it would need a name server at a fixed address")]
async fn access_control_and_tls() -> Result<Producer, Box<dyn Error>> {
    use rmq_producer::{Credentials, TlsConfig};
    let tls = TlsConfig::new().ca_file("/etc/rocketmq/ca.pem").server_name("rocketmq.example.com");
    let producer = Producer::builder("orders")
        .name_servers("10.0.0.1:9876")
        .credentials(Credentials::from_env()?.ok_or("ROCKETMQ_ACCESS_KEY is not set")?)
        .tls(tls)
        .start()
        .await?;
    Ok(producer)
}

#[expect(dead_code, reason = "it would need a name server at a fixed port")]
async fn another_client() -> Outcome {
    let client = RemotingClient::builder().build()?;
    let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "orders");
    let answer = client.invoke(&Endpoint::parse("127.0.0.1:9876")?, request, Duration::from_secs(3)).await?;
    println!("{}: {} bytes", answer.response_code(), answer.body().len());
    Ok(())
}

/// In memory with the clock paused: one of them has a second, whatever the machine is busy with.
#[tokio::test(start_paused = true)]
async fn the_recipes_run() -> Outcome {
    let cluster = TestCluster::builder().memory().topic("orders", 4).start().await?;
    let builder = Producer::builder("orders").name_servers(cluster.name_servers());
    let producer = builder.connector(cluster.connector()).start().await?;
    what_became_of_it(&producer).await;
    many_at_once(&producer).await?;
    the_end(&producer).await?;
    assert_eq!(cluster.messages("orders").len(), 1_002);
    assert_eq!(cluster.wait_for_messages("metrics", 1, Duration::from_secs(10)).await.len(), 1);
    Ok(())
}

async fn what_became_of_it(producer: &Producer) {
    match producer.send(Message::new("orders", "hello")).await {
        Ok(sent) => println!("{} {}", sent.status(), sent.message_id()),
        Err(error) if error.possibly_stored() => println!("a second send may duplicate it: {error}"),
        Err(error) => println!("not stored ({}): {error}", error.kind()),
    }
}

async fn many_at_once(producer: &Producer) -> Outcome {
    let mut sends = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(Message::new("orders", format!("order {number}"))).await });
    }
    while let Some(sent) = sends.join_next().await {
        println!("{}", sent??.message_id());
    }
    Ok(())
}

async fn the_end(producer: &Producer) -> Outcome {
    producer.send(Message::new("orders", "quick")).timeout(Duration::from_secs(1)).await?;
    producer.send_oneway(Message::new("metrics", "42")).await?;
    producer.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::test]
async fn the_test_without_a_server_runs() -> Outcome {
    let cluster = TestCluster::builder().brokers(2).topic("orders", 4).start().await?;
    let producer = Producer::builder("test").name_servers(cluster.name_servers()).start().await?;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::store_then_cut().times(1));
    let sent = producer.send(Message::new("orders", "hello")).retries(RetryPolicy::times(2)).await?;
    let perhaps = sent.attempts().iter().filter(|attempt| attempt.possibly_stored()).count();
    assert_eq!(cluster.messages("orders").len(), 1 + perhaps); // told of every copy
    Ok(())
}
