//! What brokers ask a producer: who answers, what, and how a flood is met.

use rmq_producer::{Producer, RemotingConfig};
use rmq_testkit::{RemotingCommand, RequestCode, ResponseCode, TestCluster};

use crate::world::*;

async fn known_producer(cluster: &TestCluster) -> Producer {
    let producer = producer(cluster).await;
    producer.send(hello()).await.expect("it is stored");
    settle().await;
    producer
}

fn oneway(code: RequestCode) -> RemotingCommand {
    let mut request = RemotingCommand::request(code);
    request.mark_oneway();
    request
}

#[tokio::test(start_paused = true)]
async fn each_code_gets_the_answer_of_java_s_producer() {
    let cluster = start(one_broker()).await;
    let producer = known_producer(&cluster).await;
    let broker = cluster.broker("broker-a");
    let ask = async |request: RemotingCommand| broker.push(producer.client_id(), request).await.unwrap().unwrap();

    let status = ask(RemotingCommand::request(RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT)
        .with_field("topic", "orders")
        .with_field("group", "cg"))
    .await;
    assert_eq!(status.response_code(), ResponseCode::SUCCESS);
    assert_eq!(&status.body()[..], br#"{"consumerTable":{},"messageQueueTable":{}}"#);

    for code in [RequestCode::GET_CONSUMER_RUNNING_INFO, RequestCode::CONSUME_MESSAGE_DIRECTLY] {
        let answer = ask(RemotingCommand::request(code).with_field("consumerGroup", "cg")).await;
        assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR);
        assert_eq!(answer.remark(), Some("The Consumer Group <cg> not exist in this consumer"));
    }

    let reply = RemotingCommand::request(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT).with_body("late");
    let unreadable = ask(reply.clone()).await;
    assert_eq!(unreadable.response_code(), ResponseCode::SYSTEM_ERROR);
    let fields = [
        ("producerGroup", "replier"),
        ("topic", "DefaultCluster_REPLY_TOPIC"),
        ("defaultTopic", "TBW102"),
        ("defaultTopicQueueNums", "4"),
        ("queueId", "0"),
        ("sysFlag", "0"),
        ("bornTimestamp", "1"),
        ("flag", "0"),
        ("properties", "CORRELATION_ID\u{1}unknown\u{2}"),
        ("bornHost", "10.0.0.7:1"),
        ("storeHost", "10.0.0.1:10911"),
        ("storeTimestamp", "2"),
    ];
    let unknown = ask(fields.into_iter().fold(reply, |reply, (name, value)| reply.with_field(name, value))).await;
    assert_eq!((unknown.response_code(), unknown.remark()), (ResponseCode::SUCCESS, None));

    let foreign = ask(RemotingCommand::request(RequestCode(4_711))).await;
    assert_eq!(foreign.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    assert!(foreign.remark().is_some_and(|remark| remark.contains("4711")), "{foreign:?}");

    for code in [
        RequestCode::CHECK_TRANSACTION_STATE,
        RequestCode::NOTIFY_CONSUMER_IDS_CHANGED,
        RequestCode::RESET_CONSUMER_CLIENT_OFFSET,
    ] {
        broker.push(producer.client_id(), oneway(code)).await.unwrap();
    }
    settle().await;
    let counted = producer.metrics().server_requests;
    assert_eq!((counted.for_consumers, counted.unknown, counted.malformed), (5, 1, 2), "{counted:?}");
    assert_eq!((counted.replies, counted.replies_unmatched), (0, 1));
    assert_eq!((counted.checks, counted.checks_ignored, counted.refused), (0, 0, 0));
    producer.send(hello()).await.expect("none of them did any harm");
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded_and_counted_and_holds_up_no_answer() {
    let cluster = start(one_broker()).await;
    let mut remoting = RemotingConfig::default();
    remoting.max_serving = 4;
    let producer = builder(&cluster).remoting(remoting).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    settle().await;
    let broker = cluster.broker("broker-a");
    let before = producer.tasks();
    // All of them in one piece, so that none is done before the last is read.
    let mut flood = Vec::new();
    for _ in 0..5_000 {
        flood.extend(frame(&oneway(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED)));
    }
    broker.lines()[0].inject(&flood).await.unwrap();
    let begun = tokio::time::Instant::now();
    producer.send(hello()).await.expect("answers pass");
    settle().await;
    assert!(begun.elapsed() < milliseconds(10), "{:?}", begun.elapsed());
    let counted = producer.metrics().server_requests;
    assert_eq!(counted.for_consumers + counted.refused, 5_000, "{counted:?}");
    assert!(counted.refused > 0 && counted.for_consumers >= 4, "{counted:?}");
    assert_eq!(producer.tasks(), before, "nothing is left of it");
}

/// The bytes of a request with a short header.
fn frame(request: &RemotingCommand) -> Vec<u8> {
    let flag = if request.is_oneway() { 2 } else { 0 };
    let header = format!(
        r#"{{"code":{},"flag":{flag},"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":500}}"#,
        request.code()
    );
    let length = u32::try_from(header.len()).expect("it is short");
    let mut bytes = (length + 4).to_be_bytes().to_vec();
    bytes.extend(length.to_be_bytes());
    bytes.extend(header.as_bytes());
    bytes
}
