//! Requests of brokers, without a wire: who gets them, what is answered, what is counted.

use parking_lot::Mutex;
use rmq_remoting::{CommandHeader, RemotingStats};

use super::super::groups::Admission;
use super::*;
use crate::protocol::{CheckTransactionState, PushReplyMessage};

/// A half message of topic `orders`, group `pg` (V1 layout, born at 10.0.0.9:50000).
const HALF_MESSAGE: &str = "000000a8daa320a73610a68600000000000000000000000000000007000000000001e240000000040000018bcfe568000a0000090000c350\
    0000018bcfe568010a00000100002a9f0000000000000000000000000000000568656c6c6f066f726465727300425047524f555001706702554e49515f4b455901433041383031304132\
    33343531384234414143323342394143394646303030370254\
    52414e5f4d5347017472756502";

fn half_message() -> Vec<u8> {
    let digits: Vec<u8> = HALF_MESSAGE.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn check(body: Vec<u8>) -> RemotingCommand {
    let header = CheckTransactionState {
        topic: Some("RMQ_SYS_TRANS_HALF_TOPIC".to_owned()),
        tran_state_table_offset: 8,
        commit_log_offset: 654_321,
        msg_id: Some("C0A8010A234518B4AAC23B9AC9FF0007".to_owned()),
        transaction_id: None,
        offset_msg_id: None,
        broker_name: Some("broker-a".to_owned()),
    };
    RemotingCommand::request_with(RequestCode::CHECK_TRANSACTION_STATE, &header).with_body(body)
}

fn push(correlation_id: &str) -> RemotingCommand {
    let header = PushReplyMessage {
        producer_group: "replier".to_owned(),
        topic: "DefaultCluster_REPLY_TOPIC".to_owned(),
        default_topic: "TBW102".to_owned(),
        default_topic_queue_nums: 4,
        queue_id: 0,
        sys_flag: 0,
        born_timestamp: 1,
        flag: 0,
        properties: Some(format!("CORRELATION_ID\u{1}{correlation_id}\u{2}")),
        reconsume_times: None,
        unit_mode: None,
        born_host: "10.0.0.9:50000".to_owned(),
        store_host: "10.0.0.1:10911".to_owned(),
        store_timestamp: 2,
    };
    RemotingCommand::request_with(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, &header).with_body("yes")
}

/// Takes every check, and the replies that it waits for.
#[derive(Default)]
struct Listener {
    waits_for: &'static str,
    checks: Mutex<Vec<(String, i64, String)>>,
    replies: Mutex<Vec<(Vec<u8>, String)>>,
}

impl ServedProducer for Listener {
    fn check(&self, check: TransactionCheck) -> bool {
        let seen = (check.from.clone(), check.header.tran_state_table_offset, check.message.topic().to_string());
        self.checks.lock().push(seen);
        true
    }

    fn reply(&self, reply: Reply) -> Option<Reply> {
        if reply.correlation_id() != Some(self.waits_for) {
            return Some(reply);
        }
        let text = reply.to_string();
        self.replies.lock().push((reply.body.to_vec(), text));
        None
    }
}

fn served<P: ServedProducer>(producers: &[(&str, &Arc<P>)]) -> ServerRequests {
    let groups = Arc::new(Groups::default());
    for (group, producer) in producers {
        assert!(matches!(groups.admit(&(*group).into(), Arc::<P>::clone(producer)), Admission::Seated(_)));
    }
    ServerRequests { groups, counters: Arc::default() }
}

fn counted(requests: &ServerRequests) -> ServerRequestMetrics {
    requests.counters.snapshot(&RemotingStats::default())
}

#[test]
fn a_check_goes_to_the_producer_of_the_message_s_group() {
    let (asked, other) = (Arc::new(Listener::default()), Arc::new(Listener::default()));
    let requests = served(&[("other", &other), ("pg", &asked)]);
    assert!(requests.answer("10.0.0.1:10911", &check(half_message())).is_none(), "the answer is a request of its own");
    assert_eq!(*asked.checks.lock(), [("10.0.0.1:10911".to_owned(), 8, "orders".to_owned())]);
    assert!(other.checks.lock().is_empty());
    assert_eq!((counted(&requests).checks, counted(&requests).checks_ignored), (1, 0));
}

#[test]
fn a_check_that_nobody_answers_is_counted_and_ignored() {
    let requests = served(&[("pg", &Arc::new(WithoutListeners::new("pg")))]);
    assert!(requests.answer("b:1", &check(half_message())).is_none());
    let requests_of_others = served(&[("other", &Arc::new(Listener::default()))]);
    assert!(requests_of_others.answer("b:1", &check(half_message())).is_none());
    for requests in [requests, requests_of_others] {
        assert_eq!((counted(&requests).checks, counted(&requests).checks_ignored), (0, 1));
    }
}

#[test]
fn a_check_that_cannot_be_read_harms_nobody() {
    let listener = Arc::new(Listener::default());
    let requests = served(&[("pg", &listener)]);
    let mut without_header = check(half_message());
    without_header.ext_fields_mut().remove("commitLogOffset");
    let cut = half_message()[..100].to_vec();
    for request in [without_header, check(cut), check(Vec::new()), check(vec![0xff; 200])] {
        assert!(requests.answer("b:1", &request).is_none());
    }
    assert_eq!((counted(&requests).malformed, counted(&requests).checks_ignored), (4, 0));
    assert!(listener.checks.lock().is_empty());
}

#[test]
fn a_reply_goes_to_whoever_waits_for_it() {
    let producers: Vec<_> =
        ["1", "2"].map(|waits_for| Arc::new(Listener { waits_for, ..Listener::default() })).to_vec();
    let requests = served(&[("a", &producers[0]), ("b", &producers[1])]);
    let code = |request: &RemotingCommand| requests.answer("b:1", request).map(|answer| answer.response_code());
    assert_eq!(code(&push("2")), Some(ResponseCode::SUCCESS));
    assert_eq!(producers[1].replies.lock()[0].0, b"yes");
    assert!(producers[0].replies.lock().is_empty());
    assert_eq!(code(&push("3")), Some(ResponseCode::SUCCESS), "nobody waits for it: Java says the same");
    assert_eq!((counted(&requests).replies, counted(&requests).replies_unmatched), (1, 1));
    let mut unreadable = push("1");
    unreadable.ext_fields_mut().remove("storeTimestamp");
    let answer = requests.answer("b:1", &unreadable).expect("it is waited for");
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR);
    assert!(answer.remark().is_some_and(|remark| remark.contains("storeTimestamp")), "{answer:?}");
    assert_eq!(counted(&requests).malformed, 1);
}

#[test]
fn what_is_shown_of_them_holds_neither_body_nor_properties() {
    let check = TransactionCheck::read("b:1", &check(half_message())).expect("whole");
    assert_eq!(check.to_string(), r#""C0A8010A234518B4AAC23B9AC9FF0007" of topic "orders", asked by b:1"#);
    let reply = Reply::read(&push("7")).expect("whole");
    assert_eq!(reply.to_string(), r#""7" of topic "DefaultCluster_REPLY_TOPIC", 3 bytes, from "10.0.0.9:50000""#);
    assert_eq!(PushReplyMessage::decode(push("7").ext_fields().expect("it has some")).expect("whole"), reply.header);
}
