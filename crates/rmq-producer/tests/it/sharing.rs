//! Producers of one client id: what they share, what each has for itself, and who may not join.

use std::future::IntoFuture as _;

use rmq_producer::{
    HeaderEncoding, Outcome, Producer, ProducerBuilder, RemotingConfig, RetryPolicy, SendErrorKind, StartError,
};
use rmq_testkit::{Fault, RequestCode, TestCluster};

use crate::world::*;

const BEAT: RequestCode = RequestCode::HEART_BEAT;
const LEAVE: RequestCode = RequestCode::UNREGISTER_CLIENT;
const ROUTE: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

fn named(cluster: &TestCluster, group: &str) -> ProducerBuilder {
    Producer::builder(group)
        .name_servers(cluster.name_servers())
        .connector(cluster.connector())
        .client_ip([10, 9, 9, 9].into())
        .instance_name("shared")
        .retries(RetryPolicy::none())
}

async fn join(cluster: &TestCluster, group: &str) -> Producer {
    named(cluster, group).start().await.unwrap_or_else(|error| panic!("{group}: {error:?}"))
}

/// The groups that a broker knows, with how many connections it has.
fn known(cluster: &TestCluster, broker: &str) -> (Vec<String>, usize) {
    let broker = cluster.broker(broker);
    (broker.clients().into_iter().flat_map(|client| client.producer_groups).collect(), broker.lines().len())
}

fn nothing_is_left(cluster: &TestCluster) {
    assert!(cluster.clients().is_empty(), "{:?}", cluster.clients());
    assert!(cluster.brokers().iter().all(|broker| broker.lines().is_empty()), "a broker has a connection");
    assert!(cluster.name_server().lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn connections_routes_and_heartbeats_are_shared() {
    let cluster = start(two_brokers()).await;
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    assert_eq!((a.client_id(), b.client_id()), ("10.9.9.9@shared", "10.9.9.9@shared"));
    let asked = cluster.request_count(ROUTE);
    a.send(hello()).await.unwrap();
    b.send(hello()).await.unwrap();
    assert_eq!(cluster.request_count(ROUTE), asked + 1, "one look-up for both");
    settle().await;
    for broker in ["broker-a", "broker-b"] {
        assert_eq!(known(&cluster, broker), (vec!["a".to_owned(), "b".to_owned()], 1));
        assert_eq!(cluster.broker(broker).request_count(BEAT), 1);
    }
    let beat = &cluster.requests(BEAT)[0];
    assert_eq!(
        String::from_utf8_lossy(beat.body()),
        r#"{"clientID":"10.9.9.9@shared","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"a"},{"groupName":"b"}],"withoutSub":false}"#
    );
    tokio::time::sleep(seconds(95)).await;
    assert_eq!(cluster.broker("broker-a").request_count(BEAT), 4, "one for both, every 30 s");
}

#[tokio::test(start_paused = true)]
async fn one_that_joins_is_announced_at_once() {
    let cluster = start(two_brokers()).await;
    let a = join(&cluster, "a").await;
    a.send(hello()).await.unwrap();
    tokio::time::sleep(seconds(10)).await;
    let _b = join(&cluster, "b").await;
    settle().await;
    for broker in ["broker-a", "broker-b"] {
        assert_eq!(known(&cluster, broker), (vec!["a".to_owned(), "b".to_owned()], 1));
        assert_eq!(cluster.broker(broker).request_count(BEAT), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_does_not_touch_the_others_and_the_last_takes_all_along() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    b.send(hello()).await.unwrap();
    settle().await;

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
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    b.send(hello()).await.unwrap();
    settle().await;
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
    let (of_a, of_b, report) = tokio::join!(
        a.send(hello()).timeout(seconds(60)).into_future(),
        b.send(hello()).timeout(seconds(60)).into_future(),
        async {
            settle().await;
            a.shutdown(seconds(1)).await
        }
    );
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
    let (of_a, of_b, report) = tokio::join!(
        a.send(hello()).timeout(seconds(60)).into_future(),
        b.send(hello()).timeout(seconds(60)).into_future(),
        async {
            settle().await;
            a.shutdown(seconds(1)).await
        }
    );
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
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    b.send(hello()).await.unwrap();
    settle().await;
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
    let (a, b) = (join(&cluster, "a").await, join(&cluster, "b").await);
    a.send(hello()).await.unwrap();
    b.send(hello()).await.unwrap();
    settle().await;
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
async fn the_same_group_twice_is_refused_until_the_first_is_gone() {
    let cluster = start(one_broker()).await;
    let first = join(&cluster, "a").await;
    let error = named(&cluster, "a").start().await.unwrap_err();
    assert!(matches!(&error, StartError::GroupTaken { client_id } if &**client_id == "10.9.9.9@shared"), "{error:?}");
    assert!(error.to_string().contains("instance_name"), "{error}");
    first.send(hello()).await.expect("the refusal harmed nobody");
    let _other = join(&cluster, "b").await;
    first.shutdown(seconds(1)).await;
    join(&cluster, "a").await.send(hello()).await.expect("the group is free again");
}

#[tokio::test(start_paused = true)]
async fn who_differs_in_what_is_shared_is_refused_by_the_name_of_the_option() {
    let cluster = start(one_broker()).await;
    let first = join(&cluster, "a").await;
    let other_cluster = start(one_broker()).await;
    let remoting = || {
        let mut config = RemotingConfig::default();
        config.max_in_flight = 7;
        config
    };
    let b = || named(&cluster, "b");
    let cases = [
        ("name_servers", b().name_servers("10.0.0.7:1")),
        ("namespace_v2", b().namespace_v2("n")),
        ("connector", b().connector(other_cluster.connector())),
        ("rpc_hook", b().rpc_hook(Nothing)),
        ("remoting", b().remoting(remoting())),
        ("header_encoding", b().header_encoding(HeaderEncoding::Rocketmq)),
        ("api_timeout", b().api_timeout(seconds(7))),
        ("heartbeat_interval", b().heartbeat_interval(seconds(7))),
        ("heartbeat_v2", b().heartbeat_v2(true)),
        ("route_refresh_interval", b().route_refresh_interval(seconds(7))),
        ("create_topic_key", b().create_topic_key("other")),
        ("default_topic_queue_nums", b().default_topic_queue_nums(7)),
        ("missing_topic_memory", b().missing_topic_memory(seconds(7))),
        ("unused_topic_timeout", b().unused_topic_timeout(seconds(7))),
        ("zone", b().zone("z1")),
        ("zone_mode", b().zone_mode(true)),
        #[cfg(feature = "acl")]
        ("credentials", b().credentials(rmq_producer::Credentials::new("AK", "a secret"))),
        #[cfg(feature = "tls")]
        ("tls", b().tls(rmq_producer::TlsConfig::new().server_name("namesrv"))),
    ];
    for (name, builder) in cases {
        match builder.start().await {
            Err(StartError::OtherSettings { option, client_id }) => {
                assert_eq!((option, &*client_id), (name, "10.9.9.9@shared"));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    first.send(hello()).await.expect("nobody was harmed");
    // What is a producer's own may differ.
    let own = b().send_timeout(seconds(9)).vip_channel(true).namespace("MQ_INST_1").check_name_servers(false);
    own.start().await.expect("none of it is shared");
}

#[cfg(feature = "acl")]
#[tokio::test(start_paused = true)]
async fn who_signs_with_another_secret_is_refused_and_who_signs_with_the_same_is_not() {
    use rmq_producer::Credentials;

    let cluster = start(one_broker()).await;
    let signing = |group, secret| named(&cluster, group).credentials(Credentials::new("AK", secret));
    let _first = signing("a", "canary-1").start().await.unwrap();
    let refused = signing("b", "canary-2").start().await.unwrap_err();
    assert!(matches!(refused, StartError::OtherSettings { option: "credentials", .. }), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("canary"), "{refused:?}");
    signing("b", "canary-1").start().await.expect("they agree");
}

struct Nothing;

impl rmq_producer::RpcHook for Nothing {}

#[tokio::test(start_paused = true)]
async fn clones_of_a_builder_have_the_same_hooks() {
    let cluster = start(one_broker()).await;
    let builder = named(&cluster, "a").rpc_hook(Nothing);
    let mut config = builder.config().clone();
    config.producer_group = "b".to_owned();
    let _a = builder.clone().start().await.unwrap();
    let refused = builder.start().await.unwrap_err();
    assert!(matches!(refused, StartError::GroupTaken { .. }), "the hooks are no obstacle: {refused:?}");
}

#[tokio::test(start_paused = true)]
async fn java_s_default_name_is_shared_with_nobody() {
    let cluster = start(one_broker()).await;
    let one = named(&cluster, "a").instance_name("DEFAULT").start().await.unwrap();
    let other = named(&cluster, "a").instance_name("DEFAULT").start().await.unwrap();
    assert_ne!(one.client_id(), other.client_id());
    let expected = format!("10.9.9.9@{}#", std::process::id());
    assert!(one.client_id().starts_with(&expected), "{}", one.client_id());
    let unit = named(&cluster, "a").unit_name("north").start().await.unwrap();
    assert_eq!(unit.client_id(), "10.9.9.9@shared@north");
}

#[test]
fn each_runtime_has_instances_of_its_own() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (one, other) = (runtime(), runtime());
    let cluster = one.block_on(start(one_broker()));
    let of_one = one.block_on(join(&cluster, "a"));
    one.block_on(async { of_one.send(hello()).await }).unwrap();
    // The same group would be refused in the same instance.
    let cluster_of_other = other.block_on(start(one_broker()));
    let of_other = other.block_on(join(&cluster_of_other, "a"));
    other.block_on(async { of_other.send(hello()).await }).unwrap();
    drop(one);
    other.block_on(async { of_other.send(hello()).await }).expect("a runtime of its own");
    drop(of_one);
    other.block_on(async { of_other.shutdown(seconds(1)).await });
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

#[tokio::test(start_paused = true)]
async fn concurrent_starts_share_one_instance() {
    let cluster = start(two_brokers()).await;
    let before = tasks();
    let starts = (0..50).map(|n| named(&cluster, &format!("g{n:02}")).start().into_future());
    let mut set = tokio::task::JoinSet::new();
    starts.for_each(|start| drop(set.spawn(start)));
    let producers: Vec<Producer> = set.join_all().await.into_iter().map(|started| started.unwrap()).collect();
    assert_eq!(cluster.name_server().lines().len(), 1);
    for producer in &producers {
        producer.send(hello()).await.unwrap();
    }
    settle().await;
    let (groups, lines) = known(&cluster, "broker-a");
    assert_eq!((groups.len(), lines), (50, 1));
    let mut ends = tokio::task::JoinSet::new();
    for producer in producers {
        ends.spawn(async move { producer.shutdown(seconds(5)).await });
    }
    assert!(ends.join_all().await.iter().all(|report| report.unregistered == 2 && report.is_clean()));
    settle().await;
    nothing_is_left(&cluster);
    assert_eq!(tasks(), before);
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
