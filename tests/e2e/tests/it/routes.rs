//! Routes: a producer that runs picks up what changes, and passes over name servers that are gone.

use std::collections::BTreeSet;
use std::time::Duration;

use rmq_producer::{Message, Producer, SendErrorKind, SendResult};

use crate::expectation::assert_holds;
use crate::place::{PERM_READ, PERM_READ_WRITE, Place, eventually, everywhere};

#[test]
fn a_route_change_is_picked_up_by_a_running_producer() {
    everywhere(async |place| {
        let topic = place.topic("route-change", 1).await;
        let producer = quick(place).await;
        let mut sent = Vec::new();
        send(&producer, &topic, 4, &mut sent).await;
        assert_eq!(queue_ids(&sent), BTreeSet::from([0]));

        place.change_topic(&topic, 3, PERM_READ_WRITE).await;
        eventually("messages go to the new queues", async || {
            send(&producer, &topic, 1, &mut sent).await;
            queue_ids(&sent) == BTreeSet::from([0, 1, 2])
        })
        .await;

        place.change_topic(&topic, 3, PERM_READ).await;
        eventually("sends are refused", async || {
            let message = Message::new(&*topic, "perhaps");
            match producer.send(message.clone()).await {
                Ok(result) => {
                    sent.push((message, result)); // brokers take it; only clients obey the permission
                    false
                }
                Err(error) => {
                    assert_eq!(error.kind(), SendErrorKind::NoWritableQueue, "{error}");
                    true
                }
            }
        })
        .await;

        place.change_topic(&topic, 3, PERM_READ_WRITE).await;
        eventually("sends are taken again", async || {
            let message = Message::new(&*topic, "again");
            let result = producer.send(message.clone()).await.ok();
            result.map(|result| sent.push((message, result))).is_some()
        })
        .await;
        assert_holds(place, &topic, &sent).await;
    });
}

#[test]
fn a_dead_name_server_in_the_list_is_passed_over() {
    everywhere(async |place| {
        let topic = place.topic("dead-name-server", 1).await;
        let mut sent = Vec::new();
        for list in [[place.nowhere(), place.name_servers()], [place.name_servers(), place.nowhere()]] {
            let producer = place.builder().name_servers(list.to_vec()).start().await.expect("one of them answers");
            send(&producer, &topic, 2, &mut sent).await;
        }
        assert_holds(place, &topic, &sent).await;
    });
}

/// A producer that looks for changes often.
async fn quick(place: &Place) -> Producer {
    let builder = place.builder().route_refresh_interval(Duration::from_millis(200));
    builder.start().await.expect("the name server answers")
}

async fn send(producer: &Producer, topic: &str, count: usize, sent: &mut Vec<(Message, SendResult)>) {
    for _ in 0..count {
        let message = Message::new(topic, format!("message {}", sent.len()));
        let result = producer.send(message.clone()).await.expect("it is stored");
        sent.push((message, result));
    }
}

fn queue_ids(sent: &[(Message, SendResult)]) -> BTreeSet<i32> {
    sent.iter().map(|(_, result)| result.queue().queue_id()).collect()
}
