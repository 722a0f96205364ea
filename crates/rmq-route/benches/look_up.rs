//! What a send pays for knowing its route, and what reading a route costs. Run with `cargo bench -p rmq-route`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use rmq_route::{BrokerData, QueueCursor, QueueData, RouteTable, TopicRouteData};

fn main() {
    let mut report = String::new();
    for topics in [1, 1_000, 10_000] {
        let table = RouteTable::new();
        table.update_all((0..topics).map(|n| (format!("orders-{n}").into(), route(3))));
        let names: Vec<String> = (0..topics).map(|n| format!("orders-{n}")).collect();
        let mut next = names.iter().cycle();
        let look_up = measure(|| {
            black_box(next.next().and_then(|name| table.get(name)));
        });
        let mut next = names.iter().cycle();
        let read = measure(|| {
            let name = next.next().map_or("", String::as_str);
            black_box(table.read(|now| now.get(name).map(|route| route.publish.is_ok())));
        });
        let cursor = QueueCursor::default();
        let held = table.snapshot();
        let choose = measure(|| {
            let queue = held.get("orders-0").and_then(|route| route.publish.at(cursor.advance()));
            black_box(queue.and_then(|queue| held.master_address(queue.broker_name())));
        });
        writeln!(
            report,
            "{topics:>6} topics: look-up {look_up:?}, in place {read:?}, queue and address from a snapshot {choose:?}"
        )
        .expect("a string takes any text");
    }
    let (standard, loose) = (route(64).to_json(), route(64).to_loose_json());
    let read = |text: &str| measure(|| drop(black_box(TopicRouteData::from_json(text.as_bytes()))));
    writeln!(report, "64 brokers: standard JSON {:?}, loose JSON {:?}", read(&standard), read(&loose))
        .expect("a string takes any text");
    finish(&report);
}

fn route(brokers: usize) -> TopicRouteData {
    let mut route = TopicRouteData::default();
    for name in (0..brokers).map(|n| format!("broker-{n}")) {
        route.broker_datas.push(BrokerData::new("DefaultCluster", &name, "10.0.0.1:10911"));
        route.queue_datas.push(QueueData::new(name, 8));
    }
    route
}

/// The mean time of one call, from the best of several runs.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn measure(mut call: impl FnMut()) -> Duration {
    const CALLS: u32 = 20_000;
    let run = |call: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        start.elapsed() / CALLS
    };
    (0..7).map(|_| run(&mut call)).min().unwrap_or_default()
}

#[expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]
fn finish(report: &str) {
    print!("{report}");
}
