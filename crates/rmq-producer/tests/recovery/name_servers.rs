//! R6, R7: name servers that are lost, some or all of them.

use rmq_producer::{Message, Outcome, RemotingConfig};
use rmq_testkit::NameServer;
use tokio::time::{Instant, sleep};

use crate::load::{Load, Sent, send};
use crate::world::*;

#[tokio::test(start_paused = true)]
async fn r06_one_of_several_name_servers_is_lost_without_a_failed_send() {
    type Lose = fn(&NameServer);
    let ways: [Lose; 4] = [
        |server| server.freeze(),
        |server| server.hang_dials(),
        |server| server.lines().iter().for_each(|line| line.stop_reading()),
        |server| {
            server.lines().iter().for_each(rmq_testkit::Line::reset);
            server.hang_dials();
        },
    ];
    for (way, lose) in ways.into_iter().enumerate() {
        for count in [2, 3] {
            for seed in 0..3 {
                let cluster = start(two_brokers().name_servers(count)).await;
                let mut remoting = RemotingConfig::default();
                remoting.seed = Some(seed);
                let producer = with_defaults(&cluster).remoting(remoting).start().await.unwrap();
                let load = Load::start(&producer, 2, milliseconds(200));
                sleep(seconds(1)).await;
                lose(&cluster.name_server_at(0));
                for topic in ["BenchmarkTest", "new-1", "new-2"] {
                    let began = Instant::now();
                    producer.send(Message::new(topic, "x")).await.expect("another name server knows it");
                    assert!(began.elapsed() <= seconds(1) + milliseconds(50), "way {way}: {:?}", began.elapsed());
                }
                sleep(seconds(40)).await;
                assert!(load.end().await.iter().all(Sent::is_ok));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r07_without_any_name_server_known_topics_go_on_for_a_day() {
    let cluster = start(two_brokers().name_servers(2)).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    assert!(send(&producer).await.is_ok());
    cluster.name_server_at(0).kill().await;
    cluster.name_server_at(1).freeze();
    for _ in 0..24 * 12 {
        for _ in 0..4 {
            let sent = send(&producer).await;
            assert!(sent.is_ok() && sent.failed.is_empty() && sent.took < milliseconds(100), "{:?}", sent.took);
        }
        sleep(seconds(300)).await;
    }
    let began = Instant::now();
    let error = producer.send(Message::new("unknown", "x")).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(began.elapsed() <= seconds(3));
    for n in 0..2 {
        cluster.name_server_at(n).resume();
        cluster.name_server_at(n).restart().await.expect("in memory");
    }
    sleep(seconds(10)).await;
    producer.send(Message::new("unknown", "x")).await.expect("they are back");
}
