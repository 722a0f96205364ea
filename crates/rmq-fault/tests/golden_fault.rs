//! Every result of Java's `MQFaultStrategy`, `LatencyFaultToleranceImpl` and `ThreadLocalIndex`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rmq_fault::{
    Candidates, Choice, FaultItem, LatencyFaultTolerance, Outcome, PenaltyTable, Strategy, Suspects, select_in_turn,
};
use serde_json::Value;

/// Far enough from the clock's start for times that lie days before it.
#[allow(clippy::disallowed_methods, reason = "the tests need one fixed instant")]
fn base() -> Instant {
    Instant::now() + Duration::from_secs(10 * 86_400)
}

fn cases(prefix: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("golden/fault.json")).expect("JSON");
    let found: Vec<_> = all.into_iter().filter(|case| name(case).starts_with(prefix)).collect();
    assert!(!found.is_empty(), "{prefix}");
    found
}

fn name(case: &Value) -> &str {
    case["name"].as_str().expect("a name")
}

/// Which Java generations a case stands for.
fn generations(case: &Value) -> Vec<(Strategy, PenaltyTable)> {
    let (v4, v5) = ((Strategy::V4, PenaltyTable::v4()), (Strategy::V5, PenaltyTable::v5()));
    match name(case) {
        only if only.ends_with("(4.9.7)") => vec![v4],
        only if only.ends_with("(5.5.0)") => vec![v5],
        _ => vec![v4, v5],
    }
}

fn millis(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().expect("milliseconds"))
}

fn item(value: &Value, now: Instant) -> FaultItem {
    let offset = value["available_from_minus_now_ms"].as_i64().expect("milliseconds");
    let distance = Duration::from_millis(offset.unsigned_abs());
    let available_from = if offset < 0 { now - distance } else { now + distance };
    FaultItem::new(millis(&value["latency_ms"]), available_from, value["reachable"].as_bool().unwrap_or(true))
}

/// A cursor that stands at Java's stored value: stepped, then used.
fn cursor(case: &Value) -> impl FnMut() -> u32 {
    let mut stored = i32::try_from(case["inputs"]["stored_index"].as_i64().expect("an index")).expect("i32");
    move || {
        stored = stored.wrapping_add(1);
        (stored & i32::MAX).unsigned_abs()
    }
}

fn table(case: &Value, penalties: PenaltyTable, now: Instant) -> LatencyFaultTolerance {
    let table = LatencyFaultTolerance::new(penalties);
    for fault in case["inputs"]["faults"].as_array().expect("faults") {
        table.insert(fault["broker"].as_str().expect("a broker").into(), item(fault, now));
    }
    table
}

#[test]
fn items_compare_as_in_java() {
    for case in cases("compare") {
        let now = base();
        let (a, b) = (item(&case["inputs"]["a"], now), item(&case["inputs"]["b"], now));
        assert_eq!(
            Some(a.compare(&b, now) as i64),
            case["expected"]["a_to_b"].as_i64().map(i64::signum),
            "{}",
            name(&case)
        );
        assert_eq!(
            Some(b.compare(&a, now) as i64),
            case["expected"]["b_to_a"].as_i64().map(i64::signum),
            "{}",
            name(&case)
        );
    }
}

#[test]
fn items_sort_as_in_java() {
    for case in cases("sort") {
        let now = base();
        let mut items: Vec<(String, FaultItem)> = case["inputs"]["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| (value["name"].as_str().unwrap().to_owned(), item(value, now)))
            .collect();
        items.sort_by(|(_, a), (_, b)| a.compare(b, now));
        let order: Vec<_> = items.into_iter().map(|(name, _)| Value::from(name)).collect();
        assert_eq!(Value::from(order), case["expected"]["order"], "{}", name(&case));
    }
}

#[test]
fn penalties_are_javas() {
    for case in cases("not available for latency") {
        for (_, penalties) in generations(&case) {
            let latency = millis(&case["inputs"]["latency_ms"]);
            assert_eq!(
                penalties.not_available_for(latency),
                millis(&case["expected"]["not_isolated_ms"]),
                "{}",
                name(&case)
            );
            assert_eq!(penalties.isolation(), millis(&case["expected"]["isolated_ms"]), "{}", name(&case));
        }
    }
}

#[test]
fn the_cursor_steps_as_in_java() {
    for case in cases("index after") {
        let mut next = cursor(&case);
        for expected in case["expected"]["next"].as_array().unwrap() {
            assert_eq!(u64::from(next()), expected.as_u64().unwrap(), "{}", name(&case));
        }
    }
}

#[test]
fn queues_are_selected_as_in_java() {
    for case in cases("select") {
        for (strategy, penalties) in generations(&case) {
            let inputs = &case["inputs"];
            let now = base();
            let queues: Vec<(&str, &str)> = inputs["queues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|q| q.as_str().unwrap().split_once(':').unwrap())
                .collect();
            let candidates = Candidates {
                len: queues.len(),
                broker: &|at| queues[at].0,
                write_queues: &|broker| u32::try_from(queues.iter().filter(|queue| queue.0 == broker).count()).unwrap(),
                last_broker: inputs["last_broker"].as_str(),
            };
            let (tolerance, suspects, mut next) = (table(&case, penalties, now), Suspects::default(), cursor(&case));
            let picked: Vec<Value> = (0..inputs["picks"].as_u64().unwrap())
                .map(|_| {
                    let choice = if inputs["latency_fault_enabled"].as_bool().unwrap() {
                        strategy.select(&candidates, &tolerance, &suspects, now, &mut next)
                    } else {
                        select_in_turn(&candidates, &suspects, &mut next)
                    };
                    match choice.unwrap() {
                        Choice::Position(at) => format!("{}:{}", queues[at].0, queues[at].1).into(),
                        Choice::OnBroker { broker, queue_id } => format!("{broker}:{queue_id}").into(),
                        other => panic!("{other:?}"),
                    }
                })
                .collect();
            assert_eq!(Value::from(picked), case["expected"]["picked"], "{} {strategy:?}", name(&case));
            let known: Vec<Value> = tolerance.known().iter().map(|broker| Value::from(&**broker)).collect();
            assert_eq!(Value::from(known), case["expected"]["known_faults_afterwards"], "{}", name(&case));
        }
    }
}

#[test]
fn one_at_least_is_picked_as_in_java() {
    for case in cases("pick one at least") {
        for (strategy, penalties) in generations(&case) {
            let now = base();
            let start = usize::try_from(case["inputs"]["stored_index"].as_u64().unwrap()).unwrap();
            let tolerance = table(&case, penalties, now).with_cursor(start);
            for expected in case["expected"]["picked"].as_array().unwrap() {
                let picked = match strategy {
                    Strategy::V4 => tolerance.pick_one_at_least(now),
                    _ => tolerance.pick_reachable(7),
                };
                assert_eq!(picked.as_deref(), expected.as_str(), "{} {strategy:?}", name(&case));
            }
        }
    }
}

#[test]
fn updates_leave_what_they_leave_in_java() {
    for case in cases("updates") {
        for (_, penalties) in generations(&case) {
            let now = base();
            let tolerance = LatencyFaultTolerance::new(penalties);
            for update in case["inputs"]["updates_at_the_same_time"].as_array().unwrap() {
                let broker: Arc<str> = update["broker"].as_str().unwrap().into();
                let outcome = Outcome {
                    latency: millis(&update["latency_ms"]),
                    isolate: update["isolation"].as_bool().unwrap(),
                    reachable: update["reachable"].as_bool().unwrap(),
                };
                tolerance.update(&broker, outcome, now);
            }
            for (broker, expected) in case["expected"].as_object().unwrap() {
                let item = tolerance.get(broker).unwrap();
                assert_eq!(item.latency, millis(&expected["latency_ms"]), "{}", name(&case));
                assert_eq!(item.available_from - now, millis(&expected["not_available_for_ms"]), "{}", name(&case));
                if let Some(reachable) = expected["reachable"].as_bool() {
                    assert_eq!(item.reachable, reachable, "{}", name(&case));
                }
            }
        }
    }
}
