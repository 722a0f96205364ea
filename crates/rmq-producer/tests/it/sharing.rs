//! Producers of one client id: what they share, what each has for itself, and who may not join.

mod ends;

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
