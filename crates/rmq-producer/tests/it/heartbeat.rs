//! Heartbeats: whom they reach, when, and what they say.

use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::world::*;

const BEAT: RequestCode = RequestCode::HEART_BEAT;

#[tokio::test(start_paused = true)]
async fn every_master_of_a_topic_in_use_hears_of_the_client_at_once() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    assert!(cluster.clients().is_empty(), "no broker is known yet");
    producer.send(hello()).await.unwrap();
    settle().await;
    let clients = cluster.clients();
    assert_eq!(clients.len(), 2);
    for client in &clients {
        assert_eq!(client.client_id, producer.client_id());
        assert_eq!(client.producer_groups, ["pg"]);
        assert!(client.consumer_groups.is_empty());
        assert_eq!(client.heartbeats, 1);
    }
    assert!(producer.client_id().starts_with(&format!("10.9.9.9@{}#", std::process::id())), "{}", producer.client_id());
    let body = cluster.requests(BEAT)[0].body().clone();
    let expected = format!(
        r#"{{"clientID":"{}","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{{"groupName":"pg"}}],"withoutSub":false}}"#,
        producer.client_id()
    );
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn they_go_on_every_30_seconds() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(600)).await;
    for broker in cluster.brokers() {
        let times: Vec<_> = broker.requests(BEAT).iter().map(|request| request.at.as_secs()).collect();
        assert_eq!(times.len(), 1 + 19, "{times:?}");
        for (n, at) in times.iter().enumerate().skip(1) {
            let due = 30 * n as u64;
            assert!((due..=due + 3).contains(at), "{times:?}");
        }
    }
    assert_eq!(cluster.clients().len(), 2, "nobody was forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_joins_hears_of_the_client_when_a_route_names_it() {
    let cluster = start(two_brokers()).await;
    cluster.broker("broker-b").list_in_routes(false);
    let producer = builder(&cluster).heartbeat_interval(seconds(100)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    settle().await;
    let counts = || ["broker-a", "broker-b"].map(|name| cluster.broker(name).request_count(BEAT));
    assert_eq!(counts(), [1, 0]);
    cluster.broker("broker-b").list_in_routes(true);
    tokio::time::sleep(seconds(34)).await;
    assert_eq!(counts(), [1, 1], "after the refresh at 30 s, long before the next beat of all, and only the new one");
    assert_eq!(cluster.broker("broker-b").clients()[0].client_id, producer.client_id());
    let moved = cluster.broker("broker-a").move_to_new_port().await.unwrap();
    tokio::time::sleep(seconds(34)).await;
    assert_eq!(counts(), [2, 1], "one that moved to {moved} is new too");
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_delays_nobody() {
    let cluster = start(two_brokers()).await;
    let producer = producer(&cluster).await;
    cluster.broker("broker-a").on(BEAT, Fault::silent());
    cluster.broker("broker-b").on(BEAT, Fault::reply(ResponseCode::SYSTEM_ERROR).times(1));
    producer.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(95)).await;
    assert_eq!(cluster.broker("broker-a").request_count(BEAT), 1 + 3 * 2, "each of the later ones again on a new line");
    assert_eq!(cluster.broker("broker-b").request_count(BEAT), 4);
    assert_eq!(cluster.broker("broker-b").clients().len(), 1);
    producer.send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_instance_may_have_a_name() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).instance_name("night-shift").start().await.unwrap();
    assert_eq!(producer.client_id(), "10.9.9.9@night-shift");
    producer.send(hello()).await.unwrap();
    settle().await;
    assert_eq!(cluster.clients()[0].client_id, "10.9.9.9@night-shift");
}
