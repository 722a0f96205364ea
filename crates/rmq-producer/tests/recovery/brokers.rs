//! R1 to R5, R9: connections that end or fall silent, brokers that die, hang, come back or move.

use rmq_producer::Producer;
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::load::{Load, Sent, begin, send};
use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// A cluster of two whose routes are known, and whose connections are open.
async fn ready(cluster: &TestCluster) -> Producer {
    let producer = with_defaults(cluster).start().await.expect("the cluster answers");
    for _ in 0..8 {
        assert!(send(&producer).await.is_ok());
    }
    producer
}

#[tokio::test(start_paused = true)]
async fn r01_calls_on_a_connection_that_ends_are_done_elsewhere_at_once() {
    for reset in [true, false] {
        let cluster = start(two_brokers()).await;
        let producer = ready(&cluster).await;
        let broker = cluster.broker("broker-a");
        broker.on(SEND, Fault::silent());
        let sends = begin(&producer, 96).await;
        sleep(milliseconds(300)).await;
        assert_eq!(producer.in_flight(), 48);
        let ended = Instant::now();
        broker.lines().iter().for_each(|line| if reset { line.reset() } else { line.close() });
        for sent in sends.join_all().await {
            assert_eq!(sent.broker.as_deref(), Ok("broker-b"));
            assert!(sent.ended() <= ended + milliseconds(10), "{:?}", sent.ended() - ended);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r02_when_one_of_two_masters_is_killed_the_other_takes_over() {
    for still_listed in [0, 120] {
        let cluster = start(two_brokers().keep_killed_brokers_in_route(seconds(still_listed))).await;
        let producer = ready(&cluster).await;
        cluster.on(SEND, &Fault::delay(milliseconds(5)));
        let load = Load::start(&producer, 50, milliseconds(20));
        sleep(milliseconds(203)).await; // while all of them wait for their answers
        let killed = Instant::now();
        cluster.broker("broker-a").kill().await;
        sleep(seconds(10)).await;
        let sent = load.end().await;
        assert!(sent.iter().all(Sent::is_ok));
        let first = sent.iter().filter(|sent| sent.began >= killed).map(Sent::ended).min().expect("there are some");
        assert!(first <= killed + milliseconds(100), "{:?}", first - killed);
        let longest = sent.iter().map(|sent| sent.took).max().expect("there are some");
        assert!(longest <= milliseconds(1500), "{longest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r03_a_broker_that_falls_silent_is_found_out_once_and_waited_for_no_more() {
    for whole in [true, false] {
        let cluster = start(two_brokers()).await;
        let producer = ready(&cluster).await;
        let load = Load::start(&producer, 20, milliseconds(50));
        sleep(milliseconds(200)).await;
        let silent = Instant::now();
        let broker = cluster.broker("broker-a");
        if whole {
            broker.freeze();
        } else {
            broker.lines().iter().for_each(|line| line.stop_reading());
            broker.hang_dials();
        }
        sleep(seconds(25)).await;
        let sent = load.end().await;
        assert!(sent.iter().all(Sent::is_ok));
        let found_out = silent + seconds(1);
        for late in sent.iter().filter(|sent| sent.took > milliseconds(100)) {
            assert!(late.began <= found_out && late.ended() <= found_out + milliseconds(1050), "{:?}", late.took);
        }
        assert!(sent.iter().any(|sent| !sent.failed.is_empty()), "somebody found out");
    }
}

#[tokio::test(start_paused = true)]
async fn r04_a_connection_that_falls_silent_while_idle_is_found_out_by_a_heartbeat() {
    let cluster = start(one_broker()).await;
    let producer = ready(&cluster).await;
    settle().await;
    for n in 0..6 {
        sleep(seconds(5 * n)).await;
        let broker = cluster.broker("broker-a");
        broker.lines().iter().for_each(|line| line.stop_reading());
        sleep(seconds(33)).await;
        let sent = send(&producer).await;
        assert!(sent.is_ok() && sent.failed.is_empty() && sent.took < milliseconds(100), "round {n}: {:?}", sent.took);
    }
}

#[tokio::test(start_paused = true)]
async fn r05_a_broker_that_is_back_gets_its_share() {
    for still_listed in [0, 600] {
        for down in [1, 7, 29, 45] {
            let cluster = start(two_brokers().keep_killed_brokers_in_route(seconds(still_listed))).await;
            let producer = ready(&cluster).await;
            let load = Load::start(&producer, 10, milliseconds(100));
            cluster.broker("broker-a").kill().await;
            sleep(seconds(down)).await;
            cluster.broker("broker-a").restart().await.expect("in memory");
            let back = Instant::now();
            sleep(seconds(30)).await;
            let sent = load.end().await;
            assert!(sent.iter().all(Sent::is_ok));
            let mut on_it = sent.iter().filter(|sent| sent.began >= back && sent.broker.as_deref() == Ok("broker-a"));
            let first = on_it.next().expect("it is used again").began - back;
            // A dead address is dialled at most every 10 s, see R11; a broker that is down for long is at that limit.
            let pause = if down < 20 { milliseconds(down * 1000) } else { seconds(10) };
            let probe = milliseconds(2500);
            assert!(first <= probe.max(pause.min(seconds(10)) + milliseconds(500)), "down for {down} s: {first:?}");
            let later: Vec<_> = sent.iter().filter(|sent| sent.began >= back + seconds(20)).collect();
            let share = later.iter().filter(|sent| sent.broker.as_deref() == Ok("broker-a")).count();
            let half = later.len() / 2;
            assert!(share * 10 >= half * 9 && share * 10 <= half * 11, "{share} of {}", later.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r09_a_master_that_comes_back_elsewhere_is_found_within_a_second() {
    for down in [0, 3, 8, 20] {
        let cluster = start(one_broker().keep_killed_brokers_in_route(seconds(600))).await;
        let producer = ready(&cluster).await;
        cluster.broker("broker-a").kill().await;
        let mut sends = JoinSet::new();
        let mut moved = None;
        // New sends all the time, whatever became of those before.
        for tick in 0..(down + 10) * 20 {
            if tick == down * 20 {
                cluster.broker("broker-a").move_to_new_port().await.expect("in memory");
                moved = Some(Instant::now());
            }
            let producer = producer.clone();
            sends.spawn(async move { send(&producer).await });
            sleep(milliseconds(50)).await;
        }
        let moved = moved.expect("in the course of the loop");
        let mut sent = sends.join_all().await;
        sent.sort_by_key(Sent::ended);
        let first = sent.iter().find(|sent| sent.is_ok() && sent.ended() > moved).expect("it is found");
        assert!(first.ended() <= moved + seconds(1), "down for {down} s: {:?}", first.ended() - moved);
        assert!(sent.iter().filter(|sent| sent.began > moved + seconds(1)).all(Sent::is_ok));
    }
}
