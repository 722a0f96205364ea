//! The table row by row: response code × policy, and every other way in which an attempt can fail.

use std::io;
use std::sync::Arc;

use rmq_remoting::{ConnectionEnd, Endpoint, HookError, ResponseCode, RoomLimit};

use super::*;
use crate::send::reply;

fn addr() -> Endpoint {
    Endpoint::parse("broker:10911").expect("an address")
}

fn refused(code: ResponseCode, remark: &str) -> AttemptError {
    AttemptError::Refused { addr: addr(), code, remark: remark.to_owned(), outcome: reply::classify(code, remark) }
}

fn next(error: &AttemptError) -> [Next; 2] {
    [after(error, &RetryPolicy::default()), after(error, &RetryPolicy::default().strict())]
}

#[test]
fn every_response_code_of_a_send() {
    use Next::{Again, AgainAfterPause, Stop};
    // code, remark, next by default, next when strict
    let rows: &[(i32, &str, Next, Next)] = &[
        (1, "", Again, Stop),
        (1, "java.lang.NullPointerException", Again, Stop),
        (1, "[PC_SYNCHRONIZED]broker busy", AgainAfterPause, AgainAfterPause),
        (1, "org.apache.rocketmq.acl.common.AclException: Check signature failed", Stop, Stop),
        (2, "[REJECTREQUEST]system busy", AgainAfterPause, AgainAfterPause),
        (2, "[OVERLOAD]system busy", AgainAfterPause, AgainAfterPause),
        (2, "[TIMEOUT_CLEAN_QUEUE]broker busy", AgainAfterPause, AgainAfterPause),
        (3, "request type 310 not supported", Stop, Stop),
        (4, "", Stop, Stop),
        (13, "message size exceeded", Stop, Stop),
        (14, "service not available now", AgainAfterPause, AgainAfterPause),
        (15, "", Stop, Stop),
        (16, "the broker's permission is not writable", Again, Again),
        (16, "check signature failed.", Stop, Stop),
        (16, "User:x has no permission to access Topic:T2 from 127.0.0.1", Stop, Stop),
        (17, "topic not exist", Again, Again),
        (26, "subscription group not exist", Stop, Stop),
        (1, "request queueId[9] is illegal, TopicConfig [topicName=t]", Again, Again),
        (29, "request queueId[9] is illegal, TopicConfig [topicName=t]", Again, Again),
        (29, "the topic is blank", Stop, Stop),
        (204, "", Again, Again),
        (205, "", Again, Again),
        (215, "flow control", Stop, Stop),
        (501, "t-0 does not exit in request process of current broker b", Again, Again),
        (604, "", Stop, Stop),
        (1500, "please go away", AgainAfterPause, AgainAfterPause),
        (-7, "", Stop, Stop),
        (99_999, "", Stop, Stop),
    ];
    for (code, remark, by_default, strict) in rows {
        let found = next(&refused(ResponseCode(*code), remark));
        assert_eq!(found, [*by_default, *strict], "{code} {remark:?}");
    }
}

#[test]
fn the_code_set_decides_about_the_retry() {
    let flow = refused(ResponseCode::FLOW_CONTROL, "slow down");
    assert_eq!(after(&flow, &RetryPolicy::default().also_after(ResponseCode::FLOW_CONTROL)), Next::AgainAfterPause);
    let busy = refused(ResponseCode::SYSTEM_BUSY, "[OVERLOAD]");
    assert_eq!(after(&busy, &RetryPolicy::default().not_after(ResponseCode::SYSTEM_BUSY)), Next::Stop);
}

#[test]
fn every_failure_without_an_answer() {
    let lost = |written| {
        let cause = ConnectionEnd::PeerClosed;
        AttemptError::Remoting(RemotingError::ConnectionLost { addr: "b:1".into(), written, cause })
    };
    let refused: Arc<io::Error> = Arc::new(io::ErrorKind::ConnectionRefused.into());
    let second = Duration::from_secs(1);
    let rows = [
        (AttemptError::NoBroker { broker_name: "b".into() }, [Next::Again; 2]),
        (RemotingError::Connect { addr: addr(), source: Arc::clone(&refused) }.into(), [Next::Again; 2]),
        (RemotingError::ConnectTimeout { addr: addr(), after: second }.into(), [Next::Again; 2]),
        (
            RemotingError::BackingOff { addr: addr(), wait: second, source: Some(refused) }.into(),
            [Next::PassOver(second); 2],
        ),
        (RemotingError::NoRoom { limit: RoomLimit::Connection { count: 1 }, after: second }.into(), [Next::Again; 2]),
        (RemotingError::DeadlineExpired.into(), [Next::Stop; 2]),
        (RemotingError::Hook(HookError::new("no")).into(), [Next::Stop; 2]),
        (RemotingError::Closed.into(), [Next::Stop; 2]),
        (RemotingError::Timeout { addr: "b:1".into(), after: second }.into(), [Next::Again, Next::Stop]),
        (lost(false), [Next::Again; 2]),
        (lost(true), [Next::Again, Next::Stop]),
    ];
    for (error, expected) in rows {
        assert_eq!(next(&error), expected, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_gets_its_share_of_what_is_left_and_never_more() {
    let policy = RetryPolicy::default();
    let deadline = Deadline::after(Duration::from_secs(3));
    let share = |left, policy: &RetryPolicy| attempt_deadline(deadline, Instant::now(), left, policy).remaining();
    assert_eq!(share(3, &policy), Duration::from_secs(1));
    assert_eq!(share(1, &policy), Duration::from_secs(3));
    assert_eq!(share(100, &policy), LEAST);
    let capped = policy.clone().attempt_timeout(Duration::from_millis(50));
    assert_eq!(share(3, &capped), Duration::from_millis(50));
    assert_eq!(share(1, &capped), Duration::from_millis(50));
    tokio::time::advance(Duration::from_millis(2_900)).await;
    assert_eq!(share(3, &policy), Duration::from_millis(100), "never beyond the send's deadline");
}

#[test]
fn pauses_after_busy_answers_grow_up_to_a_limit() {
    let pauses: Vec<u128> = [0, 1, 2, 5, 6, u32::MAX].map(|n| busy_pause(n).as_millis()).into();
    assert_eq!(pauses, [20, 40, 80, 500, 500, 500]);
}
