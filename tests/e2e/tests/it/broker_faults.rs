//! A broker that is suspended or killed in the middle of a load: no send fails, nothing that was confirmed is lost, and no copy is
//! there that no caller was told of.
//!
//! The number of sends is small where tests run every day, and each has the time that a busy machine needs; `RMQ_FAULT_SENDS=60000`
//! makes it the full load on real brokers, all with the defaults.

#![allow(clippy::print_stdout, reason = "what the fault cost, shown with --nocapture")]

mod load;

use std::env;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::Producer;
use serde_json::json;

use self::load::{IN_FLIGHT, Load};
use crate::ledger::{Ledger, Sent, Tally};
use crate::place::{Place, eventually, everywhere_alone, in_real_places_alone};
use crate::stored::Stored;

#[test]
fn no_send_fails_nothing_is_lost_and_every_copy_was_told_of_when_a_broker_is_suspended_or_killed() {
    let two_brokers = |_| ClusterSpec::brokers(2);
    let runs = async |place: &Place| {
        warm_up(place).await;
        for fault in [Fault::Suspended, Fault::Killed] {
            let (_, undisturbed) = run(place, Fault::None).await;
            let (tally, disturbed) = run(place, fault).await;
            assert!(tally.failed_attempts_on(BROKER) > 0, "the fault hit no send: {tally:?}");
            // Who has begun before the first time-outs is hit; who begins afterwards goes elsewhere at once.
            assert!(tally.failed_attempts_on(BROKER) <= 4 * IN_FLIGHT, "it was not set aside: {tally:?}");
            if Load::is_full() {
                println!("{fault:?}: {:.2} of the {undisturbed:.2} s without", disturbed / undisturbed);
                report(place, fault, &tally, undisturbed, disturbed);
            }
        }
    };
    if Load::is_full() { in_real_places_alone(two_brokers, runs) } else { everywhere_alone(two_brokers, runs) }
}

/// Appends the figures of one run to the file that `cargo xtask bench --faults` names, as a line of JSON.
fn report(place: &Place, fault: Fault, tally: &Tally, undisturbed: f64, disturbed: f64) {
    let Some(file) = env::var_os("RMQ_FAULT_REPORT") else { return };
    let line = json!({
        "place": place.to_string(),
        "fault": format!("{fault:?}"),
        "sends": tally.sends,
        "undisturbedSeconds": undisturbed,
        "seconds": disturbed,
        "failedSends": tally.failed,
        "failedAttempts": tally.failed_attempts,
        "maybeStored": tally.maybe_stored,
        "extraCopies": tally.extra_copies,
        "longestSendMillis": u64::try_from(tally.longest_send_millis).expect("less than an age"),
    });
    let file = File::options().create(true).append(true).open(&file);
    writeln!(file.expect("the report can be written"), "{line}").expect("the disk has room");
}

/// What happens to the broker when half of the sends are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// SIGSTOP; SIGCONT when the load is over.
    Suspended,
    /// SIGKILL; started again on the same store when the load is over.
    Killed,
}

/// Sends with patience, until the servers' JVMs have loaded and compiled what a load needs: on a busy machine that takes seconds.
async fn warm_up(place: &Place) {
    let topic = place.topic("warm-up", 4).await;
    let producer = place.producer().await;
    let (outcomes, _) = Load::new(&topic).run(&producer, async {}).await;
    assert!(outcomes.iter().all(Result::is_ok));
}

/// Sends everything, breaks the broker half-way, mends it at the end, and compares what callers were told with what is stored.
/// Returns the seconds that the load took, too.
async fn run(place: &Place, fault: Fault) -> (Tally, f64) {
    let topic = place.topic("faults", 4).await;
    let builder = if Load::is_full() { place.builder_with_defaults() } else { place.builder().send_timeout(PATIENCE) };
    let producer = builder.start().await.expect("the name server answers");
    let load = Load::new(&topic);
    let breaking = async {
        match fault {
            Fault::None => {}
            Fault::Suspended => place.suspend_broker(BROKER),
            Fault::Killed => place.kill_broker(BROKER).await,
        }
    };
    let (mut outcomes, seconds) = load.run(&producer, breaking).await;
    match fault {
        Fault::None => {}
        // The producer stays, so that its connection brings all that has piled up in it.
        Fault::Suspended => {
            place.resume_broker(BROKER);
            outcomes.extend(sends_until_it_takes_part_again(&producer, &load).await);
        }
        Fault::Killed => place.restart_broker(BROKER).await,
    }
    let ledger = Ledger::of(outcomes);
    let stored = read_at_rest(place, &topic, ledger.confirmed(), fault).await;
    let tally = ledger.compare(&stored);
    println!("{fault:?}: {seconds:.2} s, {tally:?}");
    assert!(tally.copies >= load.sends(), "the read-back is not empty: {tally:?}");
    assert_eq!(tally.failed, 0, "{fault:?}: {:?}", ledger.first_failure());
    let report = producer.shutdown(Duration::from_secs(60)).await;
    assert_eq!((producer.in_flight(), report.unfinished), (0, 0));
    (tally, seconds)
}

/// A probe tells that the broker answers again, and then it has its share.
async fn sends_until_it_takes_part_again(producer: &Producer, load: &Load) -> Vec<Sent> {
    let mut all = Vec::new();
    eventually("the broker takes part again", async || {
        let sent = producer.send(load.message(load.sends() + all.len())).await;
        let is_there = sent.as_ref().is_ok_and(|result| &**result.queue().broker_name() == BROKER);
        all.push(sent);
        is_there
    })
    .await;
    all
}

/// Everything that is stored, once nothing more arrives: a broker that goes on stores what has piled up before it.
async fn read_at_rest(place: &Place, topic: &str, least: usize, fault: Fault) -> Vec<Stored> {
    let mut stored = place.read(topic, least).await;
    if fault == Fault::Suspended {
        eventually("nothing more is stored", async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let before = std::mem::replace(&mut stored, place.read(topic, least).await);
            before.len() == stored.len()
        })
        .await;
    }
    stored
}

/// For one send. A stopped broker costs a third of it, whatever the machine is busy with.
const PATIENCE: Duration = Duration::from_secs(12);
/// The broker to which it happens.
const BROKER: &str = "broker-a";
