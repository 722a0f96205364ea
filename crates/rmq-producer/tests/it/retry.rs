//! A failed attempt is followed by another, elsewhere, within the one deadline; and the caller learns of every copy there may be.

use std::collections::BTreeSet;

use rmq_producer::{Outcome, ResponseCode, RetryPolicy, SendErrorKind, SendStatus};
use rmq_testkit::{Fault, RequestCode};
use tokio::time::Instant;

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

#[tokio::test(start_paused = true)]
async fn a_busy_broker_is_left_for_the_other_one() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    let busy = cluster.broker("broker-a");
    busy.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY));
    for _ in 0..20 {
        let sent = producer.send(hello()).await.unwrap();
        assert_eq!(&**sent.queue().broker_name(), "broker-b");
        assert!(sent.attempts().iter().all(|attempt| !attempt.possibly_stored()));
    }
    assert_eq!(cluster.messages("orders").len(), 20, "no copy beyond the sends");
    assert!(busy.request_count(SEND) > 0, "it was tried");
}

#[tokio::test(start_paused = true)]
async fn a_result_tells_of_an_attempt_that_may_have_left_a_copy() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.broker("broker-a").on(SEND, Fault::store_then_cut());
    let mut copies = 0;
    for _ in 0..10 {
        let sent = producer.send(hello()).await.unwrap();
        copies += 1 + sent.attempts().iter().filter(|attempt| attempt.possibly_stored()).count();
        let ids: BTreeSet<_> =
            cluster.messages("orders").iter().filter_map(|copy| copy.unique_id().map(str::to_owned)).collect();
        assert!(ids.contains(sent.message_id()), "the id stays the same over the attempts");
    }
    assert_eq!(cluster.messages("orders").len(), copies, "told of every copy");
    assert!(copies > 10);
}

#[tokio::test(start_paused = true)]
async fn a_strict_producer_never_makes_a_second_copy() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).retries(RetryPolicy::default().strict()).start().await.unwrap();
    cluster.on(SEND, &Fault::store_then_cut().times(1));
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::ConnectionLost, Outcome::MaybeStored));
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(cluster.messages("orders").len(), 1);
    // What is known not to be stored is tried again all the same.
    cluster.clear_faults();
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(1));
    producer.send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn three_tries_by_default_then_the_error_lists_them() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_ERROR).remark("java.lang.NullPointerException"));
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::BrokerFailed, Some(1)));
    let brokers: Vec<_> = error.attempts().iter().map(|attempt| attempt.broker_name().to_string()).collect();
    assert_eq!(brokers.len(), 3);
    assert!(
        brokers[0] != brokers[1] && brokers[1] != brokers[2],
        "each at another broker than the one before: {brokers:?}"
    );
    assert!(error.possibly_stored() && error.to_string().contains("the last of 3 attempts"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_not_tried_again() {
    for (code, remark) in [
        (ResponseCode::MESSAGE_ILLEGAL, "too large"),
        (ResponseCode::SYSTEM_ERROR, "org.apache.rocketmq.acl.common.AclException: Check signature failed"),
        (ResponseCode::NO_PERMISSION, "check signature failed."),
    ] {
        let cluster = start(two_brokers()).await;
        let producer = with_defaults(&cluster).start().await.unwrap();
        cluster.on(SEND, &Fault::reply(code).remark(remark));
        let error = producer.send(hello()).await.unwrap_err();
        assert_eq!((error.attempts().len(), error.outcome()), (1, Outcome::Rejected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_all_attempts() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.on(SEND, &Fault::silent());
    let began = Instant::now();
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::Timeout);
    assert!(began.elapsed() >= seconds(3) && began.elapsed() <= seconds(3) + milliseconds(10), "{:?}", began.elapsed());
    let took: Vec<_> = error.attempts().iter().map(|attempt| attempt.elapsed().as_millis()).collect();
    assert_eq!(took.len(), 3);
    assert!(took.iter().all(|millis| (900..=1_100).contains(millis)), "equal shares: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_degraded_result_is_no_failure_unless_the_caller_says_so() {
    let cluster = start(two_brokers()).await;
    cluster.broker("broker-a").on(SEND, Fault::status(ResponseCode::FLUSH_DISK_TIMEOUT));
    cluster.broker("broker-b").on(SEND, Fault::status(ResponseCode::FLUSH_DISK_TIMEOUT));
    let producer = with_defaults(&cluster).start().await.unwrap();
    let sent = producer.send(hello()).await.unwrap();
    assert_eq!((sent.status(), sent.attempts().len()), (SendStatus::FlushDiskTimeout, 1));
    assert_eq!(cluster.messages("orders").len(), 1);

    let again = RetryPolicy::times(1).retry_another_broker_when_not_store_ok(true);
    let sent = producer.send(hello()).retries(again.clone()).await.unwrap();
    assert_eq!((sent.status(), sent.attempts().len()), (SendStatus::FlushDiskTimeout, 2));
    assert_eq!(cluster.messages("orders").len(), 3, "as its documentation warns");

    let strict = again.clone().strict();
    assert_eq!(producer.send(hello()).retries(strict).await.unwrap().attempts().len(), 1);
    assert_eq!(cluster.messages("orders").len(), 4, "strict is strict");

    // An earlier degraded result is worth more than a later error.
    cluster.clear_faults();
    let broker = cluster.broker("broker-a");
    let begun = broker.request_count(SEND);
    broker.on(SEND, Fault::status(ResponseCode::FLUSH_SLAVE_TIMEOUT).times(1));
    broker.on(SEND, Fault::reply(ResponseCode::SYSTEM_BUSY));
    let queues = producer.publish_queues("orders").await.unwrap();
    let on_a = queues.into_iter().find(|queue| &**queue.broker_name() == "broker-a").unwrap();
    let sent = producer.send(hello()).retries(again).to(on_a).await.unwrap();
    assert_eq!((sent.status(), sent.attempts().len()), (SendStatus::FlushSlaveTimeout, 2));
    assert_eq!(broker.request_count(SEND) - begun, 2);
}

#[tokio::test(start_paused = true)]
async fn a_given_queue_is_tried_again_itself() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    let queue = producer.publish_queues("orders").await.unwrap().remove(5);
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(1));
    let sent = producer.send(hello()).to(queue.clone()).await.unwrap();
    assert_eq!(sent.queue(), &queue);
    assert!(sent.attempts().iter().all(|attempt| attempt.queue() == &queue));
    let stored = cluster.messages("orders");
    assert_eq!(stored.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_of_one_send_do_not_use_up_those_of_others() {
    let cluster = start(two_brokers()).await;
    let producer = with_defaults(&cluster).start().await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_ERROR).remark("java.lang.Error"));
    for _ in 0..50 {
        assert_eq!(producer.send(hello()).await.unwrap_err().attempts().len(), 3);
    }
    cluster.clear_faults();
    assert_eq!(producer.send(hello()).await.unwrap().attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_is_held_to_the_share_of_retries() {
    let cluster = start(two_brokers()).await;
    let mut remoting = rmq_producer::RemotingConfig::default();
    remoting.max_in_flight = 10;
    let producer = with_defaults(&cluster).remoting(remoting).start().await.unwrap();
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_ERROR).remark("java.lang.Error"));
    let mut attempts = 0;
    for _ in 0..100 {
        attempts += producer.send(hello()).await.unwrap_err().attempts().len();
    }
    assert_eq!(attempts, 110, "a bucket of ten retries, and no send succeeded that would refill it");
}

#[tokio::test(start_paused = true)]
async fn tries_after_degraded_results_are_held_to_the_same_share() {
    let cluster = start(two_brokers()).await;
    let mut remoting = rmq_producer::RemotingConfig::default();
    remoting.max_in_flight = 10;
    let again = RetryPolicy::times(1).retry_another_broker_when_not_store_ok(true);
    let producer = with_defaults(&cluster).remoting(remoting).retries(again).start().await.unwrap();
    cluster.on(SEND, &Fault::status(ResponseCode::SLAVE_NOT_AVAILABLE));
    let mut attempts = 0;
    for _ in 0..100 {
        attempts += producer.send(hello()).await.unwrap().attempts().len();
    }
    // A full bucket of ten, and a fifth of a retry for each message that was stored, the last ones for nobody.
    assert!((125..=130).contains(&attempts), "{attempts}");
    assert_eq!(cluster.messages("orders").len(), attempts);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_between_two_tries_that_takes_all_the_time_does_not_hide_why_the_first_failed() {
    let cluster = start(two_brokers()).await;
    let once_more = RetryPolicy::times(1);
    let producer =
        with_defaults(&cluster).route_refresh_interval(seconds(1)).api_timeout(seconds(30)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    // While the first attempt is under way a refresh finds that nobody may write to the topic, and then the name server falls silent: the
    // look-up before the second attempt waits for as long as there is time.
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_ERROR).remark("java.lang.Error").after(seconds(2)));
    let sending = producer.send(hello()).timeout(seconds(6)).retries(once_more).into_future();
    let meanwhile = async {
        cluster.set_perm("orders", 4);
        tokio::time::sleep(seconds(3) / 2).await;
        cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::silent());
    };
    let (sent, ()) = tokio::join!(sending, meanwhile);
    let error = sent.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.attempts().len()),
        (SendErrorKind::BrokerFailed, Some(1), 1),
        "{error}"
    );
    assert!(error.possibly_stored());
    let retried: u64 =
        producer.metrics().brokers.iter().flat_map(|broker| &broker.retries).map(|(_, count)| count).sum();
    assert_eq!(retried, 0, "no second attempt was made");
}
