//! What a broker may answer: four ways of success, and everything else.

use rmq_producer::{Outcome, SendErrorKind, SendStatus};
use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn the_four_statuses_are_results() {
    for (code, status) in [
        (ResponseCode::SUCCESS, SendStatus::SendOk),
        (ResponseCode::FLUSH_DISK_TIMEOUT, SendStatus::FlushDiskTimeout),
        (ResponseCode::FLUSH_SLAVE_TIMEOUT, SendStatus::FlushSlaveTimeout),
        (ResponseCode::SLAVE_NOT_AVAILABLE, SendStatus::SlaveNotAvailable),
    ] {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::status(code));
        let sent = producer.send(hello()).await.unwrap();
        assert_eq!(sent.status(), status);
        let [stored] = cluster.messages("orders").try_into().expect("one message");
        assert_eq!(Some(sent.message_id()), stored.unique_id());
        assert_eq!((sent.offset_message_id(), sent.queue_offset()), (&*stored.offset_message_id(), 0));
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_its_kind_its_class_and_its_code() {
    use Outcome::{Busy, MaybeStored, Rejected};
    for (code, kind, outcome, retryable) in [
        (1, SendErrorKind::BrokerFailed, MaybeStored, true),
        (2, SendErrorKind::Busy, Busy, true),
        (3, SendErrorKind::Refused, Rejected, false),
        (4, SendErrorKind::BrokerFailed, MaybeStored, true),
        (13, SendErrorKind::Refused, Rejected, false),
        (14, SendErrorKind::Busy, Busy, true),
        (15, SendErrorKind::Refused, Rejected, false),
        (16, SendErrorKind::Refused, Rejected, false),
        (17, SendErrorKind::Refused, Rejected, false),
        (22, SendErrorKind::BrokerFailed, MaybeStored, true),
        (26, SendErrorKind::Refused, Rejected, false),
        (29, SendErrorKind::Refused, Rejected, false),
        (204, SendErrorKind::Refused, Rejected, false),
        (205, SendErrorKind::Refused, Rejected, false),
        (208, SendErrorKind::BrokerFailed, MaybeStored, true),
        (215, SendErrorKind::Busy, Busy, true),
        (501, SendErrorKind::Refused, Rejected, false),
        (604, SendErrorKind::Refused, Rejected, false),
        (1500, SendErrorKind::Busy, Busy, true),
        (9_999, SendErrorKind::BrokerFailed, MaybeStored, true),
    ] {
        let error = send_into(Fault::reply(ResponseCode(code)).remark("because")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.code()), (kind, outcome, Some(code)));
        assert_eq!((error.possibly_stored(), error.is_retryable()), (outcome == MaybeStored, retryable), "{code}");
        let [attempt] = error.attempts() else { panic!("{:?}", error.attempts()) };
        assert_eq!(attempt.outcome(), Some(outcome));
        let cause = std::error::Error::source(&error).expect("the broker's words").to_string();
        assert!(cause.starts_with("it answered ") && cause.ends_with(": because"), "{cause}");
        assert!(error.to_string().contains("broker broker-a at 10.0.0.1:10911 "), "{error}");
        assert_eq!(error.into_message(), hello());
    }
}

#[tokio::test(start_paused = true)]
async fn an_access_refusal_of_4_9_is_told_from_a_broken_store() {
    let refusal = "org.apache.rocketmq.acl.common.AclException: No accessKey is configured, org.apache.rocketmq.acl…";
    let error = send_into(Fault::reply(ResponseCode::SYSTEM_ERROR).remark(refusal)).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_stored()), (SendErrorKind::Refused, false));
}

#[tokio::test(start_paused = true)]
async fn a_stored_message_whose_place_cannot_be_read_is_maybe_stored() {
    let edit = Fault::edit(|answer| {
        answer.ext_fields_mut().set("queueOffset", "far");
    });
    let error = send_into(edit).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::UnreadableAnswer);
    assert!(error.possibly_stored() && !error.is_retryable());
}
