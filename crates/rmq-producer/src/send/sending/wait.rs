//! Wait: what the caller of a send waits for, an answer or no more than that the message is written.

use std::future::Future;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use rmq_remoting::{Answer, BoxFuture, PendingAnswer, PendingWrite, RemotingError, ResponseCode};
use tokio::time::Instant;

use crate::error::{AttemptError, SendError};
use crate::send::attempt::{Over, OverOneway, Sent};
use crate::send::delivery::{Delivery, First, Progress};
use crate::send::lane::Target;
use crate::send::reply;
use crate::send_result::{Receipt, SendResult};

/// What the caller of a send waits for.
pub(crate) trait Wait: Sized + 'static {
    /// The request on the wire.
    type Pending: Future<Output = Result<Self::Answer, RemotingError>> + Unpin + Send;
    type Answer;
    /// The end of an attempt.
    type Over: Send;
    /// A send that its first attempt ended, as nearly all do.
    type Ended;
    /// What the caller gets.
    type Sent;
    /// Whether the request, once submitted, wakes the task that did that.
    const WAKES: bool;

    /// Puts the request of the first attempt on the wire, at once or not at all.
    fn submit(
        delivery: &Delivery<'_>,
        target: &Target,
        started: Instant,
        born_timestamp: i64,
        cx: &Context<'_>,
    ) -> Result<Option<Self::Pending>, Box<RemotingError>>;

    /// When what was waited for was there.
    fn ended_at(pending: &Self::Pending) -> Instant;

    /// Ends the send with its first attempt, which took so long, if that went as nearly all do. `None`: it is not over, and nothing was done.
    fn end_well(
        delivery: &mut Delivery<'_>,
        answer: &Self::Answer,
        started: Instant,
        lasted: Duration,
    ) -> Option<Self::Ended>;

    /// What the caller gets of a send that ended well.
    fn sent(ended: Self::Ended, answer: Self::Answer) -> Self::Sent;

    /// Says how far the first attempt has come with this answer.
    fn progress(
        delivery: &mut Delivery<'_>,
        target: &Target,
        answer: Result<Self::Answer, RemotingError>,
        started: Instant,
    ) -> Progress<Self::Over>;

    /// Goes on, from wherever the first steps came to.
    fn go_on<'a>(
        delivery: Delivery<'a>,
        first: Option<First<Self::Over>>,
    ) -> BoxFuture<'a, Result<Self::Sent, SendError>>;
}

/// Waits for the broker's answer.
pub(crate) struct Answered;

/// Waits until the message is written.
pub(crate) struct Written;

impl Wait for Answered {
    type Pending = PendingAnswer;
    type Answer = Answer;
    type Over = Over;
    type Ended = Receipt;
    type Sent = SendResult;
    const WAKES: bool = true;

    #[inline]
    fn submit(
        delivery: &Delivery<'_>,
        target: &Target,
        started: Instant,
        born_timestamp: i64,
        cx: &Context<'_>,
    ) -> Result<Option<PendingAnswer>, Box<RemotingError>> {
        let until = delivery.first_deadline(started);
        delivery.sender().try_call(&delivery.prepared, target, born_timestamp, until, cx)
    }

    #[inline]
    fn ended_at(pending: &PendingAnswer) -> Instant {
        // The connection has looked at the clock.
        pending.answered_at().unwrap_or_else(Instant::now)
    }

    #[inline]
    fn end_well(delivery: &mut Delivery<'_>, answer: &Answer, started: Instant, lasted: Duration) -> Option<Receipt> {
        delivery.end_well(answer, started, lasted)
    }

    #[inline]
    fn sent(receipt: Receipt, answer: Answer) -> SendResult {
        SendResult::new(receipt, answer)
    }

    fn progress(
        delivery: &mut Delivery<'_>,
        target: &Target,
        answer: Result<Answer, RemotingError>,
        started: Instant,
    ) -> Progress<Over> {
        let answer = match answer {
            Ok(answer) if answer.response_code() == ResponseCode::GO_AWAY => {
                let deadline = delivery.first_deadline(started);
                return Progress::Moving(Box::new(Sent { answer, started, deadline }));
            }
            answer => answer,
        };
        let elapsed = started.elapsed();
        let end = match (answer, target.lane.address()) {
            (Ok(answer), Some(address)) => {
                reply::read(&answer, address, &target.lane.places).map(|stored| (stored, answer))
            }
            // Without an address there is no answer.
            (Ok(_), None) => Err(AttemptError::NoBroker { broker_name: Arc::clone(target.lane.broker_name()) }),
            (Err(error), _) => Err(error.into()),
        };
        Progress::Over(delivery.sender().over(&mut delivery.account, target, None, end, elapsed))
    }

    fn go_on<'a>(delivery: Delivery<'a>, first: Option<First<Over>>) -> BoxFuture<'a, Result<SendResult, SendError>> {
        Box::pin(delivery.go_on(first))
    }
}

impl Wait for Written {
    type Pending = PendingWrite;
    type Answer = ();
    type Over = OverOneway;
    type Ended = ();
    type Sent = ();
    const WAKES: bool = false;

    fn submit(
        delivery: &Delivery<'_>,
        target: &Target,
        _: Instant,
        born_timestamp: i64,
        _: &Context<'_>,
    ) -> Result<Option<PendingWrite>, Box<RemotingError>> {
        delivery.sender().try_call_oneway(&delivery.prepared, target, born_timestamp, delivery.deadline())
    }

    fn ended_at(_: &PendingWrite) -> Instant {
        Instant::now()
    }

    fn end_well(delivery: &mut Delivery<'_>, (): &(), _: Instant, lasted: Duration) -> Option<()> {
        delivery.end_oneway_well(lasted)
    }

    fn sent((): (), (): ()) {}

    fn progress(
        delivery: &mut Delivery<'_>,
        target: &Target,
        answer: Result<(), RemotingError>,
        started: Instant,
    ) -> Progress<OverOneway> {
        let end = answer.map_err(AttemptError::from);
        Progress::Over(delivery.sender().over_oneway(&mut delivery.account, target, None, end, started.elapsed()))
    }

    fn go_on<'a>(delivery: Delivery<'a>, first: Option<First<OverOneway>>) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(delivery.go_on_oneway(first))
    }
}
