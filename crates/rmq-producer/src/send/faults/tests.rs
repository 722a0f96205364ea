//! The table row by row: how an attempt ended × whether it waited for an answer → what is remembered of its broker.

use std::io;
use std::time::Duration;

use rmq_message::MessageQueue;
use rmq_remoting::{ConnectionEnd, Endpoint, HookError, InvalidEndpoint, ResponseCode, RoomLimit};

use super::*;
use crate::attempts::Attempt;
use crate::error::Outcome as Class;
use crate::latency_fault::LatencyFault;
use crate::send::reply;

/// What is remembered of a broker.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// Set aside for everybody, and out of rotation as unreachable.
    Suspected,
    /// Out of rotation for a while.
    Penalised,
    /// No longer a suspect, and out of rotation for a while.
    TrustedAndPenalised,
    /// No longer a suspect.
    Trusted,
}

use Told::{Nothing, Penalised, Suspected, Trusted, TrustedAndPenalised};

fn addr() -> Endpoint {
    Endpoint::parse("broker:10911").expect("an address")
}

fn attempt(error: Option<AttemptError>, elapsed: Duration) -> Attempt {
    Attempt {
        queue: MessageQueue::new("t", "broker", 0),
        broker_name: "broker".into(),
        address: Some(addr()),
        elapsed,
        error: error.map(Arc::new),
    }
}

/// Tells a producer's fault table of the attempt, twice: with its broker trusted before, and suspected.
fn told(error: Option<AttemptError>, elapsed: Duration, record: impl Fn(&Faults, &Attempt)) -> Told {
    let attempt = attempt(error, elapsed);
    let broker = Arc::clone(attempt.broker_name());
    let outcome = [false, true].map(|suspected_before| {
        let config = ProducerConfig { latency_fault: Some(LatencyFault::v5()), ..ProducerConfig::new("pg") };
        let faults = Faults::new(&config);
        let now = Instant::now().into_std();
        if suspected_before {
            faults.suspects.add(&broker, now);
        }
        record(&faults, &attempt);
        let (_, tolerance) = faults.latency.as_ref().expect("switched on");
        let later = Instant::now().into_std();
        (faults.suspects.contains(&broker), tolerance.is_available(&broker, later), tolerance.is_reachable(&broker))
    });
    match outcome {
        [(false, true, true), (true, true, true)] => Nothing,
        [(false, true, true), (false, true, true)] => Trusted,
        [(false, false, true), (false, false, true)] => TrustedAndPenalised,
        [(false, false, true), (true, false, true)] => Penalised,
        [(true, false, false), (true, false, false)] => Suspected,
        other => panic!("{other:?} for {attempt:?}"),
    }
}

fn record(faults: &Faults, attempt: &Attempt) {
    faults.record(attempt.broker_name(), attempt.error(), attempt.elapsed());
}

fn record_oneway(faults: &Faults, attempt: &Attempt) {
    faults.record_oneway(attempt.broker_name(), attempt.error(), attempt.elapsed());
}

fn waited(error: Option<AttemptError>) -> Told {
    told(error, Duration::from_millis(1), record)
}

fn oneway(error: Option<AttemptError>) -> Told {
    told(error, Duration::from_millis(1), record_oneway)
}

#[tokio::test(start_paused = true)]
async fn every_answer_but_a_farewell_clears_a_suspect_and_every_error_among_them_costs_a_penalty() {
    assert_eq!(waited(None), Trusted);
    let codes =
        [1, 2, 3, 4, 13, 14, 15, 16, 17, 22, 26, 29, 204, 205, 208, 209, 210, 211, 215, 501, 604, 1500, -1, 12_345];
    for code in codes.map(ResponseCode) {
        for remark in ["", "[PC_SYNCHRONIZED]", "check signature failed."] {
            let outcome = reply::classify(code, remark);
            let error = AttemptError::Refused { addr: addr(), code, remark: remark.to_owned(), outcome };
            // Who says that it goes away is as good as gone.
            let expected = if code == ResponseCode::GO_AWAY { Suspected } else { TrustedAndPenalised };
            assert_eq!(waited(Some(error)), expected, "{code} {remark}: {outcome}");
        }
    }
    assert_eq!(reply::classify(ResponseCode(1), ""), Class::MaybeStored, "the class makes no difference");
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_costs_the_penalty_of_its_latency() {
    assert_eq!(told(None, Duration::from_millis(49), record), Trusted);
    assert_eq!(told(None, Duration::from_secs(2), record), TrustedAndPenalised);
}

#[tokio::test(start_paused = true)]
async fn every_failure_without_an_answer_is_told_for_what_it_is() {
    let refused: Arc<io::Error> = Arc::new(io::ErrorKind::ConnectionRefused.into());
    let second = Duration::from_secs(1);
    let lost =
        |written| RemotingError::ConnectionLost { addr: "b:1".into(), written, cause: ConnectionEnd::PeerClosed };
    let rows: Vec<(Box<dyn Fn() -> AttemptError>, Told)> = vec![
        (Box::new(|| AttemptError::NoBroker { broker_name: "b".into() }), Nothing),
        (Box::new(|| AttemptError::BadAddress { broker_name: "b".into(), source: no_endpoint() }), Nothing),
        (Box::new(|| AttemptError::Forbidden { source: HookError::new("no") }), Nothing),
        (Box::new(move || RemotingError::Connect { addr: addr(), source: Arc::clone(&refused) }.into()), Suspected),
        (Box::new(move || RemotingError::ConnectTimeout { addr: addr(), after: second }.into()), Suspected),
        (Box::new(move || RemotingError::BackingOff { addr: addr(), wait: second, source: None }.into()), Suspected),
        (Box::new(move || RemotingError::Timeout { addr: "b:1".into(), after: second }.into()), Suspected),
        (Box::new(move || lost(true).into()), Penalised),
        (Box::new(move || lost(false).into()), Penalised),
        (
            Box::new(move || RemotingError::NoRoom { limit: RoomLimit::Connection { count: 1 }, after: second }.into()),
            Nothing,
        ),
        (Box::new(|| RemotingError::DeadlineExpired.into()), Nothing),
        (Box::new(|| RemotingError::Hook(HookError::new("no")).into()), Nothing),
        (Box::new(|| RemotingError::Closed.into()), Nothing),
    ];
    for (make, expected) in rows {
        assert_eq!(waited(Some(make())), expected, "{}", make());
        assert_eq!(oneway(Some(make())), expected, "oneway: {}", make());
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_was_written_says_nothing_good_of_its_broker() {
    assert_eq!(oneway(None), Nothing);
}

fn no_endpoint() -> InvalidEndpoint {
    Endpoint::parse("").expect_err("that is no address")
}
