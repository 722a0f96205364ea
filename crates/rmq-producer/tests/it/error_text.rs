//! What errors say to whoever reads the log: topic, broker, what is known of the message, what to check.

use std::error::Error;

use rmq_producer::{Message, SendError};
use rmq_testkit::{Fault, ResponseCode};

use crate::world::*;

/// The error and its causes, one per line.
fn report(error: &SendError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!("\n  {error}");
        cause = error.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_refusal() {
    let fault = Fault::reply(ResponseCode::TOPIC_NOT_EXIST).remark("topic[orders] not exist, apply first please!");
    let error = send_into(fault).await.unwrap_err();
    assert_eq!(
        report(&error),
        "sending to topic \"orders\" failed: broker broker-a at 10.0.0.1:10911 refused the message with TOPIC_NOT_EXIST(17); \
         it was not stored; create the topic (mqadmin updateTopic), or switch autoCreateTopicEnable on at the broker\n  \
         it answered TOPIC_NOT_EXIST(17): topic[orders] not exist, apply first please!"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker() {
    let error = send_into(Fault::silent()).await.unwrap_err();
    assert_eq!(
        report(&error),
        "sending to topic \"orders\" failed: broker broker-a at 10.0.0.1:10911 did not answer in time; it may have been stored, so \
         that a second send may duplicate it; check the broker's load and disk, and the network between\n  \
         it did not answer within 3s"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_without_a_route() {
    let cluster = start(one_broker().auto_create_topics(false)).await;
    let error = producer(&cluster).await.send(Message::new("nowhere", "x")).await.unwrap_err();
    assert_eq!(
        report(&error),
        "sending to topic \"nowhere\" failed: the topic has no route; nothing was sent; create the topic (mqadmin updateTopic), or \
         check that the brokers run, are registered at these name servers and allow autoCreateTopicEnable\n  \
         the name server knows neither topic \"nowhere\" nor the default topic \"TBW102\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_valid() {
    let cluster = start(one_broker()).await;
    let error = producer(&cluster).await.send(Message::new("orders", "")).await.unwrap_err();
    assert_eq!(
        report(&error),
        "sending to topic \"orders\" failed: the message is not valid; nothing was sent; correct the message\n  the body is empty"
    );
}

#[tokio::test(start_paused = true)]
async fn names_from_the_network_cannot_drive_a_terminal() {
    let cluster = start(one_broker()).await;
    cluster.set_route_order_conf("orders", Some("br\u{1b}[31m\noker:1"));
    let error = producer(&cluster).await.send(Message::new("orders", "x")).await.unwrap_err();
    assert_eq!(error.kind(), rmq_producer::SendErrorKind::NoBroker);
    let lines = report(&error);
    assert!(!lines.contains('\u{1b}') && lines.lines().count() == 2, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn neither_body_nor_key_nor_property_is_shown() {
    let fault = Fault::reply(ResponseCode::NO_PERMISSION);
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(rmq_testkit::RequestCode::SEND_MESSAGE_V2, &fault);
    let secret = Message::new("orders", "secret-body").key("secret-key").property("colour", "secret-value");
    let error = producer.send(secret).await.unwrap_err();
    let everything = format!("{error:?} {error:#?} {} {:?} {producer:?}", report(&error), error.message());
    assert!(!everything.contains("secret"), "{everything}");
}

#[tokio::test(start_paused = true)]
async fn an_address_is_told_once_whatever_went_wrong() {
    let faults = [
        Fault::silent(),
        Fault::cut(),
        Fault::garbage(vec![0; 64]),
        Fault::reply(ResponseCode::SYSTEM_BUSY),
        Fault::half_frame(),
    ];
    for fault in faults {
        let error = send_into(fault).await.unwrap_err();
        let lines = report(&error);
        assert_eq!(lines.matches("10.0.0.1:10911").count(), 1, "{lines}");
    }
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.publish_queues("orders").await.unwrap();
    cluster.broker("broker-a").kill().await;
    let lines = report(&producer.send(hello()).await.unwrap_err());
    assert_eq!(lines.matches("10.0.0.1:10911").count(), 1, "{lines}");
    assert!(lines.contains("\n  it cannot be reached\n  "), "{lines}");
}
