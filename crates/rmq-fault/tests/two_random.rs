//! The less loaded of two random queues: who is slow gets less, and who is to be avoided is avoided here, too.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_fault::{
    BrokerLoads, Candidates, Choice, LatencyFaultTolerance, Outcome, PenaltyTable, Suspects, select_of_two,
};

const QUEUES: [&str; 6] = ["a", "a", "b", "b", "c", "c"];

#[allow(clippy::disallowed_methods, reason = "the tests need one fixed instant")]
fn base() -> Instant {
    Instant::now()
}

/// Numbers without visible order (xorshift), the same in every run.
fn random(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 33) % u64::from(bound)).expect("below a u32")
    }
}

#[derive(Default)]
struct World {
    suspects: Suspects,
    loads: BrokerLoads,
    last_broker: Option<&'static str>,
    penalties: Option<(LatencyFaultTolerance, Instant)>,
}

impl World {
    fn choose(&self, queues: &'static [&'static str], below: &mut dyn FnMut(u32) -> u32) -> Option<&'static str> {
        let broker = |at: usize| queues[at];
        let candidates =
            Candidates { len: queues.len(), broker: &broker, write_queues: &|_| 2, last_broker: self.last_broker };
        let penalties = self.penalties.as_ref().map(|(tolerance, now)| (tolerance, *now));
        match select_of_two(&candidates, &self.suspects, penalties, &self.loads, below)? {
            Choice::Position(at) => Some(queues[at]),
            other => panic!("{other:?}"),
        }
    }

    /// Who is chosen in 300 choices, and how often.
    fn shares(&self) -> BTreeMap<&'static str, u32> {
        let (mut shares, mut below) = (BTreeMap::new(), random(1));
        for _ in 0..300 {
            *shares.entry(self.choose(&QUEUES, &mut below).expect("there are queues")).or_default() += 1;
        }
        shares
    }

    fn chosen(&self) -> Vec<&'static str> {
        self.shares().into_keys().collect()
    }
}

#[test]
fn brokers_of_one_speed_have_equal_shares() {
    let shares = World::default().shares();
    assert!(shares.len() == 3 && shares.values().all(|share| (80..=120).contains(share)), "{shares:?}");
}

#[test]
fn a_slow_broker_gets_a_small_part_of_a_load_and_never_nothing() {
    for seed in 1..=20 {
        let (world, mut below) = (World::default(), random(seed));
        let (mut shares, mut under_way) = (BTreeMap::<_, u32>::new(), BinaryHeap::new());
        let mut guards = BTreeMap::new();
        // 32 callers, each of whom sends again when it is answered, by a clock of our own.
        let mut now = 0_u64;
        for number in 0..6_000_u32 {
            if number >= 32 {
                let Reverse((at, done)) = under_way.pop().expect("32 are under way");
                now = at;
                let (broker, begun, _guard) = guards.remove(&done).expect("it is under way");
                world.loads.succeeded(&Arc::from(broker), Duration::from_micros(now - begun));
            }
            let broker = world.choose(&QUEUES, &mut below).expect("there are queues");
            *shares.entry(broker).or_default() += 1;
            guards.insert(number, (broker, now, world.loads.begin(&Arc::from(broker))));
            under_way.push(Reverse((now + if broker == "c" { 20_000 } else { 1_000 }, number)));
        }
        assert!(shares["c"] < 600, "a third would be 2,000: {shares:?}");
        assert!(shares["c"] > 20, "or nobody would see that it is fast again: {shares:?}");
        assert!(shares["a"].abs_diff(shares["b"]) < 600, "{shares:?}");
        drop(guards);
        assert!(["a", "b", "c"].iter().all(|broker| world.loads.in_flight(broker) == 0));
    }
}

#[test]
fn in_flight_alone_decides_where_a_latency_is_unknown() {
    let (world, a) = (World::default(), Arc::<str>::from("a"));
    world.loads.succeeded(&a, Duration::from_millis(1));
    assert!(!world.loads.is_better("a", "b") && !world.loads.is_better("b", "a"));
    let on_its_way = world.loads.begin(&a);
    assert!(world.loads.is_better("b", "a") && !world.loads.is_better("a", "b"));
    drop(on_its_way);
    assert!(!world.loads.is_better("b", "a"));
}

#[test]
fn a_slow_broker_is_better_as_soon_as_the_fast_one_has_enough_to_do() {
    let (world, fast, slow) = (World::default(), Arc::<str>::from("fast"), Arc::<str>::from("slow"));
    world.loads.succeeded(&fast, Duration::from_millis(1));
    world.loads.succeeded(&slow, Duration::from_millis(5));
    let mut under_way: Vec<_> = (0..4).map(|_| world.loads.begin(&fast)).collect();
    assert!(!world.loads.is_better("slow", "fast"), "5 ms either way");
    under_way.push(world.loads.begin(&fast));
    assert!(world.loads.is_better("slow", "fast"));
    assert_eq!(world.loads.in_flight("fast"), 5);
}

#[test]
fn a_broker_that_refuses_at_once_does_not_look_fast() {
    let (loads, broker) = (BrokerLoads::default(), Arc::<str>::from("a"));
    assert_eq!(loads.latency("a"), None);
    loads.succeeded(&broker, Duration::from_millis(8));
    loads.failed(&broker, Duration::from_micros(10));
    assert_eq!(loads.latency("a"), Some(Duration::from_millis(9)));
    for _ in 0..1_000 {
        loads.failed(&broker, Duration::from_micros(10));
    }
    assert!(loads.latency("a").unwrap() <= Duration::from_secs(60), "and can be forgiven");
    for _ in 0..200 {
        loads.succeeded(&broker, Duration::from_millis(8));
    }
    assert!(loads.latency("a").unwrap() < Duration::from_millis(9));
}

#[test]
fn suspects_are_avoided_unless_nobody_else_is_left() {
    let (world, now) = (World::default(), base());
    world.suspects.add(&"a".into(), now);
    assert_eq!(world.chosen(), ["b", "c"]);
    world.suspects.add(&"c".into(), now);
    assert_eq!(world.chosen(), ["b"]);
    world.suspects.add(&"b".into(), now);
    assert_eq!(world.chosen(), ["a", "b", "c"]);
}

#[test]
fn the_broker_that_just_failed_is_avoided_unless_all_others_are_suspects() {
    let world = World { last_broker: Some("b"), ..World::default() };
    assert_eq!(world.chosen(), ["a", "c"]);
    world.suspects.add(&"a".into(), base());
    world.suspects.add(&"c".into(), base());
    assert_eq!(world.chosen(), ["b"]);
}

#[test]
fn penalised_brokers_come_after_the_others() {
    let (now, tolerance) = (base(), LatencyFaultTolerance::new(PenaltyTable::v5()));
    let outcome = Outcome { latency: Duration::from_secs(2), isolate: false, reachable: true };
    tolerance.update(&"a".into(), outcome, now);
    let mut world = World { penalties: Some((tolerance, now)), ..World::default() };
    assert_eq!(world.chosen(), ["b", "c"]);
    world.suspects.add(&"b".into(), now);
    world.suspects.add(&"c".into(), now);
    assert_eq!(world.chosen(), ["a"], "a penalty weighs less than a suspicion");
    world.penalties.as_mut().unwrap().1 = now + Duration::from_secs(60);
    assert_eq!(world.chosen(), ["a"]);
}

#[test]
fn a_queue_without_a_broker_is_never_chosen() {
    let (world, mut below) = (World::default(), random(3));
    for _ in 0..100 {
        assert_eq!(world.choose(&["", "a", ""], &mut below), Some("a"));
    }
    assert_eq!(world.choose(&["", ""], &mut below), None);
    assert_eq!(world.choose(&[], &mut below), None);
    assert_eq!(world.choose(&["a"], &mut below), Some("a"));
}
