//! R11, R12: how often and when a dead address is dialled.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_producer::{BoxFuture, Connector, RemotingConfig};
use rmq_remoting::{Endpoint, RemotingClient, Stream};
use rmq_testkit::TestCluster;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};

use crate::load::{beside, send};
use crate::world::*;

/// Opens or refuses, and notes when it was asked.
#[derive(Clone, Default)]
struct Wire {
    open: Arc<Mutex<bool>>,
    dials: Arc<Mutex<Vec<Instant>>>,
    ends: Arc<Mutex<Vec<DuplexStream>>>,
}

impl Connector for Wire {
    fn connect(&self, _: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        self.dials.lock().push(Instant::now());
        let outcome = if *self.open.lock() {
            let (ours, theirs) = tokio::io::duplex(64);
            self.ends.lock().push(theirs);
            Ok(Stream::boxed(ours))
        } else {
            Err(io::ErrorKind::ConnectionRefused.into())
        };
        Box::pin(std::future::ready(outcome))
    }
}

fn client(wire: &Wire, seed: u64) -> RemotingClient {
    let mut config = RemotingConfig::default();
    config.seed = Some(seed);
    RemotingClient::builder().config(config).connector(wire.clone()).build().expect("a legal configuration")
}

/// Dials as soon as it may, until it has done so this often; returns the pauses.
async fn dial(client: &RemotingClient, wire: &Wire, count: usize) -> Vec<Duration> {
    let to = Endpoint::parse("broker:10911").expect("a legal address");
    wire.dials.lock().clear();
    while wire.dials.lock().len() < count {
        drop(client.connect(&to, seconds(60)).await);
    }
    let dials = wire.dials.lock().clone();
    dials.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn r11_pauses_between_dials_double_from_100_ms_to_10_s_with_full_jitter() {
    let limits = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000].map(milliseconds);
    let mut pauses = vec![Vec::new(); limits.len()];
    for seed in 0..200 {
        let wire = Wire::default();
        let measured = dial(&client(&wire, seed), &wire, limits.len() + 1).await;
        measured.into_iter().zip(&mut pauses).for_each(|(pause, all)| all.push(pause));
    }
    for (limit, pauses) in limits.into_iter().zip(pauses) {
        assert!(pauses.iter().all(|pause| *pause <= limit + milliseconds(1)), "{limit:?}: {pauses:?}");
        // Full jitter: spread evenly from nothing to the limit.
        for quarter in 0..4 {
            let within = |pause: &&Duration| (limit * quarter / 4..limit * (quarter + 1) / 4).contains(*pause);
            let share = pauses.iter().filter(within).count();
            assert!((25..=80).contains(&share), "{limit:?}, quarter {quarter}: {share} of 200");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r11_sixty_seconds_of_health_begin_anew_and_less_does_not() {
    for (healthy, limit) in [(61, 100), (30, 10_000)] {
        let mut longest = Duration::ZERO;
        for seed in 0..50 {
            let wire = Wire::default();
            let client = client(&wire, seed);
            dial(&client, &wire, 10).await;
            *wire.open.lock() = true;
            let to = Endpoint::parse("broker:10911").expect("a legal address");
            client.connect(&to, seconds(60)).await.expect("it listens by now");
            sleep(seconds(healthy)).await;
            *wire.open.lock() = false;
            wire.ends.lock().clear();
            settle().await;
            let ended = Instant::now();
            dial(&client, &wire, 1).await;
            longest = longest.max(ended.elapsed());
        }
        let limit = milliseconds(limit);
        assert!(longest <= limit + milliseconds(2) && longest >= limit / 2, "after {healthy} s: {longest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r12_a_thousand_clients_do_not_come_back_in_one_moment() {
    for down in [10, 30] {
        let wire = Wire::default();
        *wire.open.lock() = true;
        let to = Endpoint::parse("broker:10911").expect("a legal address");
        let clients: Vec<_> = (0..1000).map(|seed| client(&wire, seed)).collect();
        for client in &clients {
            client.connect(&to, seconds(1)).await.expect("it listens");
        }
        sleep(seconds(61)).await;
        wire.dials.lock().clear();
        *wire.open.lock() = false;
        wire.ends.lock().clear();
        let killed = Instant::now();
        for client in clients.clone() {
            let to = to.clone();
            // A caller that never gives up.
            beside(async move { while client.connect(&to, seconds(60)).await.is_err() {} });
        }
        sleep(seconds(down)).await;
        *wire.open.lock() = true;
        let back = Instant::now();
        sleep(seconds(15)).await;
        assert_eq!(wire.ends.lock().len(), 1000, "all are back");
        let dials = wire.dials.lock().clone();
        let after: Vec<_> = dials.iter().filter(|at| **at >= back).map(|at| (*at - back).as_millis() / 100).collect();
        let busiest = (0..150).map(|window| after.iter().filter(|at| **at == window).count()).max().unwrap_or(0);
        assert!(busiest <= 200, "down for {down} s: {busiest} of 1,000 within 100 ms");
        let each_second = dials.len() as f64 / 1000.0 / (Instant::now() - killed).as_secs_f64();
        assert!(each_second <= 1.0, "{each_second} dials a second for each client");
    }
}

/// The same with whole producers, which dial only when there is something to send.
#[tokio::test(start_paused = true)]
async fn r12_producers_under_load_spread_their_dials_too() {
    let cluster = start(TestCluster::builder().memory().topic("orders", 1)).await;
    let broker = cluster.broker("broker-a");
    let mut producers = Vec::new();
    for seed in 0..100 {
        let mut remoting = RemotingConfig::default();
        remoting.seed = Some(seed);
        let builder = with_defaults(&cluster).remoting(remoting).check_name_servers(false);
        let producer = builder.start().await.unwrap();
        assert!(send(&producer).await.is_ok());
        producers.push(producer);
    }
    assert_eq!(broker.lines().len(), 100);
    broker.kill().await;
    for producer in producers.clone() {
        beside(async move {
            loop {
                drop(send(&producer).await);
                sleep(milliseconds(100)).await;
            }
        });
    }
    sleep(seconds(15)).await;
    broker.restart().await.unwrap();
    let mut lines = Vec::new();
    for _ in 0..150 {
        lines.push(broker.lines().len());
        sleep(milliseconds(100)).await;
    }
    assert_eq!(lines.last(), Some(&100), "all are back: {lines:?}");
    let busiest = lines.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
    assert!(busiest <= 20, "{busiest} of 100 within 100 ms: {lines:?}");
}
