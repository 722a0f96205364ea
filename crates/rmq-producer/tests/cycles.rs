//! A thousand lives of a producer over TCP: nothing of them is left. A process of its own, so that nothing else is measured.

use std::time::Duration;

use rmq_producer::{Message, Producer, ProducerBuilder};
use rmq_testkit::TestCluster;

/// What a process holds.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    tasks: usize,
    /// Open files, sockets among them.
    files: usize,
}

fn held() -> Held {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Held { tasks, files }
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.as_deref().and_then(|pages| pages.split(' ').nth(1)?.parse::<usize>().ok());
    resident.unwrap_or(0) * 4_096
}

fn builder(cluster: &TestCluster, group: &str) -> ProducerBuilder {
    // The clock is real, and the machine may be busy.
    let patience = Duration::from_secs(60);
    Producer::builder(group).name_servers(cluster.name_servers()).send_timeout(patience).api_timeout(patience)
}

/// Two producers live and end: alone or under one client id, with a shutdown or without.
async fn live(cluster: &TestCluster, cycle: usize) {
    let named = |group| {
        let builder = builder(cluster, group);
        if cycle % 2 == 0 { builder.instance_name("cycles") } else { builder }
    };
    let one = named("one").warm_up(["orders"]).start().await.expect("it starts");
    let other = named("other").start().await.expect("it starts beside the first");
    one.send(Message::new("orders", "hello")).await.expect("it is stored");
    other.send(Message::new("orders", "hello")).await.expect("it is stored");
    if cycle % 5 == 0 {
        drop((one, other));
        return;
    }
    let grace = Duration::from_secs(60);
    let reports = tokio::join!(one.shutdown(grace), other.shutdown(grace));
    assert!(reports.0.is_clean() && reports.1.is_clean(), "{reports:?}");
    assert_eq!((one.tasks(), other.tasks()), (0, 0));
}

/// Both ends of every connection are in this process: those of the cluster close when it has read so.
async fn settled(cluster: &TestCluster, expected: &Held) {
    let settling = async {
        while !cluster.broker("broker-a").lines().is_empty() || held() != *expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(60), settling).await.is_err() {
        panic!("{expected:?} before, now {:?}", held());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_starts_and_ends_leave_no_task_no_socket_and_no_memory() {
    let cluster = TestCluster::builder().topic("orders", 4).keep_requests(8).store_limit_bytes(1 << 16).start().await;
    let cluster = cluster.expect("free ports");
    let before = held();
    for cycle in 0..200 {
        live(&cluster, cycle).await;
    }
    settled(&cluster, &before).await;
    let resident = resident_bytes();
    for cycle in 0..1_000 {
        live(&cluster, cycle).await;
    }
    settled(&cluster, &before).await;
    let grown = resident_bytes().saturating_sub(resident);
    // One leaked instance of each cycle would be ten times as much.
    assert!(grown < 2 << 20, "{grown} bytes more after 1,000 cycles");
}
