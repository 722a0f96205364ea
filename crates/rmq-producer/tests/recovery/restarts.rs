//! Whole clusters that restart under load: one server after the other, and all at once.

use rmq_producer::Producer;
use rmq_testkit::TestCluster;
use tokio::time::{Instant, sleep};

use crate::load::{Load, Sent};
use crate::world::*;

async fn three() -> (TestCluster, Producer) {
    let cluster = TestCluster::builder().memory().brokers(3).name_servers(2).topic("orders", 4);
    let cluster = start(cluster).await;
    let producer = with_defaults(&cluster).start().await.expect("the cluster answers");
    (cluster, producer)
}

/// What callers were told is what brokers hold: every success, and no copy that nobody was told of.
fn assert_holds(cluster: &TestCluster, sent: &[Sent]) {
    let (stored, held) = (sent.iter().filter(|sent| sent.is_ok()).count(), cluster.message_count("orders"));
    let perhaps: usize = sent.iter().map(|sent| sent.failed.len()).sum();
    assert!((stored..=stored + perhaps).contains(&held), "{stored} stored, {perhaps} perhaps, {held} there");
}

#[tokio::test(start_paused = true)]
async fn every_server_is_restarted_in_turn_and_no_send_fails() {
    for moves in [false, true] {
        let (cluster, producer) = three().await;
        let load = Load::start(&producer, 10, milliseconds(50));
        for n in 0..2 {
            cluster.name_server_at(n).kill().await;
            sleep(seconds(10)).await;
            cluster.name_server_at(n).restart().await.expect("in memory");
            sleep(seconds(10)).await;
        }
        for broker in cluster.brokers() {
            broker.kill().await;
            sleep(seconds(10)).await;
            if moves {
                broker.move_to_new_port().await.expect("in memory");
            } else {
                broker.restart().await.expect("in memory");
            }
            sleep(seconds(15)).await;
        }
        let sent = load.end().await;
        assert!(sent.iter().all(Sent::is_ok), "moves: {moves}");
        assert_holds(&cluster, &sent);
        let last: Vec<_> = sent.iter().rev().take(90).collect();
        for broker in cluster.brokers() {
            let share = last.iter().filter(|sent| sent.broker.as_deref() == Ok(broker.name())).count();
            assert!((27..=33).contains(&share), "a third for {}: {share} of 90", broker.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_whole_cluster_was_gone_all_is_well_within_the_pause_between_dials() {
    for moves in [false, true] {
        let (cluster, producer) = three().await;
        let load = Load::start(&producer, 10, milliseconds(200));
        sleep(seconds(5)).await;
        let tasks = producer.tasks();
        for n in 0..2 {
            cluster.name_server_at(n).kill().await;
        }
        for broker in cluster.brokers() {
            broker.kill().await;
        }
        sleep(seconds(40)).await;
        for broker in cluster.brokers() {
            if moves {
                broker.move_to_new_port().await.expect("in memory");
            } else {
                broker.restart().await.expect("in memory");
            }
        }
        for n in 0..2 {
            cluster.name_server_at(n).restart().await.expect("in memory");
        }
        let back = Instant::now();
        sleep(seconds(30)).await;
        let sent = load.end().await;
        let late = sent.iter().filter(|sent| !sent.is_ok()).map(|sent| sent.began).max().expect("there was nobody");
        assert!(late <= back + seconds(12), "moves: {moves}, still failing {:?} after", late - back);
        assert!(sent.iter().filter(|sent| !sent.is_ok()).all(|sent| sent.took <= seconds(3) + milliseconds(2)));
        assert_holds(&cluster, &sent);
        // Both name servers may have been asked meanwhile: the connection that is not needed ends when it has been idle for long enough.
        sleep(seconds(130)).await;
        assert_eq!((producer.in_flight(), producer.tasks()), (0, tasks), "as many tasks as before");
    }
}
