//! The Java client against scripted clusters over TCP: it sends, reads and consumes there as it does on real servers.
//!
//! Both generations of the client meet both dialects.

use std::collections::BTreeMap;
use std::time::Duration;

use real_servers::ReadMessage;
use rmq_producer::{Message, SendResult};
use tokio::task::block_in_place;

use crate::expectation::{assert_is, assert_is_at};
use crate::place::{Place, in_real_places, unique, with_java_clients};
use crate::stored::Stored;

#[test]
fn what_the_java_producer_sends_to_a_scripted_cluster_arrives() {
    with_java_clients(async |place, cluster, java| {
        let topics = [place.topic("from-java", 3).await, unique("made-by-java")];
        for topic in topics {
            let sent = block_in_place(|| java.produce(&topic, &place.name_servers(), 50)).expect("Java sends");
            assert_eq!(sent.len(), 50);
            let stored: Vec<Stored> = cluster.messages(&topic).into_iter().map(Stored::from).collect();
            assert_eq!(stored.len(), sent.len());
            let by_id: BTreeMap<_, _> = stored.iter().map(|stored| (&*stored.id, stored)).collect();
            for (number, sent) in sent.iter().enumerate() {
                let message = Message::new(&*topic, format!("message {number}"))
                    .tag("java")
                    .key(format!("key-{number}"))
                    .property("number", number.to_string());
                let stored = by_id.get(&*sent.msg_id).unwrap_or_else(|| panic!("{} is stored", sent.msg_id));
                assert_is(place.release(), &message, stored);
                assert_eq!((&*sent.status, &sent.offset_msg_id), ("SEND_OK", &stored.offset_id));
                assert_eq!((&sent.broker_name, sent.queue_id), (&stored.broker, stored.queue_id));
                assert_eq!(sent.queue_offset, stored.queue_offset);
            }
        }
    });
}

#[test]
fn java_reads_and_consumes_from_a_scripted_cluster_what_the_producer_sent() {
    with_java_clients(async |place, _, java| {
        let topic = place.topic("to-java", 3).await;
        let producer = place.producer().await;
        let mut sent = Vec::new();
        for number in 0..60 {
            let body = if number % 2 == 0 { format!("Grüße {number}").into_bytes() } else { vec![number; 5_000] };
            let message = Message::new(&*topic, body)
                .tag("to-java")
                .keys([format!("key-{number}"), "all".to_owned()])
                .property("größe", "groß")
                .flag(i32::from(number));
            let result = producer.send(message.clone()).await.expect("it is stored");
            sent.push((message, result));
        }
        let name_servers = place.name_servers();
        let (read, consumed) = block_in_place(|| {
            let read = java.read(&topic, &name_servers).expect("Java reads");
            let consumed = java.consume(&topic, &name_servers, sent.len(), Duration::from_secs(60));
            (read, consumed.expect("Java consumes"))
        });
        assert_are(place, &sent, read);
        assert_are(place, &sent, consumed);
    });
}

#[test]
fn a_java_consumer_gets_from_a_real_broker_what_the_producer_sent() {
    in_real_places(async |place, java| {
        let topic = place.topic("consumed", 2).await;
        let producer = place.producer().await;
        let mut sent = Vec::new();
        for number in 0..40 {
            let message = Message::new(&*topic, format!("Grüße {number}")).tag("consumed").key(number.to_string());
            let result = producer.send(message.clone()).await.expect("it is stored");
            sent.push((message, result));
        }
        let name_servers = place.name_servers();
        let limit = Duration::from_secs(60);
        let consumed =
            block_in_place(|| java.consume(&topic, &name_servers, sent.len(), limit)).expect("Java consumes");
        assert_are(place, &sent, consumed);
    });
}

/// What Java got are exactly the messages that were sent.
fn assert_are(place: &Place, sent: &[(Message, SendResult)], got: Vec<ReadMessage>) {
    assert_eq!(got.len(), sent.len());
    let mut by_id: BTreeMap<String, Stored> =
        got.into_iter().map(|read| (read.msg_id.clone(), Stored::from(read))).collect();
    for (message, result) in sent {
        let mut stored = by_id.remove(result.message_id()).unwrap_or_else(|| panic!("{} came", result.message_id()));
        stored.properties.remove("CONSUME_START_TIME"); // put there by the push consumer
        assert_is(place.release(), message, &stored);
        assert_is_at(result, &stored);
    }
}
