//! Header fields that only some messages have: the unit, how often consumers gave a message back, and that it is half of a transaction.

use rmq_producer::{Message, SendErrorKind, SendHeaderVersion};
use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

fn given_back(topic: &str) -> Message {
    let mut message = Message::new(topic, "x").tag("paid");
    message.properties_mut().set("RECONSUME_TIME", "3");
    message.properties_mut().set("MAX_RECONSUME_TIMES", "16");
    message
}

#[tokio::test(start_paused = true)]
async fn the_first_half_of_a_transaction_says_so_in_its_flag() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    for (body, half, flag) in [
        ("x".to_owned(), None, "0"),
        ("x".to_owned(), Some("true"), "4"),
        ("x".to_owned(), Some("TRUE"), "4"),
        ("x".to_owned(), Some("false"), "0"),
        ("x".repeat(5_000), Some("true"), "773"), // 0x301 for zlib, and 4
    ] {
        let mut message = Message::new("orders", body);
        if let Some(half) = half {
            message.properties_mut().set("TRAN_MSG", half);
        }
        // The test cluster takes no transactions; what it was sent is what counts.
        drop(producer.send(message).await);
        assert_eq!(cluster.requests(SEND).last().unwrap().field("f"), Some(flag), "{half:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_unit_is_in_the_header_and_its_name_in_the_client_id() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).unit_mode(true).unit_name("hangzhou").instance_name("one").start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.requests(SEND)[0].field("k"), Some("true"));
    assert_eq!(producer.client_id(), "10.9.9.9@one@hangzhou");
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(cluster.clients()[0].client_id, "10.9.9.9@one@hangzhou");
}

#[tokio::test(start_paused = true)]
async fn a_message_of_a_retry_topic_says_in_its_header_how_often_it_came_back() {
    let cluster = start(one_broker()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::SERVICE_NOT_AVAILABLE).times(1));
    producer.send(given_back("%RETRY%g")).await.unwrap();
    let requests = cluster.requests(SEND);
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!((request.field("j"), request.field("l")), (Some("3"), Some("16")), "in every attempt");
    }
    let stored = &cluster.messages("%RETRY%g")[0];
    assert_eq!(stored.reconsume_times, 3);
    assert_eq!((stored.property("RECONSUME_TIME"), stored.property("MAX_RECONSUME_TIMES")), (None, None));
    assert_eq!((stored.tags(), stored.unique_id().is_some()), (Some("paid"), true), "all others stay");
}

#[tokio::test(start_paused = true)]
async fn in_a_namespace_and_in_the_long_header_it_is_the_same() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).namespace("ns").send_header(SendHeaderVersion::V1).start().await.unwrap();
    producer.send(given_back("%RETRY%g")).await.unwrap();
    let request = &cluster.requests(RequestCode::SEND_MESSAGE)[0];
    assert_eq!(request.field("topic"), Some("%RETRY%ns%g"));
    assert_eq!((request.field("reconsumeTimes"), request.field("maxReconsumeTimes")), (Some("3"), Some("16")));
    assert_eq!(cluster.messages("%RETRY%ns%g")[0].property("RECONSUME_TIME"), None);
}

#[tokio::test(start_paused = true)]
async fn other_messages_say_nothing_of_it_and_keep_their_properties() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(given_back("orders")).await.unwrap();
    producer.send(Message::new("%RETRY%g", "x")).await.unwrap();
    for request in cluster.requests(SEND) {
        assert_eq!((request.field("j"), request.field("k"), request.field("l")), (Some("0"), Some("false"), None));
    }
    assert_eq!(cluster.messages("orders")[0].property("RECONSUME_TIME"), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_number_is_refused_before_any_byte() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    for name in ["RECONSUME_TIME", "MAX_RECONSUME_TIMES"] {
        let mut message = given_back("%RETRY%g");
        message.properties_mut().set(name, "often");
        let error = producer.send(message.clone()).await.unwrap_err();
        assert_eq!(error.kind(), SendErrorKind::InvalidMessage);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(name) && !cause.contains("often"), "{cause}");
        assert_eq!(error.into_message(), message);
    }
    assert_eq!((cluster.request_count(SEND), producer.in_flight()), (0, 0));
}
