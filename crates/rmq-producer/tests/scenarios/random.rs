//! Random callers against random brokers, by the rules of the ledger.
//!
//! Everything random comes from the seed and the clock is paused, so that a seed that failed can be played again: `RMQ_SEED=17` plays
//! that one alone. Who of several that wait for one thing is woken first is tokio's own throw of dice, which can be seeded only with
//! `RUSTFLAGS="--cfg tokio_unstable"`; with it a seed goes the same way each time, to the last attempt.

use std::sync::Arc;
use std::time::Duration;

use rmq_producer::{LatencyFault, Producer, RemotingConfig};
use rmq_remoting::Random;
use rmq_testkit::{Broker, Fault, Line, RequestCode, ResponseCode, TestCluster};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::ledger::{How, Ledger, SEND, assert_ends, assert_nothing_held};
use crate::world::*;

const SEEDS: u64 = 100;
const CALLERS: u64 = 16;
const SENDS_EACH: u64 = 20;
const STEPS: u64 = 30;
/// Less than there are callers, so that room is fought for.
const ROOM: usize = 12;
const BYTES: usize = 20_000;

#[test]
fn a_hundred_seeds_keep_all_promises() {
    if let Ok(seed) = std::env::var("RMQ_SEED") {
        print!("{}", play(seed.parse().expect("RMQ_SEED is a number")).trace());
        return;
    }
    let (mut stored, mut maybe, mut tries) = (0, 0, 0);
    for seed in 1..=SEEDS {
        let ledger = play(seed);
        stored += ledger.stored();
        maybe += ledger.failed(rmq_producer::Outcome::MaybeStored);
        tries += ledger.tries();
    }
    // The scripts must hurt, and must leave something alive.
    assert!(stored > 15_000 && maybe > 500 && tries > stored + 3_000, "{stored} stored, {maybe} maybe, {tries} tries");
}

#[cfg(tokio_unstable)]
#[test]
fn a_seed_goes_the_same_way_each_time() {
    for seed in 1..=5 {
        let (first, second) = (play(seed).trace(), play(seed).trace());
        for (line, (first, second)) in first.lines().zip(second.lines()).enumerate() {
            assert_eq!(first, second, "seed {seed}, line {line}");
        }
    }
}

/// Plays one seed and checks it.
fn play(seed: u64) -> Arc<Ledger> {
    let _shown = SeedOfPanic(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true);
    #[cfg(tokio_unstable)]
    runtime.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    runtime.build().expect("a runtime of one thread").block_on(Play::run(seed))
}

/// Says which seed it was when a check fails.
struct SeedOfPanic(u64);

impl Drop for SeedOfPanic {
    #[allow(clippy::print_stderr, reason = "a panic is under way, and this is where its message goes")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}

/// What is different from seed to seed.
struct Play {
    random: Random,
    strict: bool,
    cluster: TestCluster,
}

impl Play {
    async fn run(seed: u64) -> Arc<Ledger> {
        let random = Random::new(Some(seed));
        let brokers = 1 + usize::try_from(seed % 3).expect("below 3");
        let cluster = TestCluster::builder().memory().brokers(brokers).topic("orders", 4).topic("room", 4);
        let cluster = if random.below(3) == 0 { cluster.keep_killed_brokers_in_route(seconds(120)) } else { cluster };
        let cluster = start(cluster.seed(seed).epoch_millis(1_700_000_000_000)).await;
        let producer = producer(&cluster, seed, &random).await;
        let play = Arc::new(Self { random, strict: seed % 2 == 0, cluster });
        let ledger = Arc::new(Ledger::new());
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let random = Random::new(Some(seed * 1_000 + number));
            callers.spawn(Arc::clone(&play).call(Arc::clone(&ledger), producer.clone(), random));
        }
        play.disturb().await;
        while let Some(caller) = callers.join_next().await {
            caller.expect("no caller panics");
        }
        sleep(seconds(30)).await; // whatever is still to be stored
        ledger.check(&play.cluster);
        assert_nothing_held(&producer, &play.cluster, ROOM, BYTES).await;
        assert_ends(&producer, &play.cluster).await;
        ledger.check(&play.cluster);
        ledger
    }

    async fn call(self: Arc<Self>, ledger: Arc<Ledger>, producer: Producer, random: Random) {
        for _ in 0..SENDS_EACH {
            let how = How {
                timeout: milliseconds([20, 300, 1_000, 3_000][pick(&random, 4)]),
                times: u32::try_from(random.below(4)).expect("below 4"),
                strict: self.strict,
                bytes: pick(&random, 3_000),
                to: None,
            };
            let send = ledger.send_as(&producer, how);
            match random.below(8) {
                0 => drop(tokio::time::timeout(milliseconds(random.below(300)), send).await),
                1 => drop(stop_after(pick(&random, 8), send).await),
                _ => drop(send.await),
            }
            sleep(milliseconds(random.below(200))).await;
        }
    }

    /// Makes trouble for a while, then mends everything.
    async fn disturb(&self) {
        let brokers = self.cluster.brokers();
        for _ in 0..STEPS {
            self.step(&brokers[pick(&self.random, brokers.len())]).await;
            sleep(milliseconds(self.random.below(400))).await;
        }
        self.cluster.clear_faults();
        self.cluster.name_server().resume();
        for broker in brokers {
            broker.resume();
            broker.restart().await.expect("in memory");
            broker.lines().iter().for_each(Line::close); // those that would end after some bytes more
        }
    }

    async fn step(&self, broker: &Broker) {
        match self.random.below(16) {
            0 => broker.kill().await,
            1 | 2 => broker.restart().await.expect("in memory"),
            3 => broker.freeze(),
            4 | 5 => broker.resume(),
            6 => broker.lines().iter().for_each(Line::reset),
            7 => broker.lines().iter().for_each(|line| line.close_after_reading(self.random.below(2_000))),
            8 => broker.lines().iter().for_each(|line| line.close_after_writing(self.random.below(500))),
            9 => self.cluster.clear_faults(),
            10 => drop(broker.on(RequestCode::GET_MAX_OFFSET, Fault::silent().times(3))),
            11 => self.cluster.name_server().freeze(),
            12 => self.cluster.name_server().resume(),
            _ => {
                let share = [0.1, 0.3, 1.0][pick(&self.random, 3)];
                broker.on(SEND, self.fault().times(1 + self.random.below(20)).probability(share));
            }
        }
    }

    fn fault(&self) -> Fault {
        let wait = milliseconds(self.random.below(2_000));
        match self.random.below(16) {
            0..=3 => Fault::reply(CODES[pick(&self.random, CODES.len())]),
            4 => Fault::silent(),
            5 => Fault::store_then_silent(),
            6 => Fault::cut(),
            7 => Fault::store_then_cut(),
            8 => Fault::store_then_reset().after(wait),
            9 => Fault::half_frame(),
            10 => Fault::delay(wait),
            11 => Fault::slow(wait),
            12 => Fault::duplicate(),
            13 => Fault::unknown_opaque(),
            14 => Fault::garbage(vec![0xff; 64]),
            _ => Fault::trickle(7, Duration::from_millis(3)),
        }
    }
}

const CODES: &[ResponseCode] = &[
    ResponseCode::SYSTEM_ERROR,
    ResponseCode::SYSTEM_BUSY,
    ResponseCode::SERVICE_NOT_AVAILABLE,
    ResponseCode::MESSAGE_ILLEGAL,
    ResponseCode::NO_PERMISSION,
    ResponseCode::TOPIC_NOT_EXIST,
    ResponseCode::FLOW_CONTROL,
    ResponseCode::GO_AWAY,
    ResponseCode(4_711),
];

async fn producer(cluster: &TestCluster, seed: u64, random: &Random) -> Producer {
    let mut remoting = RemotingConfig::default();
    remoting.max_in_flight = ROOM;
    remoting.max_in_flight_bytes = BYTES;
    remoting.max_in_flight_per_connection = ROOM;
    remoting.max_orphans = 16;
    remoting.seed = Some(seed);
    let builder = with_defaults(cluster).remoting(remoting).instance_name("random");
    let builder = match random.below(3) {
        0 => builder.latency_fault(LatencyFault::v5()),
        1 => builder.latency_fault(LatencyFault::v4()),
        _ => builder,
    };
    builder.start().await.expect("all is well yet")
}

fn pick(random: &Random, count: usize) -> usize {
    usize::try_from(random.below(count as u64)).expect("below a usize")
}
