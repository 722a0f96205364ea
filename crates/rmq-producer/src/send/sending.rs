//! Sending: the future of one send, made so that the usual one needs no allocation for itself.
//!
//! ```text
//! begin: enter, prepare, topic, queue ──► request on the wire ──► answer ──► result
//!          │ no room    │ route or address unknown, hooks, … │ no connection   │ anything but stored
//!          └────────────┴────────────► boxed: Delivery::go_on ◄───────────────┘
//! ```
//! Only the way is shorter: every step is one that the boxed way takes too. `tests` holds the two against each other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rmq_message::Message;
use rmq_remoting::{BoxFuture, Deadline, PendingAnswer, PendingWrite, RemotingError};
use tokio::time::Instant;

use super::delivery::{Delivery, First, Halt, Ready, Stage};
use super::enter::{Entered, Tried};
use super::gate::Inside;
use super::lane::Target;
use super::prepare::Prepared;
use super::{SendOptions, Sender, reply};
use crate::error::{AttemptError, SendError};
use crate::send_result::SendResult;

/// One send. Nothing happens before the first poll; its time begins then.
pub(crate) struct Sending<'a, W: Wait> {
    state: State<'a, W>,
    /// Its room, unless somebody else holds it.
    inside: Option<Inside>,
}

#[allow(clippy::large_enum_variant, reason = "the largest one is the usual one")]
enum State<'a, W: Wait> {
    New(New<'a>),
    /// The first attempt is on the wire.
    Waiting(Waiting<'a, W>),
    Boxed(BoxFuture<'a, Result<W::Sent, SendError>>),
    Over,
}

struct New<'a> {
    sender: &'a Sender,
    message: Message,
    options: SendOptions,
    time: Time,
}

enum Time {
    /// It ends so long after the first poll.
    Whole(Duration),
    /// It has begun: the send has its room.
    Rest(Deadline),
}

/// A first attempt that is under way.
pub(crate) struct Waiting<'a, W: Wait> {
    delivery: Delivery<'a>,
    ready: Ready,
    target: Target,
    started: Instant,
    pending: W::Pending,
}

/// What the caller of a send waits for.
pub(crate) trait Wait: Sized + 'static {
    /// The request on the wire.
    type Pending: Future + Unpin + Send;
    /// What the caller gets.
    type Sent;
    /// Whether the request, once submitted, wakes the task that did that.
    const WAKES: bool;

    /// Puts the request of an attempt on the wire, at once or not at all.
    fn submit(
        delivery: &Delivery<'_>,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        cx: &Context<'_>,
    ) -> Option<Result<Self::Pending, RemotingError>>;

    /// Ends the send with its first attempt, or goes on from there.
    fn end<'a>(
        first: FirstOver<'a>,
        end: Result<<Self::Pending as Future>::Output, RemotingError>,
    ) -> Ended<'a, Self::Sent>;

    /// Goes on, from wherever the first steps came to.
    fn go_on<'a>(delivery: Delivery<'a>, stage: Stage) -> BoxFuture<'a, Result<Self::Sent, SendError>>;
}

/// A first attempt that is over.
pub(crate) struct FirstOver<'a> {
    delivery: Delivery<'a>,
    ready: Ready,
    target: Target,
    elapsed: Duration,
}

/// How a send ended with its first attempt, or else how it goes on.
pub(crate) type Ended<'a, T> = Result<Result<T, SendError>, BoxFuture<'a, Result<T, SendError>>>;

/// Waits for the broker's answer.
pub(crate) struct Answered;

/// Waits until the message is written.
pub(crate) struct Written;

impl<'a, W: Wait> Sending<'a, W> {
    pub(crate) fn new(sender: &'a Sender, message: Message, options: SendOptions, timeout: Duration) -> Self {
        let new = New { sender, message, options, time: Time::Whole(timeout) };
        Self { state: State::New(new), inside: None }
    }

    /// One that has its room, which the caller holds.
    pub(super) fn entered(sender: &'a Sender, message: Message, options: SendOptions, deadline: Deadline) -> Self {
        let new = New { sender, message, options, time: Time::Rest(deadline) };
        Self { state: State::New(new), inside: None }
    }

    /// The first poll.
    fn begin(&mut self, new: New<'a>, cx: &Context<'_>) -> Result<State<'a, W>, SendError> {
        let New { sender, message, options, time } = new;
        let (message, deadline, started) = match time {
            Time::Rest(deadline) => (message, deadline, Instant::now()),
            Time::Whole(timeout) => {
                let deadline = Deadline::after(timeout);
                match sender.try_enter(message, deadline.since())? {
                    Tried::Entered(Entered { message, inside }) => {
                        self.inside = Some(inside);
                        (message, deadline, deadline.since())
                    }
                    Tried::Full(message, _) if options.at_once => {
                        return Err(sender.no_room(message, deadline.since()));
                    }
                    Tried::Full(message, weight) => {
                        return Ok(State::Boxed(Box::pin(async move {
                            let entered = sender.wait_to_enter(message, weight, deadline).await?;
                            let Entered { message, inside: _inside } = entered;
                            W::go_on(Delivery::open(sender, options, deadline), Stage::Entered(message)).await
                        })));
                    }
                }
            }
        };
        let mut delivery = Delivery::open(sender, options, deadline);
        if sender.goes_slowly() {
            return Ok(State::Boxed(W::go_on(delivery, Stage::Entered(message))));
        }
        let now = sender.instance.remoting().clock().now_millis();
        let (ready, target) = match delivery.begin(message, now) {
            Ok(aimed) => aimed,
            Err(Halt::Held(stage)) => return Ok(State::Boxed(W::go_on(delivery, *stage))),
            Err(Halt::Failed(error)) => return Err(delivery.fail(error)),
        };
        match W::submit(&delivery, &ready.prepared, &target, now, cx) {
            None => Ok(State::Boxed(W::go_on(delivery, Stage::Ready(ready, Some(First::Aimed(target)))))),
            Some(Ok(pending)) => {
                delivery.account.begin(&target.lane);
                delivery.account.encoded();
                Ok(State::Waiting(Waiting { delivery, ready, target, started, pending }))
            }
            Some(Err(error)) => {
                delivery.account.begin(&target.lane);
                let first = FirstOver { delivery, ready, target, elapsed: started.elapsed() };
                match W::end(first, Err(error)) {
                    Ok(Ok(_)) => Ok(State::Over), // no error ends a send well
                    Ok(Err(error)) => Err(error),
                    Err(boxed) => Ok(State::Boxed(boxed)),
                }
            }
        }
    }

    fn over(&mut self, result: Result<W::Sent, SendError>) -> Poll<Result<W::Sent, SendError>> {
        self.state = State::Over;
        self.inside = None;
        Poll::Ready(result)
    }
}

impl<W: Wait> Future for Sending<'_, W> {
    type Output = Result<W::Sent, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Waiting(waiting) => {
                    let output = ready!(Pin::new(&mut waiting.pending).poll(cx));
                    let State::Waiting(waiting) = std::mem::replace(&mut this.state, State::Over) else { continue };
                    let Waiting { delivery, ready, target, started, pending: _ } = waiting;
                    match W::end(FirstOver { delivery, ready, target, elapsed: started.elapsed() }, Ok(output)) {
                        Ok(result) => return this.over(result),
                        Err(boxed) => this.state = State::Boxed(boxed),
                    }
                }
                State::Boxed(sending) => {
                    let result = ready!(sending.as_mut().poll(cx));
                    return this.over(result);
                }
                State::New(_) => {
                    let State::New(new) = std::mem::replace(&mut this.state, State::Over) else { continue };
                    match this.begin(new, cx) {
                        Ok(state) => this.state = state,
                        Err(error) => return this.over(Err(error)),
                    }
                    if W::WAKES && matches!(this.state, State::Waiting(_)) {
                        return Poll::Pending;
                    }
                }
                // Polled again although it is over, which nobody should do.
                State::Over => return Poll::Pending,
            }
        }
    }
}

impl Wait for Answered {
    type Pending = PendingAnswer;
    type Sent = SendResult;
    const WAKES: bool = true;

    fn submit(
        delivery: &Delivery<'_>,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        cx: &Context<'_>,
    ) -> Option<Result<PendingAnswer, RemotingError>> {
        delivery.sender().try_call(prepared, target, born_timestamp, delivery.first_deadline(), cx)
    }

    fn end<'a>(
        first: FirstOver<'a>,
        end: Result<Result<rmq_remoting::Answer, RemotingError>, RemotingError>,
    ) -> Ended<'a, SendResult> {
        let FirstOver { mut delivery, ready, target, elapsed } = first;
        let end = match (end.and_then(|answer| answer), &target.lane.address) {
            (Ok(answer), Some(address)) => reply::read(answer, address, &target.lane.broker_name),
            (Ok(_), None) => Err(AttemptError::NoBroker { broker_name: Arc::clone(&target.lane.broker_name) }),
            (Err(error), _) => Err(error.into()),
        };
        let address = target.lane.address.clone();
        let over = delivery.sender().over(&mut delivery.account, &target, address, end, elapsed);
        delivery.end_with(ready, over)
    }

    fn go_on<'a>(delivery: Delivery<'a>, stage: Stage) -> BoxFuture<'a, Result<SendResult, SendError>> {
        Box::pin(delivery.go_on(stage))
    }
}

impl Wait for Written {
    type Pending = PendingWrite;
    type Sent = ();
    const WAKES: bool = false;

    fn submit(
        delivery: &Delivery<'_>,
        prepared: &Prepared,
        target: &Target,
        born_timestamp: i64,
        _: &Context<'_>,
    ) -> Option<Result<PendingWrite, RemotingError>> {
        delivery.sender().try_call_oneway(prepared, target, born_timestamp, delivery.deadline())
    }

    fn end<'a>(first: FirstOver<'a>, end: Result<Result<(), RemotingError>, RemotingError>) -> Ended<'a, ()> {
        let FirstOver { mut delivery, ready, target, elapsed } = first;
        let end = end.and_then(|written| written).map_err(AttemptError::from);
        let address = target.lane.address.clone();
        let attempt = delivery.sender().over_oneway(&mut delivery.account, &target, address, end, elapsed);
        Ok(delivery.end_oneway_with(ready, attempt))
    }

    fn go_on<'a>(delivery: Delivery<'a>, stage: Stage) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(delivery.go_on_oneway(stage))
    }
}
