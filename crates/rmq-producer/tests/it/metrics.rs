//! Counters that add up.

use rmq_producer::{MetricsSnapshot, ResponseCode, SendErrorKind};
use rmq_testkit::{Fault, RequestCode, TestCluster};

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

fn adds_up(metrics: &MetricsSnapshot) {
    assert_eq!(metrics.accepted, metrics.ended() + metrics.in_flight, "{metrics:?}");
    for broker in &metrics.brokers {
        assert_eq!(broker.sent, broker.ended() + broker.in_flight, "{broker:?}");
    }
}

/// Only where nothing is under way: a snapshot does not stop the world.
fn latencies_add_up(metrics: &MetricsSnapshot) {
    for broker in &metrics.brokers {
        assert_eq!(broker.latency.count(), broker.stored + broker.degraded, "{broker:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_end_has_its_counter() {
    let cluster = start(one_broker()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    producer.send_oneway(hello()).await.unwrap();
    cluster.on(SEND, &Fault::status(ResponseCode::FLUSH_DISK_TIMEOUT).times(1));
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::MESSAGE_ILLEGAL).times(1));
    producer.send(hello()).await.unwrap_err();
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(3));
    producer.send(hello()).await.unwrap_err();
    producer.send(hello()).select(|_, _| 99).await.unwrap_err();
    cluster.on(SEND, &Fault::silent().times(1));
    producer.send(hello()).retries(rmq_producer::RetryPolicy::none()).await.unwrap_err();
    producer.send(rmq_producer::Message::new("orders", "")).await.unwrap_err();
    let metrics = producer.metrics();
    adds_up(&metrics);
    latencies_add_up(&metrics);
    assert_eq!((metrics.accepted, metrics.refused, metrics.in_flight, metrics.queued_bytes), (7, 1, 0, 0));
    assert_eq!((metrics.stored, metrics.written, metrics.degraded), (1, 1, 1));
    assert_eq!((metrics.rejected, metrics.busy, metrics.not_sent, metrics.maybe_stored), (1, 1, 1, 1));
    let broker = metrics.broker("broker-a").unwrap();
    assert_eq!((broker.sent, broker.busy, broker.maybe_stored, broker.rejected), (8, 3, 1, 1));
    assert_eq!(broker.retries, [(SendErrorKind::Busy, 2)]);
    assert_eq!(metrics.brokers.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_shows_and_what_is_given_up_is_abandoned() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(SEND, &Fault::silent());
    {
        let pending = producer.send(hello()).into_future();
        tokio::pin!(pending);
        assert!(tokio::time::timeout(milliseconds(5), &mut pending).await.is_err());
        let metrics = producer.metrics();
        adds_up(&metrics);
        assert_eq!((metrics.in_flight, metrics.broker("broker-a").unwrap().in_flight), (1, 1));
        assert!(metrics.queued_bytes >= 5, "{metrics:?}");
    }
    let metrics = producer.metrics();
    adds_up(&metrics);
    assert_eq!((metrics.in_flight, metrics.abandoned, metrics.dropped, metrics.queued_bytes), (0, 1, 0, 0));
    assert_eq!(metrics.broker("broker-a").unwrap().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_callback_s_panic_is_counted() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send_with_callback(hello(), |_| panic!("of the user's own"));
    tokio::time::sleep(seconds(1)).await;
    assert_eq!((producer.metrics().callback_panics, producer.metrics().stored), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_adds_up_under_faults_and_cancels_of_every_way() {
    let cluster = start(TestCluster::builder().brokers(2).topic("orders", 4)).await;
    let producer = with_defaults(&cluster).send_timeout(milliseconds(400)).start().await.unwrap();
    // One of each that the storm may miss.
    cluster.on(SEND, &Fault::status(ResponseCode::SLAVE_NOT_AVAILABLE).times(1));
    producer.send(hello()).timeout(seconds(60)).await.unwrap(); // the clock is real, and the machine may be busy
    cluster.clear_faults();
    producer.send(hello()).timeout(seconds(60)).await.unwrap();
    for name in ["broker-a", "broker-b"] {
        let broker = cluster.broker(name);
        broker.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY).nth(7).times(40));
        broker.on(SEND, Fault::store_then_cut().nth(90).times(3));
        broker.on(SEND, Fault::silent().nth(200).times(5));
        broker.on(SEND, Fault::status(ResponseCode::SLAVE_NOT_AVAILABLE).nth(30).times(30));
    }
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..2_000_usize {
        let producer = producer.clone();
        tasks.spawn(async move {
            match n % 5 {
                0 => drop(stop_after(1 + n % 9, producer.send(hello()).into_future()).await),
                1 => drop(producer.enqueue(hello()).await),
                2 => drop(stop_after(1 + n % 4, producer.send_oneway(hello()).into_future()).await),
                3 => producer.send_with_callback(hello(), |_| ()),
                _ => drop(producer.send(hello()).await),
            }
            adds_up(&producer.metrics());
        });
    }
    tasks.join_all().await;
    assert!(producer.shutdown(seconds(10)).await.is_clean());
    let metrics = producer.metrics();
    adds_up(&metrics);
    latencies_add_up(&metrics);
    assert_eq!((metrics.in_flight, metrics.queued_bytes, producer.in_flight()), (0, 0, 0));
    assert!(metrics.accepted + metrics.refused >= 1_500, "{metrics:?}");
    assert!(metrics.stored > 0 && metrics.degraded > 0 && metrics.dropped + metrics.abandoned > 0, "{metrics:?}");
    assert!(metrics.brokers.iter().all(|broker| broker.in_flight == 0));
    // No more copies than the counters allow.
    let copies = cluster.message_count("orders") as u64;
    let sum = |of: fn(&rmq_producer::BrokerMetrics) -> u64| metrics.brokers.iter().map(of).sum::<u64>();
    let sure = sum(|broker| broker.stored + broker.degraded);
    let perhaps = sum(|broker| broker.maybe_stored + broker.dropped + broker.written);
    assert!((sure..=sure + perhaps).contains(&copies), "{copies}: {sure} and up to {perhaps}");
}

#[tokio::test(start_paused = true)]
async fn scrapers_get_the_same_numbers_with_the_names_of_group_and_client() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(SEND, &Fault::delay(std::time::Duration::from_millis(5)));
    for _ in 0..3 {
        producer.send(hello()).await.unwrap();
    }
    let text = producer.metrics().prometheus_text();
    let labels = format!("group=\"{}\",client_id=\"{}\"", producer.group(), producer.client_id());
    let expected = [
        format!("rmq_producer_sends_total{{{labels},outcome=\"stored\"}} 3\n"),
        format!("messaging_client_sent_messages_total{{{labels},broker=\"broker-a\",outcome=\"stored\"}} 3\n"),
        format!("messaging_client_operation_duration_seconds_sum{{{labels},broker=\"broker-a\"}} 0.01"),
    ];
    for line in expected {
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_broker_does_not_read_shows_as_queued_bytes() {
    let cluster = start(two_brokers()).await;
    let producer = builder(&cluster).compression(rmq_producer::Compression::off()).start().await.unwrap();
    let queues = producer.publish_queues("orders").await.unwrap();
    for queue in &queues {
        producer.send(hello()).to(queue.clone()).await.unwrap();
    }
    let stopped = std::sync::Arc::clone(queues[0].broker_name());
    cluster.broker(&stopped).freeze();
    let large = rmq_producer::Message::new("orders", vec![b'x'; 3_000_000]);
    let pending = producer.send(large).to(queues[0].clone()).into_future();
    assert!(tokio::time::timeout(seconds(1), pending).await.is_err(), "nobody reads it");
    let metrics = producer.metrics();
    for broker in &metrics.brokers {
        assert_eq!(broker.queued_bytes > 1_000_000, broker.name == stopped, "{}: {}", broker.name, broker.queued_bytes);
    }
    cluster.broker(&stopped).resume();
    settle().await;
    tokio::time::sleep(seconds(5)).await;
    assert!(producer.metrics().brokers.iter().all(|broker| broker.queued_bytes == 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_it_could_be_written_is_not_abandoned() {
    for oneway in [false, true] {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        cluster.broker("broker-a").hang_dials();
        let given_up = if oneway {
            tokio::time::timeout(milliseconds(50), producer.send_oneway(hello()).into_future()).await.is_err()
        } else {
            tokio::time::timeout(milliseconds(50), producer.send(hello()).into_future()).await.is_err()
        };
        assert!(given_up);
        let metrics = producer.metrics();
        adds_up(&metrics);
        assert_eq!((metrics.dropped, metrics.abandoned), (1, 0), "oneway: {oneway}");
        assert_eq!(metrics.broker("broker-a").unwrap().dropped, 1);
    }
}
