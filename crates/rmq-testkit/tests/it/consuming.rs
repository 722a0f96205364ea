//! What consumers and long-lived clients need.

use std::time::Duration;

use rmq_testkit::{Broker, PushError, RemotingCommand, RequestCode, ResponseCode, TestCluster};
use tokio::time::Instant;

use crate::stored;
use crate::wire::{Peer, send_request};

async fn cluster() -> (TestCluster, Broker) {
    let cluster =
        TestCluster::builder().memory().topic("orders", 2).start().await.expect("nothing can be taken in memory");
    let broker = cluster.broker("broker-a");
    (cluster, broker)
}

fn heartbeat(client_id: &str, producers: &[&str], consumers: &[&str]) -> RemotingCommand {
    let producers: Vec<String> = producers.iter().map(|group| format!("{{\"groupName\":\"{group}\"}}")).collect();
    let consumers: Vec<String> = consumers
        .iter()
        .map(|group| {
            format!(
                "{{\"groupName\":\"{group}\",\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\",\
                 \"subscriptionDataSet\":[{{\"topic\":\"orders\",\"subString\":\"a || b\",\"subVersion\":5,\"expressionType\":\"TAG\"}}]}}"
            )
        })
        .collect();
    RemotingCommand::request(RequestCode::HEART_BEAT).with_body(format!(
        "{{\"clientID\":\"{client_id}\",\"producerDataSet\":[{}],\"consumerDataSet\":[{}]}}",
        producers.join(","),
        consumers.join(",")
    ))
}

fn pull(offset: i64, sys_flag: i32, suspend: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::PULL_MESSAGE)
        .with_field("consumerGroup", "cg")
        .with_field("topic", "orders")
        .with_field("queueId", "0")
        .with_field("queueOffset", offset.to_string())
        .with_field("maxMsgNums", "32")
        .with_field("sysFlag", sys_flag.to_string())
        .with_field("commitOffset", "0")
        .with_field("suspendTimeoutMillis", suspend)
        .with_field("subscription", "*")
        .with_field("subVersion", "0")
}

fn tagged(tag: &str, body: &'static str) -> RemotingCommand {
    send_request("orders", body).with_field("i", format!("TAGS\u{1}{tag}\u{2}UNIQ_KEY\u{1}A\u{2}"))
}

#[tokio::test(start_paused = true)]
async fn heartbeats_make_clients_known_until_they_leave() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    let answer = peer.ask(&heartbeat("c1", &["pg", "CLIENT_INNER_PRODUCER"], &[])).await.unwrap();
    assert_eq!((answer.field("IS_SUPPORT_HEART_BEAT_V2"), answer.field("IS_SUB_CHANGE")), (Some("true"), Some("true")));
    peer.ask(&heartbeat("c1", &["pg"], &[])).await.unwrap();
    let seen = &cluster.clients()[0];
    assert_eq!((seen.client_id.as_str(), seen.heartbeats, &*seen.broker), ("c1", 2, "broker-a"));
    assert_eq!(seen.producer_groups, ["CLIENT_INNER_PRODUCER", "pg"]);
    let leave = |group: &str| {
        RemotingCommand::request(RequestCode::UNREGISTER_CLIENT)
            .with_field("clientID", "c1")
            .with_field("producerGroup", group)
    };
    assert!(peer.ask(&leave("pg")).await.unwrap().is_success());
    assert_eq!(cluster.clients().len(), 1);
    peer.ask(&leave("CLIENT_INNER_PRODUCER")).await.unwrap();
    assert!(cluster.clients().is_empty());
    peer.ask(&heartbeat("c1", &["pg"], &[])).await.unwrap();
    drop(peer);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(cluster.clients().is_empty(), "a client goes with its connection");
}

#[tokio::test(start_paused = true)]
async fn bad_heartbeats_are_refused_and_the_line_stays() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    for body in ["", "[", r#"{"producerDataSet":[{"groupName":"g"}]}"#, r#"{"clientID":"c","producerDataSet":[{}]}"#] {
        let answer = peer.ask(&RemotingCommand::request(RequestCode::HEART_BEAT).with_body(body)).await.unwrap();
        assert_eq!(answer.code(), 1, "{body}");
    }
    assert!(peer.ask(&RemotingCommand::request(RequestCode::HEART_BEAT).with_body("{}")).await.unwrap().is_success());
    assert!(cluster.clients().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_without_heartbeats_loses_its_connection_whatever_else_it_does() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    peer.ask(&heartbeat("c1", &["pg"], &[])).await.unwrap();
    let start = Instant::now();
    while peer.ask(&send_request("orders", "x")).await.is_ok() {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert!((120..=136).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_idle_for_two_minutes_is_closed() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    let start = Instant::now();
    assert_eq!(peer.receive().await.unwrap_err(), "end after 0 bytes");
    assert!((120..=121).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn members_of_a_consumer_group_hear_of_each_other() {
    let (cluster, broker) = cluster().await;
    let mut first = Peer::to(&cluster, &broker).await;
    let mut second = Peer::to(&cluster, &broker).await;
    first.send(&heartbeat("c1", &[], &["cg"])).await;
    let heard = [first.receive().await.unwrap(), first.receive().await.unwrap()];
    let notice = heard.iter().find(|command| !command.is_response()).expect("a notice");
    assert_eq!((notice.request_code(), notice.is_oneway()), (RequestCode::NOTIFY_CONSUMER_IDS_CHANGED, true));
    assert_eq!(notice.field("consumerGroup"), Some("cg"));
    second.send(&heartbeat("c2", &[], &["cg"])).await;
    assert!(!first.receive().await.unwrap().is_response(), "another notice");
    let list = RemotingCommand::request(RequestCode::GET_CONSUMER_LIST_BY_GROUP).with_field("consumerGroup", "cg");
    let answer = first.ask(&list).await.unwrap();
    assert_eq!(&answer.body()[..], br#"{"consumerIdList":["c1","c2"]}"#);
    drop(second);
    assert!(!first.receive().await.unwrap().is_response(), "a notice of who has gone");
    assert_eq!(&first.ask(&list).await.unwrap().body()[..], br#"{"consumerIdList":["c1"]}"#);
    assert_eq!(broker.topic("%RETRY%cg"), Some((1, 1, 6)));
    let nobody = RemotingCommand::request(RequestCode::GET_CONSUMER_LIST_BY_GROUP).with_field("consumerGroup", "x");
    let answer = first.ask(&nobody).await.unwrap();
    assert_eq!((answer.code(), answer.remark()), (1, Some("no consumer for this group, x")));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_pull_wakes_with_the_message_or_ends_with_its_time() {
    let (cluster, broker) = cluster().await;
    let mut consumer = Peer::to(&cluster, &broker).await;
    let mut producer = Peer::to(&cluster, &broker).await;
    let start = Instant::now();
    consumer.send(&pull(0, 6, "15000")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    producer.ask(&send_request("orders", "hello")).await.unwrap();
    let answer = consumer.receive().await.unwrap();
    assert_eq!((start.elapsed().as_secs(), answer.code(), answer.remark()), (3, 0, Some("FOUND")));
    assert_eq!(stored::read_all(answer.body())[0].body, b"hello");
    assert_eq!(answer.field("nextBeginOffset"), Some("1"));
    let answer = consumer.ask(&pull(1, 6, "15000")).await.unwrap();
    assert_eq!((start.elapsed().as_secs(), answer.code()), (18, 19));
    let answer = consumer.ask(&pull(1, 4, "15000")).await.unwrap();
    assert_eq!((start.elapsed().as_secs(), answer.code()), (18, 19), "it did not ask to be suspended");
    let answer = consumer.ask(&pull(9, 6, "15000")).await.unwrap();
    assert_eq!((answer.response_code(), answer.field("nextBeginOffset")), (ResponseCode::PULL_OFFSET_MOVED, Some("1")));
    let answer = consumer.ask(&pull(1, 6, &i64::MAX.to_string()).with_field("queueId", "1")).await.unwrap();
    assert_eq!(answer.code(), 21, "offset 1 of an empty queue");
}

#[tokio::test(start_paused = true)]
async fn subscriptions_of_heartbeats_filter_by_tag() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    for (tag, body) in [("a", "1"), ("c", "2"), ("b", "3"), ("c", "4")] {
        peer.ask(&tagged(tag, body)).await.unwrap();
    }
    assert_eq!(peer.ask(&pull(0, 0, "0")).await.unwrap().code(), 24);
    let mut consumer = Peer::to(&cluster, &broker).await;
    consumer.send(&heartbeat("c1", &[], &["cg"])).await;
    for _ in 0..2 {
        consumer.receive().await.unwrap(); // the answer and a notice
    }
    let answer = peer.ask(&pull(0, 0, "0")).await.unwrap();
    let bodies: Vec<Vec<u8>> = stored::read_all(answer.body()).into_iter().map(|message| message.body).collect();
    assert_eq!((bodies, answer.field("nextBeginOffset")), (vec![b"1".to_vec(), b"3".to_vec()], Some("4")));
    let none = peer.ask(&pull(3, 0, "0")).await.unwrap();
    assert_eq!(
        (none.response_code(), none.field("nextBeginOffset")),
        (ResponseCode::PULL_RETRY_IMMEDIATELY, Some("4"))
    );
    assert_eq!(peer.ask(&pull(0, 0, "0").with_field("subVersion", "6")).await.unwrap().code(), 25);
    let sql = pull(0, 4, "0").with_field("expressionType", "SQL92").with_field("subscription", "a > 1");
    assert_eq!(peer.ask(&sql).await.unwrap().code(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pull_brings_at_most_32_messages_and_256_kib() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    for _ in 0..40 {
        peer.ask(&send_request("orders", "x")).await.unwrap();
    }
    assert_eq!(stored::read_all(peer.ask(&pull(0, 4, "0")).await.unwrap().body()).len(), 32);
    for _ in 0..3 {
        peer.ask(&send_request("orders", "").with_field("e", "1").with_body(vec![1_u8; 200_000])).await.unwrap();
    }
    let large = pull(0, 4, "0").with_field("queueId", "1");
    assert_eq!(stored::read_all(peer.ask(&large).await.unwrap().body()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn consumer_offsets_start_at_zero_where_the_first_message_is_still_there() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    let with_queue = |code, queue: &str| {
        RemotingCommand::request(code)
            .with_field("consumerGroup", "cg")
            .with_field("topic", "orders")
            .with_field("queueId", queue)
    };
    let query = |queue| with_queue(RequestCode::QUERY_CONSUMER_OFFSET, queue);
    peer.ask(&send_request("orders", "x")).await.unwrap();
    assert_eq!(peer.ask(&query("0")).await.unwrap().field("offset"), Some("0"));
    assert_eq!(peer.ask(&query("0").with_field("setZeroIfNotFound", "false")).await.unwrap().code(), 22);
    assert_eq!(peer.ask(&query("1")).await.unwrap().code(), 22, "an empty queue of 5.x");
    let update = with_queue(RequestCode::UPDATE_CONSUMER_OFFSET, "0").with_field("commitOffset", "7");
    assert!(peer.ask(&update).await.unwrap().is_success());
    assert_eq!(peer.ask(&query("0")).await.unwrap().field("offset"), Some("7"));
    assert_eq!(broker.consumer_offset("cg", "orders", 0), Some(7));
    peer.ask(&pull(0, 5, "0").with_field("commitOffset", "9")).await.unwrap();
    assert_eq!(broker.consumer_offset("cg", "orders", 0), Some(9), "a pull commits too");
}

#[tokio::test(start_paused = true)]
async fn queues_are_locked_for_one_consumer() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    let ask = |code, client: &str| {
        RemotingCommand::request(code).with_body(format!(
            r#"{{"clientId":"{client}","consumerGroup":"cg","mqSet":[{{"brokerName":"broker-a","queueId":0,"topic":"orders"}}]}}"#
        ))
    };
    let locked = peer.ask(&ask(RequestCode::LOCK_BATCH_MQ, "c1")).await.unwrap();
    assert_eq!(&locked.body()[..], br#"{"lockOKMQSet":[{"brokerName":"broker-a","queueId":0,"topic":"orders"}]}"#);
    let held = peer.ask(&ask(RequestCode::LOCK_BATCH_MQ, "c2")).await.unwrap();
    assert_eq!(&held.body()[..], br#"{"lockOKMQSet":[]}"#);
    assert!(peer.ask(&ask(RequestCode::UNLOCK_BATCH_MQ, "c1")).await.unwrap().is_success());
    assert_ne!(peer.ask(&ask(RequestCode::LOCK_BATCH_MQ, "c2")).await.unwrap().body(), held.body());
    let nonsense = RemotingCommand::request(RequestCode::LOCK_BATCH_MQ).with_body("{");
    assert_eq!(peer.ask(&nonsense).await.unwrap().code(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_can_ask_its_clients() {
    let (cluster, broker) = cluster().await;
    let mut peer = Peer::to(&cluster, &broker).await;
    peer.ask(&heartbeat("c1", &["pg"], &[])).await.unwrap();
    let question = RemotingCommand::request(RequestCode::GET_CONSUMER_RUNNING_INFO);
    let client = async {
        let asked = peer.receive().await.unwrap();
        peer.send(&asked.response_to(ResponseCode(4711))).await;
    };
    let (answer, ()) = tokio::join!(broker.push("c1", question.clone()), client);
    assert_eq!(answer.unwrap().unwrap().code(), 4711);
    let mut oneway = question.clone();
    oneway.mark_oneway();
    assert!(broker.push("c1", oneway).await.unwrap().is_none());
    assert!(peer.receive().await.unwrap().is_oneway());
    assert!(matches!(broker.push("nobody", question.clone()).await, Err(PushError::UnknownClient { .. })));
    let start = Instant::now();
    assert!(matches!(broker.push("c1", question).await, Err(PushError::Connection(_))), "it never answers");
    assert_eq!(start.elapsed().as_secs(), 10);
}
