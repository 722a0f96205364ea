//! Many sends at once over one producer: each message is stored once, and nothing is held afterwards.

use rmq_producer::Message;
use tokio::task::JoinSet;

use crate::expectation::assert_holds;
use crate::place::everywhere;

#[test]
fn a_thousand_concurrent_sends_are_each_stored_once() {
    everywhere(async |place| {
        let topic = place.topic("thousand", 8).await;
        let producer = place.producer().await;
        let mut sends = JoinSet::new();
        for number in 0..1_000 {
            let message = Message::new(&*topic, format!("message {number}"))
                .tag(format!("tag-{}", number % 7))
                .key(format!("key-{number}"))
                .property("number", number.to_string());
            let producer = producer.clone();
            sends.spawn(async move { (message.clone(), producer.send(message).await) });
        }
        let mut sent = Vec::new();
        while let Some(send) = sends.join_next().await {
            let (message, result) = send.expect("no send panics");
            sent.push((message, result.expect("it is stored")));
        }
        assert_eq!((sent.len(), producer.in_flight()), (1_000, 0));
        assert_holds(place, &topic, &sent).await;
    });
}
