//! What a broker makes of messages, beyond what was recorded.

use std::time::Duration;

use rmq_testkit::{Dialect, HeaderEncoding, RemotingCommand, RequestCode, ResponseCode, TestCluster};

use crate::stored;
use crate::wire::{Peer, numbered, send_request};

async fn memory(dialect: Dialect) -> TestCluster {
    let builder = TestCluster::builder().memory().dialect(dialect).topic("orders", 4).epoch_millis(1_700_000_000_000);
    builder.start().await.expect("nothing can be taken in memory")
}

async fn ask(cluster: &TestCluster, request: &RemotingCommand) -> RemotingCommand {
    let mut peer = Peer::to(cluster, &cluster.broker("broker-a")).await;
    peer.ask(request).await.expect("an answer")
}

#[tokio::test(start_paused = true)]
async fn a_message_is_kept_field_by_field() {
    let cluster = memory(Dialect::V5).await;
    let properties = "KEYS\u{1}k1 k2\u{2}TAGS\u{1}paid\u{2}UNIQ_KEY\u{1}AB\u{2}WAIT\u{1}true\u{2}user\u{1}vé 你\u{2}";
    let request =
        send_request("orders", "hello").with_field("e", "2").with_field("h", "-7").with_field("i", properties);
    let answer = ask(&cluster, &request).await;
    let stored = &cluster.messages("orders")[0];
    assert_eq!((stored.queue_id, stored.queue_offset, stored.flag, stored.sys_flag), (2, 0, -7, 0));
    assert_eq!((&stored.body[..], stored.tags(), stored.keys()), (&b"hello"[..], Some("paid"), vec!["k1", "k2"]));
    assert_eq!((stored.property("user"), stored.unique_id()), (Some("vé 你"), Some("AB")));
    assert_eq!((stored.born_timestamp, stored.store_timestamp), (1_700_000_000_000, 1_700_000_000_000));
    assert_eq!(stored.store_host.to_string(), "10.0.0.1:10911");
    assert_eq!(stored.born_host.ip().to_string(), "10.77.0.1");
    assert_eq!(answer.field("msgId"), Some(stored.offset_message_id().as_str()));
    assert_eq!(answer.field("msgId"), Some("0A00000100002A9F0000000000000000"));
    let read = stored::read_all(&stored.to_stored_bytes());
    assert_eq!((read[0].topic.as_str(), read[0].flag, read[0].properties.len()), ("orders", -7, 8));
}

#[tokio::test(start_paused = true)]
async fn sends_of_one_connection_are_stored_in_their_order() {
    let cluster = memory(Dialect::V5).await;
    let mut peer = Peer::to(&cluster, &cluster.broker("broker-a")).await;
    for opaque in 0..100 {
        peer.send(&numbered(send_request("orders", "x").with_field("h", opaque.to_string()), opaque)).await;
    }
    let mut opaques = Vec::new();
    for _ in 0..100 {
        opaques.push(peer.receive().await.unwrap().opaque());
    }
    opaques.sort_unstable();
    assert_eq!(opaques, (0..100).collect::<Vec<_>>());
    let flags: Vec<i32> = cluster.messages("orders").iter().map(|message| message.flag).collect();
    assert_eq!(flags, (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_oneway_send_is_stored_and_never_answered() {
    let cluster = memory(Dialect::V5).await;
    let mut peer = Peer::to(&cluster, &cluster.broker("broker-a")).await;
    for topic in ["orders", "not a topic"] {
        let mut request = send_request(topic, "x");
        request.mark_oneway();
        peer.send(&request).await;
    }
    assert!(peer.hears_nothing(Duration::from_secs(60)).await);
    assert_eq!(cluster.wait_for_messages("orders", 1, Duration::from_secs(1)).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_chooses_the_same_queues() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let cluster = TestCluster::builder().memory().topic("orders", 64).seed(seed).start().await.unwrap();
        for _ in 0..20 {
            ask(&cluster, &send_request("orders", "x").with_field("e", "-1")).await;
        }
        runs.push(cluster.messages("orders").iter().map(|message| message.queue_id).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_the_limit_passes_and_one_more_byte_does_not() {
    let cluster = TestCluster::builder().memory().topic("orders", 1).max_body_bytes(1000).start().await.unwrap();
    for (bytes, code) in [(1000, ResponseCode::SUCCESS), (1001, ResponseCode::MESSAGE_ILLEGAL)] {
        let answer = ask(&cluster, &send_request("orders", "").with_body(vec![1_u8; bytes])).await;
        assert_eq!(answer.response_code(), code, "{bytes}");
    }
    cluster.broker("broker-a").set_max_body_bytes(2000);
    assert!(ask(&cluster, &send_request("orders", "").with_body(vec![1_u8; 1001])).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn properties_fill_32767_bytes_with_what_the_broker_adds() {
    for (dialect, longest) in [(Dialect::V4_9, 32_745), (Dialect::V5, 32_705)] {
        let cluster = memory(dialect).await;
        for (length, code) in [(longest, ResponseCode::SUCCESS), (longest + 1, ResponseCode::MESSAGE_ILLEGAL)] {
            let head = "UNIQ_KEY\u{1}AB\u{2}p\u{1}";
            let text = format!("{head}{}\u{2}", "x".repeat(length - head.len() - 1));
            let answer = ask(&cluster, &send_request("orders", "x").with_field("i", &text)).await;
            assert_eq!(answer.response_code(), code, "{dialect:?} {length}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn binary_headers_are_answered_as_each_release_does() {
    for (dialect, encoding) in [
        (Dialect::V4_9_3, HeaderEncoding::Json),
        (Dialect::V4_9, HeaderEncoding::Rocketmq),
        (Dialect::V5, HeaderEncoding::Json),
    ] {
        let cluster = memory(dialect).await;
        let request = send_request("orders", "x").with_encoding(HeaderEncoding::Rocketmq);
        assert_eq!(ask(&cluster, &request).await.encoding(), encoding, "{dialect:?}");
        let crash = request.with_field("e", "one");
        assert_eq!(ask(&cluster, &crash).await.encoding(), HeaderEncoding::Json, "{dialect:?}");
    }
    let own = TestCluster::builder().memory().header_encoding(HeaderEncoding::Rocketmq).topic("orders", 1);
    let cluster = own.start().await.unwrap();
    assert_eq!(ask(&cluster, &send_request("orders", "x")).await.encoding(), HeaderEncoding::Rocketmq);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_came_back_too_often_ends_with_the_dead_letters() {
    let cluster = memory(Dialect::V5).await;
    let back = |times: &str| send_request("%RETRY%group", "x").with_field("j", times).with_field("l", "3");
    assert!(ask(&cluster, &back("2")).await.is_success());
    assert!(ask(&cluster, &back("3")).await.is_success());
    assert_eq!(cluster.messages("%RETRY%group")[0].reconsume_times, 2);
    assert_eq!(cluster.messages("%DLQ%group")[0].reconsume_times, 3);
}

#[tokio::test(start_paused = true)]
async fn transactions_and_5_x_timers_are_refused_in_words() {
    let cluster = memory(Dialect::V5).await;
    let half = ask(&cluster, &send_request("orders", "x").with_field("i", "TRAN_MSG\u{1}true\u{2}")).await;
    assert_eq!(half.response_code(), ResponseCode::NO_PERMISSION);
    assert_eq!(half.remark(), Some("the broker[10.0.0.1] sending transaction message is forbidden"));
    let timer = ask(&cluster, &send_request("orders", "x").with_field("i", "TIMER_DELAY_MS\u{1}5\u{2}")).await;
    assert_eq!(timer.response_code(), ResponseCode::SYSTEM_ERROR);
    assert!(cluster.messages("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn codes_that_nobody_serves_are_3_and_silence_at_an_old_name_server() {
    for (dialect, answered) in [(Dialect::V4_9, false), (Dialect::V5, true)] {
        let cluster = memory(dialect).await;
        let request = RemotingCommand::request(RequestCode(9999));
        let answer = ask(&cluster, &request).await;
        assert_eq!(answer.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
        assert_eq!(answer.remark(), Some(" request type 9999 not supported"));
        let mut peer = Peer::dial(&cluster, &cluster.name_server().address()).await;
        peer.send(&request).await;
        assert_eq!(!peer.hears_nothing(Duration::from_secs(60)).await, answered, "{dialect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_leads_out_of_its_bytes_stores_nothing() {
    let cluster = memory(Dialect::V5).await;
    let batch = RemotingCommand::clone(&send_request("orders", "")).with_field("m", "true").with_body(vec![0_u8; 21]);
    let answer = ask(&cluster, &batch).await;
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR);
    assert!(answer.ext_fields().is_none());
    assert!(cluster.messages("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_comes_when_its_level_says_and_the_broker_is_up() {
    let cluster = memory(Dialect::V5).await;
    let broker = cluster.broker("broker-a");
    let delayed = |level: &str| {
        send_request("orders", "x").with_field("e", "3").with_field("i", format!("DELAY\u{1}{level}\u{2}"))
    };
    assert_eq!(ask(&cluster, &delayed("2")).await.field("queueId"), Some("3"));
    assert!(ask(&cluster, &delayed("0")).await.is_success());
    assert_eq!(cluster.messages("orders").len(), 1, "level 0 is no delay");
    assert_eq!(cluster.messages("SCHEDULE_TOPIC_XXXX")[0].queue_id, 1);
    assert_eq!(cluster.wait_for_messages("orders", 2, Duration::from_millis(4990)).await.len(), 1);
    let stored = cluster.wait_for_messages("orders", 2, Duration::from_millis(20)).await;
    assert_eq!((stored[1].queue_id, stored[1].property("REAL_TOPIC")), (3, Some("orders")));
    assert!(ask(&cluster, &delayed("1")).await.is_success());
    broker.kill().await;
    assert_eq!(cluster.wait_for_messages("orders", 3, Duration::from_secs(60)).await.len(), 2);
    broker.restart().await.unwrap();
    assert_eq!(cluster.wait_for_messages("orders", 3, Duration::from_secs(1)).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_sent_back_comes_again_later_each_time_then_dies() {
    let cluster = memory(Dialect::V4_9).await;
    ask(&cluster, &send_request("orders", "x")).await;
    let back = |offset: i64| {
        RemotingCommand::request(RequestCode::CONSUMER_SEND_MSG_BACK)
            .with_field("group", "cg")
            .with_field("offset", offset.to_string())
            .with_field("delayLevel", "0")
            .with_field("maxReconsumeTimes", "2")
    };
    let mut offset = cluster.messages("orders")[0].physical_offset;
    for (times, seconds) in [(1, 10), (2, 30)] {
        assert!(ask(&cluster, &back(offset)).await.is_success());
        let wait = |seconds| cluster.wait_for_messages("%RETRY%cg", times, Duration::from_secs(seconds));
        assert_eq!(wait(seconds - 1).await.len(), times - 1);
        let again = wait(2).await;
        assert_eq!(again.len(), times);
        assert_eq!(again[times - 1].reconsume_times, i32::try_from(times).unwrap());
        assert_eq!(
            (again[times - 1].property("RETRY_TOPIC"), again[times - 1].unique_id()),
            (Some("orders"), Some("AB"))
        );
        offset = again[times - 1].physical_offset;
    }
    assert!(ask(&cluster, &back(offset)).await.is_success());
    assert_eq!(cluster.messages("%DLQ%cg").len(), 1);
    assert_eq!(ask(&cluster, &back(-5)).await.remark(), Some("look message by offset failed, -5"));
}
