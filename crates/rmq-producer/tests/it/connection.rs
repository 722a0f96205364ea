//! Brokers that cannot be reached, hang up, or talk nonsense.

use rmq_producer::{AttemptPhase, Compression, Message, Outcome, SendErrorKind};
use rmq_testkit::{Fault, LineFault, RequestCode};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_was_sent_nothing() {
    let cluster = start(one_broker().keep_killed_brokers_in_route(seconds(120))).await;
    let producer = producer(&cluster).await;
    cluster.broker("broker-a").kill().await;
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (SendErrorKind::Connect, Some(10_001)));
    assert_eq!((error.outcome(), error.attempts()[0].phase()), (Outcome::NotSent, AttemptPhase::Connect));
    assert_eq!(error.attempts()[0].address().map(|address| address.to_string()).as_deref(), Some("10.0.0.1:10911"));
    assert!(error.is_retryable());
    cluster.broker("broker-a").restart().await.expect("in memory");
    tokio::time::sleep(seconds(10)).await;
    producer.send(hello()).await.expect("found again when it is back");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_ends_after_the_write_makes_it_maybe_stored() {
    for (fault, copies) in [
        (Fault::cut(), 0),
        (Fault::reset(), 0),
        (Fault::store_then_cut(), 1),
        (Fault::store_then_reset(), 1),
        (Fault::half_frame(), 1),
        (Fault::garbage(vec![0xff; 64]), 1),
    ] {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        cluster.on(RequestCode::SEND_MESSAGE_V2, &fault.times(1));
        let error = producer.send(hello()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::ConnectionLost, Outcome::MaybeStored), "{error:?}");
        assert_eq!((error.code(), error.attempts()[0].phase()), (None, AttemptPhase::Answer));
        assert!(error.elapsed() < seconds(1), "at once, not at the deadline");
        assert_eq!(cluster.messages("orders").len(), copies);
        assert_eq!(producer.in_flight(), 0);
        tokio::time::sleep(seconds(1)).await;
        producer.send(hello()).await.expect("on a new line");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waited_behind_a_stalled_write_was_not_sent_when_the_line_ends() {
    let cluster = start(one_broker()).await;
    let broker = cluster.broker("broker-a");
    broker.on_connect(LineFault::stop_reading());
    let producer = builder(&cluster).compression(Compression::off()).start().await.unwrap();
    let large = Message::new("orders", vec![7; 4 << 20]);
    let (first, second, ()) = tokio::join!(
        producer.send(large).timeout(seconds(60)).into_future(),
        async {
            settle().await;
            producer.send(hello()).timeout(seconds(60)).await
        },
        async {
            tokio::time::sleep(seconds(1)).await;
            broker.lines().iter().for_each(rmq_testkit::Line::reset);
        }
    );
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert_eq!((first.kind(), first.outcome()), (SendErrorKind::ConnectionLost, Outcome::MaybeStored));
    assert_eq!((second.kind(), second.outcome()), (SendErrorKind::ConnectionLost, Outcome::NotSent));
    assert_eq!(second.attempts()[0].phase(), AttemptPhase::Write);
    assert!(second.to_string().contains("nothing was sent"), "{second}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_ended_before_is_dialled_anew() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    for line in cluster.broker("broker-a").lines() {
        line.close();
    }
    tokio::time::sleep(seconds(1)).await;
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.messages("orders").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn all_sends_on_a_line_end_with_it() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent());
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(hello()).timeout(seconds(1000)).await });
    }
    settle().await;
    assert_eq!(producer.in_flight(), 100);
    cluster.broker("broker-a").kill().await;
    for outcome in sends.join_all().await {
        let error = outcome.unwrap_err();
        assert!(error.possibly_stored() && error.elapsed() < seconds(1), "{error:?}");
    }
    assert_eq!(producer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_is_dropped() {
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::duplicate());
    for n in 0..5 {
        assert!((0..=n).contains(&producer.send(hello()).await.unwrap().queue_offset()));
    }
    assert_eq!(cluster.messages("orders").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_broker_are_answered_or_passed_over() {
    use rmq_testkit::{RemotingCommand, ResponseCode};
    let cluster = start(one_broker()).await;
    let producer = producer(&cluster).await;
    producer.send(hello()).await.unwrap();
    settle().await;
    let broker = cluster.broker("broker-a");
    let push = |code| broker.push(producer.client_id(), RemotingCommand::request(code));
    let answer = push(RequestCode(4711)).await.unwrap().expect("an answer");
    assert_eq!(answer.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    for code in [RequestCode::CHECK_TRANSACTION_STATE, RequestCode::NOTIFY_CONSUMER_IDS_CHANGED] {
        let mut request = RemotingCommand::request(code);
        request.mark_oneway();
        broker.push(producer.client_id(), request).await.unwrap();
    }
    settle().await;
    producer.send(hello()).await.expect("none of them did any harm");
}
