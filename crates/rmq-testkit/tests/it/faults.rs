//! Scripted misbehaviour, on the wire.

use std::time::Duration;

use rmq_testkit::{Dialect, Fault, LineFault, RequestCode, ResponseCode, TestCluster};
use tokio::time::Instant;

use crate::wire::{Peer, numbered, send_request};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

async fn cluster() -> TestCluster {
    TestCluster::builder().memory().brokers(2).topic("orders", 4).start().await.expect("nothing can be taken in memory")
}

/// What one send meets, and how many messages are stored then.
async fn meet(fault: Fault) -> (Result<rmq_testkit::RemotingCommand, String>, usize) {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, fault);
    let mut peer = Peer::to(&cluster, &broker).await;
    let heard = peer.ask(&numbered(send_request("orders", "x"), 77)).await;
    (heard, cluster.messages("orders").len())
}

#[tokio::test(start_paused = true)]
async fn the_second_send_is_refused_and_the_third_is_not() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    let handle = broker.on(SEND, Fault::reply(ResponseCode::SERVICE_NOT_AVAILABLE).nth(2).times(1).remark("disk full"));
    let mut peer = Peer::to(&cluster, &broker).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(peer.ask(&send_request("orders", "x")).await.unwrap().code());
    }
    assert_eq!(codes, [0, 14, 0]);
    assert_eq!((handle.hits(), cluster.messages("orders").len()), (1, 2));
    assert_eq!((broker.request_count(SEND), cluster.request_count(SEND)), (3, 3));
    assert_eq!(cluster.requests(SEND)[1].field("b"), Some("orders"));
    let mut other = Peer::to(&cluster, &cluster.broker("broker-b")).await;
    assert!(other.ask(&send_request("orders", "x")).await.unwrap().is_success(), "the fault is broker-a's");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_looks_like_the_broker_s_own() {
    let (busy, stored) = meet(Fault::overload()).await;
    let busy = busy.unwrap();
    assert_eq!((busy.code(), busy.opaque(), stored), (2, 77, 0));
    assert_eq!(busy.remark(), Some("[OVERLOAD]system busy, start flow control for a while"));
    assert!(busy.ext_fields().is_none());
    let (refused, _) = meet(Fault::reply(ResponseCode::TOPIC_NOT_EXIST).field("x", "y")).await;
    let refused = refused.unwrap();
    assert_eq!((refused.field("MSG_REGION"), refused.field("x")), (Some("DefaultRegion"), Some("y")));
    assert_eq!(refused.version(), Dialect::V5.version());
}

#[tokio::test(start_paused = true)]
async fn stored_results_other_than_ok_keep_their_fields() {
    let (answer, stored) = meet(Fault::status(ResponseCode::FLUSH_SLAVE_TIMEOUT)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.code(), answer.opaque(), stored), (12, 77, 1));
    assert!(answer.field("msgId").is_some() && answer.field("queueOffset").is_some());
}

#[tokio::test(start_paused = true)]
async fn silence_with_and_without_storing() {
    for (fault, stored) in [(Fault::silent(), 0), (Fault::store_then_silent(), 1)] {
        let cluster = cluster().await;
        let broker = cluster.broker("broker-a");
        broker.on(SEND, fault);
        let mut peer = Peer::to(&cluster, &broker).await;
        peer.send(&send_request("orders", "x")).await;
        assert!(peer.hears_nothing(Duration::from_secs(60)).await);
        assert_eq!(cluster.messages("orders").len(), stored);
    }
}

#[tokio::test(start_paused = true)]
async fn lines_end_before_or_after_storing() {
    for (fault, stored, end) in [
        (Fault::cut(), 0, "end after 0 bytes"),
        (Fault::store_then_cut(), 1, "end after 0 bytes"),
        (Fault::reset(), 0, "connection reset"),
        (Fault::store_then_reset(), 1, "connection reset"),
    ] {
        let what = format!("{fault:?}");
        let (heard, count) = meet(fault).await;
        assert_eq!((heard.unwrap_err().as_str(), count), (end, stored), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_then_the_end() {
    let (heard, stored) = meet(Fault::half_frame()).await;
    let error = heard.unwrap_err();
    let bytes: usize =
        error.strip_prefix("end after ").and_then(|rest| rest.strip_suffix(" bytes")).unwrap().parse().unwrap();
    assert!(bytes > 50, "{error}");
    assert_eq!(stored, 1);
}

#[tokio::test(start_paused = true)]
async fn garbage_instead_of_an_answer() {
    let (heard, stored) = meet(Fault::garbage(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..])).await;
    assert!(heard.is_err());
    assert_eq!(stored, 1);
}

#[tokio::test(start_paused = true)]
async fn two_answers_and_an_answer_for_nobody() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::duplicate().times(1));
    broker.on(SEND, Fault::unknown_opaque().times(1));
    let mut peer = Peer::to(&cluster, &broker).await;
    peer.send(&numbered(send_request("orders", "x"), 5)).await;
    let (first, second) = (peer.receive().await.unwrap(), peer.receive().await.unwrap());
    assert_eq!((first.opaque(), &first), (5, &second));
    let stray = peer.ask(&numbered(send_request("orders", "x"), 6)).await.unwrap();
    assert_ne!(stray.opaque(), 6);
    assert_eq!(cluster.messages("orders").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn late_answers_and_late_execution_differ_in_what_is_stored_meanwhile() {
    for (fault, stored_at_once) in [(Fault::delay(Duration::from_secs(5)), 1), (Fault::slow(Duration::from_secs(5)), 0)]
    {
        let cluster = cluster().await;
        let broker = cluster.broker("broker-a");
        broker.on(SEND, fault);
        let mut peer = Peer::to(&cluster, &broker).await;
        let start = Instant::now();
        peer.send(&send_request("orders", "x")).await;
        assert!(peer.hears_nothing(Duration::from_secs(4)).await);
        assert_eq!(cluster.messages("orders").len(), stored_at_once);
        assert!(peer.receive().await.unwrap().is_success());
        assert_eq!(start.elapsed().as_secs(), 5);
        assert_eq!(cluster.messages("orders").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_pieces_holds_others_back_but_is_whole() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::trickle(10, Duration::from_secs(1)).times(1));
    let mut peer = Peer::to(&cluster, &broker).await;
    let start = Instant::now();
    peer.send(&numbered(send_request("orders", "x"), 1)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    peer.send(&numbered(send_request("orders", "x"), 2)).await;
    assert_eq!(peer.receive().await.unwrap().opaque(), 1);
    assert!(start.elapsed() > Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(peer.receive().await.unwrap().opaque(), 2);
}

#[tokio::test(start_paused = true)]
async fn closures_choose_and_answer() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::silent().when(|request| request.field("e") == Some("3")));
    broker.on(SEND, Fault::edit(|answer| answer.ext_fields_mut().set("queueId", "9")).times(1));
    broker.on_any(Fault::answer_with(|request| Some(request.response_to(ResponseCode(4321)))));
    let mut peer = Peer::to(&cluster, &broker).await;
    assert_eq!(peer.ask(&send_request("orders", "x")).await.unwrap().field("queueId"), Some("9"));
    assert_eq!(peer.ask(&send_request("orders", "x")).await.unwrap().code(), 4321);
    peer.send(&send_request("orders", "x").with_field("e", "3")).await;
    assert!(peer.hears_nothing(Duration::from_secs(9)).await);
    broker.clear_faults();
    assert!(peer.ask(&send_request("orders", "x")).await.unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn go_away_is_for_clients_that_know_it() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::go_away());
    let mut peer = Peer::to(&cluster, &broker).await;
    for (version, code) in [(475, 0), (476, 1500)] {
        let mut request = send_request("orders", "x");
        request.set_version(version);
        assert_eq!(peer.ask(&request).await.unwrap().code(), code, "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thrown_out_oneway_is_answered_when_the_fault_says_so() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY).also_oneway().times(1));
    broker.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY));
    let mut peer = Peer::to(&cluster, &broker).await;
    let mut request = numbered(send_request("orders", "x"), 3);
    request.mark_oneway();
    let answer = peer.ask(&request).await.unwrap();
    assert_eq!((answer.code(), answer.opaque()), (2, 3));
    peer.send(&request).await;
    assert!(peer.hears_nothing(Duration::from_secs(9)).await);
}

#[tokio::test(start_paused = true)]
async fn a_probability_repeats_itself_with_the_seed_of_the_cluster() {
    let mut runs = Vec::new();
    for seed in [3, 3] {
        let cluster = TestCluster::builder().memory().topic("orders", 1).seed(seed).start().await.unwrap();
        let broker = cluster.broker("broker-a");
        broker.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY).probability(0.5));
        let mut peer = Peer::to(&cluster, &broker).await;
        let mut codes = Vec::new();
        for _ in 0..40 {
            codes.push(peer.ask(&send_request("orders", "x")).await.unwrap().code());
        }
        runs.push(codes);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&0) && runs[0].contains(&2));
}

#[tokio::test(start_paused = true)]
async fn name_servers_have_faults_too() {
    let cluster = cluster().await;
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::reply(ResponseCode::SYSTEM_ERROR).times(1));
    let mut peer = Peer::dial(&cluster, &cluster.name_servers()).await;
    let request =
        rmq_testkit::RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "orders");
    assert_eq!(peer.ask(&request).await.unwrap().code(), 1);
    assert_eq!(peer.ask(&request).await.unwrap().code(), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_suffer_from_their_start() {
    let cluster = cluster().await;
    let broker = cluster.broker("broker-a");
    broker.on_connect(LineFault::close().nth(2));
    broker.on_connect(LineFault::close_after_writing(30).nth(2));
    let mut first = Peer::to(&cluster, &broker).await;
    assert!(first.ask(&send_request("orders", "x")).await.unwrap().is_success());
    let mut second = Peer::to(&cluster, &broker).await;
    assert!(second.rest().await.is_empty());
    let mut third = Peer::to(&cluster, &broker).await;
    third.send(&send_request("orders", "x")).await;
    assert_eq!(third.rest().await.len(), 30);
    assert_eq!(cluster.messages("orders").len(), 2);
    let lines = broker.lines();
    assert_eq!(lines.len(), 1);
    lines[0].inject(b"noise").await.unwrap();
    lines[0].close();
    assert_eq!(first.rest().await, b"noise");
}

#[tokio::test]
async fn faults_work_over_tcp_as_well() {
    let cluster = TestCluster::builder().topic("orders", 1).start().await.unwrap();
    let broker = cluster.broker("broker-a");
    broker.on(SEND, Fault::half_frame().nth(1));
    broker.on(SEND, Fault::store_then_reset().nth(1));
    broker.on(SEND, Fault::duplicate().nth(1));
    let mut peer = Peer::tcp(&broker.address()).await;
    let error = peer.ask(&send_request("orders", "x")).await.unwrap_err();
    assert!(error.starts_with("end after ") && error != "end after 0 bytes", "{error}");
    let mut peer = Peer::tcp(&broker.address()).await;
    assert_eq!(peer.ask(&send_request("orders", "x")).await.unwrap_err(), "connection reset");
    let mut peer = Peer::tcp(&broker.address()).await;
    peer.send(&send_request("orders", "x")).await;
    assert_eq!(peer.receive().await.unwrap(), peer.receive().await.unwrap());
    assert_eq!(cluster.messages("orders").len(), 3);
}
