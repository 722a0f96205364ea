//! Oneway messages: nobody confirms them, and yet they arrive, also when the producer goes right behind them.

use std::collections::BTreeMap;
use std::time::Duration;

use rmq_producer::Message;
use tokio::task::JoinSet;

use crate::expectation::assert_is;
use crate::place::everywhere;
use crate::stored::Stored;

#[test]
fn oneway_messages_arrive() {
    everywhere(async |place| {
        let topic = place.topic("oneway", 4).await;
        let producer = place.producer().await;
        let messages: BTreeMap<String, Message> = (0..200)
            .map(|number| {
                let key = format!("key-{number}");
                let message = Message::new(&*topic, format!("oneway {number}")).tag("oneway").key(&key).flag(number);
                (key, message)
            })
            .collect();
        let mut sends = JoinSet::new();
        for message in messages.values() {
            let (producer, message) = (producer.clone(), message.clone());
            sends.spawn(async move { producer.send_oneway(message).await });
        }
        while let Some(send) = sends.join_next().await {
            send.expect("no send panics").expect("it is written");
        }
        let report = producer.shutdown(Duration::from_secs(60)).await;
        assert!(report.is_clean() && report.unregistered > 0 && report.not_unregistered == 0, "{report:?}");

        let stored = place.read(&topic, messages.len()).await;
        let by_key: BTreeMap<&str, &Stored> =
            stored.iter().map(|stored| (stored.keys.as_deref().unwrap_or_default(), stored)).collect();
        assert_eq!((stored.len(), by_key.len()), (messages.len(), messages.len()), "each once");
        for (key, message) in &messages {
            let stored = by_key.get(&**key).unwrap_or_else(|| panic!("{key} is stored"));
            assert_is(place.release(), message, stored);
            assert_eq!(stored.id.len(), 32, "it has a unique id: {}", stored.id);
        }
        let mut per_queue: BTreeMap<_, usize> = BTreeMap::new();
        for stored in &stored {
            *per_queue.entry((&*stored.broker, stored.queue_id)).or_default() += 1;
        }
        let even = messages.len() / per_queue.len();
        assert!(per_queue.len() >= 4 && per_queue.values().all(|count| *count == even), "{per_queue:?}");
    });
}
