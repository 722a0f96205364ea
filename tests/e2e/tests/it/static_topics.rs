//! Static topics of 5.x: logical queues, spread over the brokers.

use std::collections::{BTreeMap, BTreeSet};

use rmq_producer::Message;

use crate::place::everywhere;
use crate::stored::Body;

#[test]
fn messages_to_logical_queues_go_to_the_brokers_that_hold_them() {
    everywhere(async |place| {
        let Some(topic) = place.static_topic("static", 4).await else { return };
        let producer = place.producer().await;
        let queues = producer.publish_queues(&*topic).await.expect("the name server shows them");
        let names: Vec<_> = queues.iter().map(|queue| (queue.broker_name().to_string(), queue.queue_id())).collect();
        assert_eq!(names, [0, 1, 2, 3].map(|id| ("__syslo__global__".to_owned(), id)));

        let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        let mut bodies = BTreeSet::new();
        for number in 0..12 {
            let body = format!("message {number}");
            let sent = producer.send(Message::new(&*topic, body.clone())).await.expect("it is stored");
            assert_eq!(sent.attempts().len(), 1);
            offsets.entry(sent.queue().queue_id()).or_default().push(sent.queue_offset());
            bodies.insert(Body::of(body.as_bytes()).sha256);
        }
        assert_eq!(offsets, (0..4).map(|id| (id, vec![0, 1, 2])).collect(), "logical places, each once");
        let read = place.read(&topic, 12).await;
        let there: BTreeSet<String> = read.iter().map(|one| one.body.sha256.clone()).collect();
        assert_eq!((read.len(), there), (12, bodies));
        producer.shutdown(std::time::Duration::from_secs(60)).await;
    });
}
