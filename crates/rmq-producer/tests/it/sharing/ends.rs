//! Producers of one client id that end: one after the other, at once, half-way, while another begins.

use std::future::IntoFuture as _;

use rmq_producer::{SendError, SendResult, ShutdownReport};

use super::*;

/// Producers of groups `a` and `b` whose brokers know them.
async fn two_that_send(cluster: &TestCluster) -> (Producer, Producer) {
    let (a, b) = (join(cluster, "a").await, join(cluster, "b").await);
    a.send(hello()).await.expect("stored");
    b.send(hello()).await.expect("stored");
    settle().await;
    (a, b)
}

/// The ends of a send of each, and what the first one says of its own end, for which it has a second.
async fn end_while_both_send(
    ends: &Producer,
    stays: &Producer,
) -> (Result<SendResult, SendError>, Result<SendResult, SendError>, ShutdownReport) {
    tokio::join!(
        ends.send(hello()).timeout(seconds(60)).into_future(),
        stays.send(hello()).timeout(seconds(60)).into_future(),
        async {
            settle().await;
            ends.shutdown(seconds(1)).await
        }
    )
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_does_not_touch_the_others_and_the_last_takes_all_along() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let (a, b) = two_that_send(&cluster).await;

    let report = a.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (0, 2, 0));
    assert!(report.took < milliseconds(50), "{report:?}");
    assert_eq!((a.tasks(), a.send(hello()).await.unwrap_err().kind()), (0, SendErrorKind::Closed));
    assert_eq!(b.tasks(), 3 + 3, "routes, heartbeats, probes; a name server and two brokers");
    for broker in ["broker-a", "broker-b"] {
        assert_eq!(known(&cluster, broker), (vec!["b".to_owned()], 1));
    }
    let leave = &cluster.requests(LEAVE)[0];
    assert_eq!((leave.field("clientID"), leave.field("producerGroup")), (Some("10.9.9.9@shared"), Some("a")));
    b.send(hello()).await.expect("as if nothing had been");
    tokio::time::sleep(seconds(200)).await;
    assert_eq!(known(&cluster, "broker-a"), (vec!["b".to_owned()], 1), "nobody was forgotten, nobody came back");
    b.send(hello()).await.unwrap();

    let report = b.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, report.unregistered, report.not_unregistered), (0, 2, 0));
    settle().await;
    nothing_is_left(&cluster);
    assert_eq!((b.tasks(), tasks()), (0, before));
    assert_eq!(cluster.messages("orders").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn both_may_end_at_the_same_time() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let (a, b) = two_that_send(&cluster).await;
    let (one, other) = tokio::join!(a.shutdown(seconds(5)), b.shutdown(seconds(5)));
    assert_eq!((one.unregistered, other.unregistered), (2, 2));
    settle().await;
    nothing_is_left(&cluster);
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn sends_of_one_that_ends_are_cut_off_and_those_of_its_siblings_go_on() {
    let cluster = start(one_broker()).await;
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(20)));
    let spawned = a.enqueue(hello()).timeout(seconds(60)).await.unwrap();
    let (of_a, of_b, report) = end_while_both_send(&a, &b).await;
    let error = of_a.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::ConnectionLost, Outcome::MaybeStored));
    assert!(error.elapsed() < seconds(2), "{error:?}");
    assert!(spawned.await.unwrap_err().possibly_stored());
    of_b.expect("its own time is not over");
    assert_eq!((report.unfinished, report.not_sent, report.maybe_stored), (2, 0, 2));
    assert_eq!((a.in_flight(), a.tasks()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_looks_for_its_route_ends_unsent_with_its_producer_and_not_with_a_sibling() {
    let cluster = start(one_broker()).await;
    let slow = |group| named(&cluster, group).api_timeout(seconds(50)).start();
    let (a, b) = (slow("a").await.unwrap(), slow("b").await.unwrap());
    cluster.name_server().on(ROUTE, Fault::delay(seconds(10)));
    let (of_a, of_b, report) = end_while_both_send(&a, &b).await;
    let error = of_a.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Closed, Outcome::NotSent));
    assert_eq!((report.unfinished, report.not_sent, report.maybe_stored), (1, 1, 0));
    of_b.expect("the look-up went on");
}

#[tokio::test(start_paused = true)]
async fn oneway_sends_are_cut_off_too() {
    let cluster = start(one_broker()).await;
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    cluster.broker("broker-a").kill().await;
    cluster.broker("broker-a").hang_dials();
    let (of_a, report) = tokio::join!(a.send_oneway(hello()).timeout(seconds(60)).into_future(), async {
        settle().await;
        a.shutdown(seconds(1)).await
    });
    assert_eq!(of_a.unwrap_err().outcome(), Outcome::NotSent);
    assert_eq!(report.unfinished, 1);
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_dropped_leaves_its_siblings_alone_and_brokers_hear_of_it() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let (a, b) = two_that_send(&cluster).await;
    drop(a);
    settle().await;
    for broker in ["broker-a", "broker-b"] {
        assert_eq!(known(&cluster, broker), (vec!["b".to_owned()], 1), "no shutdown, and told all the same");
    }
    b.send(hello()).await.unwrap();
    drop(b);
    settle().await;
    nothing_is_left(&cluster);
    assert_eq!(tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn who_could_not_be_told_of_a_leave_is_told_later() {
    let cluster = start(two_brokers()).await;
    let (a, b) = two_that_send(&cluster).await;
    cluster.broker("broker-a").on(LEAVE, Fault::silent().times(1));
    let report = a.shutdown(milliseconds(500)).await;
    assert_eq!((report.unregistered, report.not_unregistered), (1, 1));
    tokio::time::sleep(seconds(34)).await;
    assert_eq!(known(&cluster, "broker-a"), (vec!["b".to_owned()], 1), "else the broker would close the connection");
    tokio::time::sleep(seconds(200)).await;
    b.send(hello()).await.unwrap();
    assert_eq!(known(&cluster, "broker-a"), (vec!["b".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn who_joins_while_the_last_one_ends_gets_a_fresh_instance() {
    for pause_ms in 0..4_u64 {
        let cluster = start(two_brokers()).await;
        let a = join(&cluster, "a").await;
        a.send(hello()).await.unwrap();
        settle().await;
        // The leave takes a second.
        cluster.broker("broker-a").on(LEAVE, Fault::delay(seconds(1)).times(1));
        let group = if pause_ms % 2 == 0 { "a" } else { "b" };
        let (report, fresh) = tokio::join!(a.shutdown(seconds(5)), async {
            tokio::time::sleep(milliseconds(pause_ms)).await;
            let fresh = join(&cluster, group).await;
            fresh.send(hello()).await.expect("it lives");
            fresh
        });
        assert_eq!((report.unregistered, report.not_unregistered), (2, 0));
        settle().await;
        assert_eq!(known(&cluster, "broker-a"), (vec![group.to_owned()], 1));
        assert!(fresh.shutdown(seconds(5)).await.is_clean());
        settle().await;
        nothing_is_left(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn who_joins_while_one_of_its_group_ends_waits_for_it() {
    let cluster = start(one_broker()).await;
    let (a, _b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    settle().await;
    cluster.on(LEAVE, &Fault::delay(seconds(1)).times(1));
    let begun = tokio::time::Instant::now();
    let (_, again) = tokio::join!(a.shutdown(seconds(5)), async {
        settle().await;
        let again = join(&cluster, "a").await;
        assert!(begun.elapsed() >= seconds(1), "{:?}", begun.elapsed());
        again
    });
    settle().await;
    assert_eq!(known(&cluster, "broker-a"), (vec!["a".to_owned(), "b".to_owned()], 1));
    again.send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_long_end_longer_than_for_a_request() {
    let cluster = start(one_broker()).await;
    let a = join(&cluster, "a").await;
    a.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(8)).times(1));
    let (sent, report, ()) = tokio::join!(
        a.send(hello()).timeout(seconds(60)).into_future(),
        async {
            settle().await;
            a.shutdown(seconds(60)).await
        },
        async {
            tokio::time::sleep(seconds(1)).await;
            let begun = tokio::time::Instant::now();
            let error = named(&cluster, "a").start().await.unwrap_err();
            assert!(matches!(error, StartError::StillEnding { .. }), "{error:?}");
            assert_eq!(begun.elapsed(), seconds(3));
            let other = join(&cluster, "b").await;
            other.send(hello()).await.expect("another group need not wait");
        }
    );
    sent.expect("it was in time");
    assert!(report.is_clean(), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_is_dropped_half_way_bars_nobody() {
    let cluster = start(one_broker()).await;
    let a = join(&cluster, "a").await;
    a.send(hello()).await.unwrap();
    settle().await;
    cluster.on(LEAVE, &Fault::silent());
    let given_up = tokio::time::timeout(milliseconds(100), a.shutdown(seconds(50))).await;
    assert!(given_up.is_err());
    let fresh = join(&cluster, "a").await;
    fresh.send(hello()).await.expect("a fresh instance");
    cluster.clear_faults();
    let report = a.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, a.tasks()), (0, 0));
    fresh.send(hello()).await.expect("not touched by the end of the other");
}

/// Starts and ends on two threads, six at a time under four groups: each start gets an instance that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_gets_a_dead_instance() {
    let cluster = start(TestCluster::builder().topic("orders", 4)).await;
    let mut set = tokio::task::JoinSet::new();
    for n in 0..6 {
        let builder = Producer::builder(format!("g{}", n % 4))
            .name_servers(cluster.name_servers())
            .client_ip([10, 9, 9, 9].into())
            .instance_name("busy")
            .api_timeout(seconds(60)) // the clock is real, and the machine may be busy
            .send_timeout(seconds(60));
        set.spawn(async move {
            let mut lives = 0;
            while lives < 50 {
                let producer = match builder.clone().start().await {
                    Ok(producer) => producer,
                    Err(StartError::GroupTaken { .. }) => {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Err(error) => panic!("{n} {lives}: {error:?}"),
                };
                lives += 1;
                producer.send(hello()).await.unwrap_or_else(|error| panic!("{n} {lives}: {error:?}"));
                if lives % 3 == 0 {
                    drop(producer);
                } else {
                    producer.shutdown(seconds(60)).await;
                }
            }
        });
    }
    set.join_all().await;
    // Sockets that were left to a drop close by themselves.
    while !cluster.clients().is_empty() || !cluster.broker("broker-a").lines().is_empty() {
        tokio::task::yield_now().await;
    }
    cluster.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_is_dropped_at_any_poll_leaves_its_sibling_alone_and_can_be_taken_up_again() {
    let mut most = 0;
    for polls in 1.. {
        let none = tasks();
        let cluster = start(two_brokers()).await;
        let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
        a.send(hello()).await.unwrap();
        b.send(hello()).await.unwrap();
        settle().await;
        // A send that outlives the grace, so that the drain is dropped too.
        cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent().times(1));
        let (sent, done) = tokio::join!(a.send(hello()).timeout(seconds(60)).into_future(), async {
            settle().await;
            cluster.clear_faults();
            let done = stop_after(polls, a.shutdown(seconds(1))).await.is_some();
            b.send(hello()).await.expect("not touched");
            assert_eq!(a.send(hello()).await.unwrap_err().kind(), SendErrorKind::Closed);
            assert_eq!(a.shutdown(seconds(1)).await.unfinished, 1, "after {polls} polls");
            done
        });
        assert!(sent.unwrap_err().possibly_stored(), "after {polls} polls");
        settle().await;
        for broker in ["broker-a", "broker-b"] {
            assert_eq!(known(&cluster, broker), (vec!["b".to_owned()], 1), "after {polls} polls");
        }
        let again = join(&cluster, "a").await;
        again.send(hello()).await.expect("the group is free again");
        assert_eq!((a.in_flight(), a.tasks()), (0, 0), "after {polls} polls");
        drop((again, b));
        settle().await;
        nothing_is_left(&cluster);
        cluster.shutdown().await;
        settle().await;
        assert_eq!(tasks(), none, "after {polls} polls");
        if done {
            break;
        }
        most = polls;
    }
    assert!(most > 2, "{most}");
}
