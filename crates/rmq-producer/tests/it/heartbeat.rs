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
    // Each again on a new line; but the first not if the message went there too, because then its line lives.
    let lives = u64::from(cluster.broker("broker-a").request_count(RequestCode::SEND_MESSAGE_V2) > 0);
    assert_eq!(cluster.broker("broker-a").request_count(BEAT), 4 * 2 - lives);
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

#[tokio::test(start_paused = true)]
async fn a_half_open_line_is_found_within_1_1_intervals_and_replaced() {
    for silent_since in [1, 15, 29] {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        producer.send(hello()).await.unwrap();
        tokio::time::sleep(seconds(40)).await;
        let broker = cluster.broker("broker-a");
        tokio::time::sleep(seconds(silent_since)).await;
        let line = broker.lines().remove(0);
        line.stop_reading();
        line.stop_writing();
        let lost = tokio::time::Instant::now();
        let mut events = producer.events();
        loop {
            if let rmq_producer::ConnectionEvent::Disconnected { id: _, cause, .. } = events.recv().await.unwrap() {
                assert!(matches!(cause, rmq_producer::ConnectionEnd::Retired), "{cause:?}");
                break;
            }
        }
        assert!(lost.elapsed() <= seconds(33), "{silent_since}: {:?}", lost.elapsed());
        settle().await;
        let fresh = broker.lines();
        assert!(fresh.iter().any(|fresh| fresh.is_open() && fresh.peer() != line.peer()), "{fresh:?}");
        assert_eq!(broker.clients()[0].peer, fresh.last().unwrap().peer(), "the broker knows us on the new line");
        let begun = tokio::time::Instant::now();
        producer.send(hello()).await.expect("at once");
        assert!(begun.elapsed() < milliseconds(10));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_to_a_heartbeat_closes_no_line_that_lives() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    let broker = cluster.broker("broker-a");
    let line = broker.lines()[0].peer().to_owned();
    broker.on(BEAT, Fault::delay(seconds(10)));
    for _ in 0..1_200 {
        producer.send(hello()).await.unwrap();
        tokio::time::sleep(milliseconds(100)).await;
    }
    assert_eq!(broker.lines().iter().map(|line| line.peer().to_owned()).collect::<Vec<_>>(), [line]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_comes_back_hears_of_the_client_with_the_next_send() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).heartbeat_interval(seconds(100)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    settle().await;
    let broker = cluster.broker("broker-a");
    broker.kill().await;
    broker.restart().await.unwrap();
    assert!(broker.clients().is_empty());
    tokio::time::sleep(seconds(11)).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    assert_eq!(broker.clients().len(), 1, "long before the next beat");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_repeated_before_the_next_beat() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(BEAT, &Fault::reply(ResponseCode::NO_PERMISSION));
    producer.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(25)).await;
    assert_eq!(cluster.request_count(BEAT), 1);
    tokio::time::sleep(seconds(10)).await;
    assert_eq!(cluster.request_count(BEAT), 2);
}

fn fingerprints(cluster: &rmq_testkit::TestCluster, broker: &str) -> Vec<(i64, bool)> {
    let beats = cluster.broker(broker).requests(BEAT);
    let read = beats.iter().map(|beat| {
        let body: serde_json::Value = serde_json::from_slice(beat.body()).expect("JSON");
        (body["heartbeatFingerprint"].as_i64().expect("a number"), body["withoutSub"].as_bool().expect("a flag"))
    });
    read.collect()
}

#[tokio::test(start_paused = true)]
async fn a_fingerprint_stands_for_what_a_broker_has_heard() {
    // What Java computes for one group `pg`, see tests/golden/heartbeat.json.
    const OF_PG: i64 = 941_838_008;
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).heartbeat_v2(true).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(65)).await;
    for broker in ["broker-a", "broker-b"] {
        assert_eq!(fingerprints(&cluster, broker), [(OF_PG, false), (OF_PG, true), (OF_PG, true)]);
    }
    // A broker that wants to hear all of it is told all of it.
    let wants_all = Fault::edit(|answer| {
        answer.ext_fields_mut().set("IS_SUB_CHANGE", "true");
    });
    cluster.broker("broker-a").on(BEAT, wants_all.times(1));
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(fingerprints(&cluster, "broker-a")[3..], [(OF_PG, true), (OF_PG, false)]);
    assert_eq!(fingerprints(&cluster, "broker-b")[3..], [(OF_PG, true), (OF_PG, true)]);
    // On a new connection the broker has heard nothing.
    cluster.broker("broker-b").lines()[0].close();
    tokio::time::sleep(seconds(12)).await;
    for _ in 0..8 {
        producer.send(hello()).await.unwrap();
    }
    settle().await;
    assert_eq!(fingerprints(&cluster, "broker-b").last(), Some(&(OF_PG, false)));
}

#[tokio::test(start_paused = true)]
async fn a_broker_of_4_9_gets_whole_heartbeats_only() {
    let cluster = start(one_broker().dialect(rmq_testkit::Dialect::V4_9)).await;
    let producer = builder(&cluster).heartbeat_v2(true).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(65)).await;
    let told = fingerprints(&cluster, "broker-a");
    assert!(told.len() == 3 && told.iter().all(|(_, without)| !without), "{told:?}");
}
