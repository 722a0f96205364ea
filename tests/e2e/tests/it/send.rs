//! One message after another: what arrives, what the result says, which queues take turns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use rmq_message::{OffsetId, UniqueId};
use rmq_producer::{Message, SendStatus};

use crate::expectation::assert_holds;
use crate::place::{Release, everywhere, unique};

#[test]
fn a_message_arrives_as_it_was_made_and_the_result_says_where() {
    everywhere(async |place| {
        let topic = place.topic("send", 4).await;
        let producer = place.producer().await;
        let messages = [
            Message::new(&*topic, "hello"),
            Message::new(&*topic, "all of it")
                .tag("paid")
                .keys(["42", "order-42"])
                .property("colour", "red")
                .property("Größe", "für alle 🚀")
                .buyer_id("buyer")
                .flag(7)
                .wait_store_ok(false),
            Message::new(&*topic, "a negative flag").tag("a tag with spaces").key("k").flag(i32::MIN),
        ];
        let mut sent = Vec::new();
        for message in messages {
            let result = producer.send(message.clone()).await.expect("it is stored");
            assert_eq!(result.status(), SendStatus::SendOk);
            assert_eq!((result.region_id(), result.trace_on(), result.recall_handle()), ("DefaultRegion", true, None));
            let id: UniqueId = result.message_id().parse().expect("a unique id");
            assert_eq!(u32::from(id.process_id()), std::process::id() & 0xffff);
            match place.release() {
                Release::V4 => assert_eq!(result.transaction_id(), None),
                Release::V5 => assert_eq!(result.transaction_id(), Some(result.message_id())),
            }
            let [attempt] = result.attempts() else { panic!("one attempt, not {:?}", result.attempts()) };
            assert!(attempt.error().is_none() && !attempt.possibly_stored());
            assert_eq!(attempt.queue(), result.queue());
            let address = attempt.address().expect("the broker's address").as_str();
            let offset_id: OffsetId = result.offset_message_id().parse().expect("an offset id");
            assert_eq!(offset_id.store_host(), address.parse::<SocketAddr>().expect("an address of digits"));
            assert!(result.elapsed() >= attempt.elapsed());
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
        let report = producer.shutdown(std::time::Duration::from_secs(60)).await;
        assert!(report.is_clean() && report.not_unregistered == 0, "{report:?}");
    });
}

#[test]
fn queues_have_their_turn() {
    everywhere(async |place| {
        let topic = place.topic("turns", 5).await;
        let producer = place.producer().await;
        let queues: BTreeSet<_> = producer.publish_queues(&*topic).await.expect("a route").into_iter().collect();
        assert_eq!(queues.len() % 5, 0, "{queues:?}");
        let mut sent = Vec::new();
        for round in 0..3 {
            let mut seen = BTreeSet::new();
            for number in 0..queues.len() {
                let message = Message::new(&*topic, format!("{round}.{number}"));
                let result = producer.send(message.clone()).await.expect("it is stored");
                assert_eq!(result.queue_offset(), round, "{}", result.queue());
                seen.insert(result.queue().clone());
                sent.push((message, result));
            }
            assert_eq!(seen, queues, "each queue once in a round");
        }
        let stored = assert_holds(place, &topic, &sent).await;
        let mut per_queue: BTreeMap<_, usize> = BTreeMap::new();
        for stored in stored {
            *per_queue.entry((stored.broker, stored.queue_id)).or_default() += 1;
        }
        assert!(per_queue.len() == queues.len() && per_queue.values().all(|count| *count == 3), "{per_queue:?}");
    });
}

#[test]
fn a_topic_that_does_not_exist_is_made_by_its_first_message() {
    everywhere(async |place| {
        let topic = unique("made-by-a-message");
        let producer = place.builder().default_topic_queue_nums(3).start().await.expect("the name server answers");
        let mut sent = Vec::new();
        for number in 0..6 {
            let message = Message::new(&*topic, format!("message {number}")).key(number.to_string());
            let result = producer.send(message.clone()).await.expect("the broker makes the topic");
            assert!((0..3).contains(&result.queue().queue_id()), "{}", result.queue());
            sent.push((message, result));
        }
        assert_holds(place, &topic, &sent).await;
    });
}
