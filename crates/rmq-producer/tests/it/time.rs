//! One deadline for everything: it is kept to the millisecond, and what it leaves behind is named.

use std::time::Duration;

use rmq_producer::{AttemptPhase, Outcome, RemotingConfig, SendErrorKind};
use rmq_testkit::{Fault, RequestCode};
use tokio::time::Instant;

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_silent_broker_makes_it_maybe_stored_after_3_seconds() {
    for fault in [Fault::silent(), Fault::store_then_silent(), Fault::delay(seconds(4)), Fault::unknown_opaque()] {
        let error = send_into(fault).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome(), error.code()),
            (SendErrorKind::Timeout, Outcome::MaybeStored, Some(10_002))
        );
        assert_eq!((error.elapsed(), error.attempts()[0].phase()), (seconds(3), AttemptPhase::Answer));
        assert!(error.possibly_stored() && error.is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_may_have_its_own_time() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).send_timeout(seconds(10)).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(5)));
    assert!((seconds(5)..seconds(6)).contains(&producer.send(hello()).await.unwrap().elapsed()));
    for (timeout, kind) in
        [(Duration::from_millis(200), SendErrorKind::Timeout), (Duration::ZERO, SendErrorKind::DeadlineExpired)]
    {
        let begun = Instant::now();
        let error = producer.send(hello()).timeout(timeout).await.unwrap_err();
        assert!(begun.elapsed() <= timeout + Duration::from_millis(2), "{:?}", begun.elapsed());
        assert_eq!((error.kind(), error.possibly_stored()), (kind, kind == SendErrorKind::Timeout), "{timeout:?}");
    }
    producer.send(hello()).timeout(Duration::MAX).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn look_up_dial_and_answer_share_the_time() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster).check_name_servers(false).start().await.unwrap();
    cluster.name_server().delay_dials(Duration::from_millis(500));
    cluster.name_server().on(RequestCode::GET_ROUTEINFO_BY_TOPIC, Fault::delay(Duration::from_millis(500)));
    cluster.broker("broker-a").delay_dials(seconds(1));
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(2)));
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.elapsed()), (SendErrorKind::Timeout, seconds(3)));
    assert_eq!(error.attempts()[0].elapsed(), seconds(2), "the attempt had what the look-up left");
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_hangs_is_not_sent() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.broker("broker-a").hang_dials();
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.elapsed()), (SendErrorKind::Connect, Some(10_001), seconds(3)));
    assert_eq!((error.outcome(), error.attempts()[0].phase()), (Outcome::NotSent, AttemptPhase::Connect));
}

#[tokio::test(start_paused = true)]
async fn no_room_in_time_is_not_sent_and_an_error_of_its_own() {
    let cluster = start(one_broker()).await;
    let mut remoting = RemotingConfig::default();
    remoting.max_in_flight = 1;
    let producer = builder(&cluster).remoting(remoting).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent().times(1));
    let (first, second) =
        tokio::join!(producer.send(hello()).timeout(seconds(10)).into_future(), producer.send(hello()).into_future());
    assert_eq!(kind(first), SendErrorKind::Timeout);
    let error = second.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.elapsed()), (SendErrorKind::NoRoom, Outcome::NotSent, seconds(3)));
    assert_eq!(error.attempts()[0].phase(), AttemptPhase::Room);
    producer.send(hello()).await.expect("the room is free again");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_meets_nobody() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(4)).times(1));
    let error = producer.send(hello()).await.unwrap_err();
    tokio::time::sleep(seconds(2)).await;
    let sent = producer.send(hello()).await.unwrap();
    let stored = cluster.messages("orders");
    assert_eq!(stored.len(), 2);
    assert_eq!(error.message_id(), stored[0].unique_id(), "a copy that was stored has the id of the error");
    assert_eq!(Some(sent.message_id()), stored[1].unique_id());
}
