//! What name servers answer.

use rmq_testkit::{Dialect, RemotingCommand, RequestCode, Route, TestCluster};

use crate::wire::{Peer, send_request};

async fn cluster(dialect: Dialect) -> TestCluster {
    let builder = TestCluster::builder().memory().brokers(2).dialect(dialect).topic("orders", 4);
    builder.start().await.expect("nothing can be taken in memory")
}

async fn text(cluster: &TestCluster, request: &RemotingCommand) -> String {
    let mut peer = Peer::dial(cluster, &cluster.name_servers()).await;
    let answer = peer.ask(request).await.expect("an answer");
    assert!(answer.is_success(), "{answer:?}");
    String::from_utf8(answer.body().to_vec()).expect("text")
}

fn route_request(topic: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", topic)
}

#[tokio::test(start_paused = true)]
async fn number_keys_are_bare_for_old_clients_and_old_servers() {
    for (dialect, version, flag, bare) in [
        (Dialect::V5, 513, None, false),
        (Dialect::V5, 317, None, true),
        (Dialect::V5, 317, Some("TRUE"), false),
        (Dialect::V5, 317, Some("1"), true),
        (Dialect::V4_9, 401, None, false),
        (Dialect::V4_9_3, 513, Some("true"), true),
    ] {
        let cluster = cluster(dialect).await;
        let mut request = route_request("orders");
        request.set_version(version);
        flag.into_iter().for_each(|flag| request.ext_fields_mut().set("acceptStandardJsonOnly", flag));
        let text = text(&cluster, &request).await;
        assert_eq!(text.contains("{0:\"10.0.0.1:10911\"}"), bare, "{dialect:?} {version} {flag:?}: {text}");
        assert_eq!(text.contains("{\"0\":\"10.0.0.1:10911\"}"), !bare, "{text}");
        assert_eq!(text.contains("enableActingMaster"), dialect == Dialect::V5);
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_topics_are_seen_at_the_next_look_up() {
    let cluster = cluster(Dialect::V5).await;
    cluster.set_queues("orders", 8, 2);
    cluster.broker("broker-b").set_perm("orders", 4);
    cluster.set_route_order_conf("orders", Some("broker-a:2;broker-b:2"));
    let route = text(&cluster, &route_request("orders")).await;
    assert!(
        route.contains(r#""brokerName":"broker-a","perm":6,"readQueueNums":8,"topicSysFlag":0,"writeQueueNums":2"#),
        "{route}"
    );
    assert!(route.contains(r#""brokerName":"broker-b","perm":4"#), "{route}");
    assert!(route.contains(r#""orderTopicConf":"broker-a:2;broker-b:2""#), "{route}");
    cluster.delete_topic("orders");
    let mut peer = Peer::dial(&cluster, &cluster.name_servers()).await;
    let answer = peer.ask(&route_request("orders")).await.unwrap();
    assert_eq!(answer.code(), 17);
    assert_eq!(
        answer.remark(),
        Some(
            "No topic route info in name server for the topic: orders\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
        )
    );
}

#[tokio::test(start_paused = true)]
async fn only_brokers_that_got_a_message_have_an_automatic_topic() {
    let cluster = cluster(Dialect::V5).await;
    let broker = cluster.broker("broker-b");
    let mut peer = Peer::to(&cluster, &broker).await;
    assert!(peer.ask(&send_request("fresh", "x").with_field("d", "3")).await.unwrap().is_success());
    let route = text(&cluster, &route_request("fresh")).await;
    assert!(route.contains("broker-b") && !route.contains("broker-a"), "{route}");
    assert!(route.contains("\"writeQueueNums\":3"), "{route}");
    assert_eq!(broker.topic("fresh"), Some((3, 3, 6)));
    assert!(text(&cluster, &route_request("TBW102")).await.contains("\"perm\":7"));
}

#[tokio::test(start_paused = true)]
async fn made_up_routes_replace_the_truth_until_they_are_taken_back() {
    let cluster = cluster(Dialect::V5).await;
    let truth = text(&cluster, &route_request("orders")).await;
    cluster.set_route("orders", Route::new().broker("ghost", [(1, "10.9.9.9:1")]).queues("ghost", 1, 1, 6));
    let scripted = text(&cluster, &route_request("orders")).await;
    assert!(scripted.contains(r#"{"1":"10.9.9.9:1"}"#) && !scripted.contains("broker-a"), "{scripted}");
    cluster.set_route_text("orders", "{not json");
    assert_eq!(text(&cluster, &route_request("orders")).await, "{not json");
    cluster.hide_route("orders");
    let mut peer = Peer::dial(&cluster, &cluster.name_servers()).await;
    assert_eq!(peer.ask(&route_request("orders")).await.unwrap().code(), 17);
    cluster.clear_route("orders");
    assert_eq!(text(&cluster, &route_request("orders")).await, truth);
}

#[tokio::test(start_paused = true)]
async fn cluster_and_topics_are_listed() {
    let cluster = cluster(Dialect::V4_9).await;
    assert_eq!(
        text(&cluster, &RemotingCommand::request(RequestCode::GET_BROKER_CLUSTER_INFO)).await,
        r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster"},"broker-b":{"brokerAddrs":{0:"10.0.0.2:10911"},"brokerName":"broker-b","cluster":"DefaultCluster"}},"clusterAddrTable":{"DefaultCluster":["broker-a","broker-b"]}}"#
    );
    let topics = text(&cluster, &RemotingCommand::request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await;
    assert!(
        topics.starts_with("{\"topicList\":[") && topics.contains("\"TBW102\"") && topics.contains("\"orders\""),
        "{topics}"
    );
}

#[tokio::test(start_paused = true)]
async fn statistics_have_objects_as_keys() {
    let cluster = cluster(Dialect::V5).await;
    let broker = cluster.broker("broker-a");
    broker.create_topic("one", 1);
    let mut peer = Peer::to(&cluster, &broker).await;
    assert!(peer.ask(&send_request("one", "x")).await.unwrap().is_success());
    let request = RemotingCommand::request(RequestCode::GET_TOPIC_STATS_INFO).with_field("topic", "one");
    let answer = peer.ask(&request).await.unwrap();
    let time = cluster.messages("one")[0].store_timestamp;
    assert_eq!(
        String::from_utf8(answer.body().to_vec()).unwrap(),
        format!(
            r#"{{"offsetTable":{{{{"brokerName":"broker-a","queueId":0,"topic":"one"}}:{{"lastUpdateTimestamp":{time},"maxOffset":1,"minOffset":0}}}}}}"#
        )
    );
}
