//! Suspects are set aside for everybody until a probe is answered, unless nobody else is left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_fault::{Candidates, Choice, LatencyFaultTolerance, PenaltyTable, Strategy, Suspects, select_in_turn};

const PAUSE: Duration = Duration::from_secs(2);

#[allow(clippy::disallowed_methods, reason = "the tests need one fixed instant")]
fn base() -> Instant {
    Instant::now()
}

fn picks(suspects: &Suspects, last_broker: Option<&str>, strategy: Option<Strategy>) -> Vec<&'static str> {
    let queues = ["a", "a", "b", "b", "c"];
    let candidates = Candidates { len: 5, broker: &|at| queues[at], write_queues: &|_| 2, last_broker };
    let tolerance = LatencyFaultTolerance::new(PenaltyTable::v5());
    let mut cursor = 0;
    let mut next = || {
        cursor += 1;
        cursor
    };
    let mut picked: Vec<_> = (0..20)
        .map(|_| {
            let choice = match strategy {
                None => select_in_turn(&candidates, suspects, &mut next),
                Some(strategy) => strategy.select(&candidates, &tolerance, suspects, base(), &mut next),
            };
            match choice {
                Some(Choice::Position(at)) => queues[at],
                other => panic!("{other:?}"),
            }
        })
        .collect();
    picked.sort_unstable();
    picked.dedup();
    picked
}

#[test]
fn a_suspect_is_avoided_by_every_strategy_and_comes_back_when_a_probe_is_answered() {
    let (a, now, suspects) = (Arc::<str>::from("a"), base(), Suspects::default());
    for strategy in [None, Some(Strategy::V5), Some(Strategy::V4)] {
        assert_eq!(picks(&suspects, None, strategy), ["a", "b", "c"]);
        assert!(suspects.add(&a, now));
        assert_eq!(picks(&suspects, None, strategy), ["b", "c"], "{strategy:?}");
        suspects.probed("a", true, now, PAUSE);
    }
    assert!(suspects.is_empty());
}

#[test]
fn a_trusted_broker_that_just_failed_is_better_than_a_suspect() {
    let suspects = Suspects::default();
    for broker in ["a", "b"] {
        suspects.add(&broker.into(), base());
    }
    assert_eq!(picks(&suspects, Some("c"), None), ["c"]);
}

#[test]
fn when_all_are_suspected_all_are_eligible_but_the_last_one_last() {
    let suspects = Suspects::default();
    for broker in ["a", "b", "c"] {
        suspects.add(&broker.into(), base());
    }
    assert_eq!(picks(&suspects, None, None), ["a", "b", "c"]);
    assert_eq!(picks(&suspects, Some("a"), None), ["b", "c"]);
}

#[test]
fn a_suspect_is_probed_at_once_then_at_intervals_and_by_one_at_a_time() {
    let (now, suspects) = (base(), Suspects::default());
    suspects.add(&"a".into(), now);
    assert!(!suspects.add(&"a".into(), now), "already suspected: its probes go on as they were");
    assert_eq!(suspects.next_probe(), Some(now));
    assert_eq!(suspects.take_due(now), ["a".into()]);
    assert!(suspects.take_due(now).is_empty(), "a probe is under way");
    assert_eq!(suspects.next_probe(), None);
    suspects.probed("a", false, now, PAUSE);
    assert_eq!(suspects.next_probe(), Some(now + PAUSE));
    assert!(suspects.take_due(now + PAUSE / 2).is_empty());
    assert_eq!(suspects.take_due(now + PAUSE), ["a".into()]);
    suspects.probed("a", true, now + PAUSE, PAUSE);
    assert!(suspects.is_empty() && suspects.next_probe().is_none());
    suspects.probed("a", false, now, PAUSE);
    assert!(suspects.is_empty(), "a late report about a cleared broker changes nothing");
}

#[test]
fn no_queues_means_no_choice() {
    let candidates = Candidates { len: 0, broker: &|_| "a", write_queues: &|_| 0, last_broker: None };
    let (suspects, tolerance) = (Suspects::default(), LatencyFaultTolerance::new(PenaltyTable::v4()));
    assert_eq!(select_in_turn(&candidates, &suspects, &mut || 0), None);
    for strategy in [Strategy::V4, Strategy::V5] {
        assert_eq!(strategy.select(&candidates, &tolerance, &suspects, base(), &mut || 0), None);
    }
}
