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
use rmq_remoting::{Answer, BoxFuture, Deadline, PendingAnswer, PendingWrite, RemotingError, ResponseCode};
use tokio::time::Instant;

use super::attempt::{Over, OverOneway, Sent};
use super::delivery::{Delivery, EndedWell, First, Progress};
use super::gate::{Gate, Inside};
use super::lane::Target;
use super::{SendOptions, Sender, reply};
use crate::error::{AttemptError, SendError};
use crate::send_result::SendResult;

/// One send. Nothing happens before the first poll; its time begins then.
pub(crate) struct Sending<'a, W: Wait> {
    state: State<'a, W>,
}

enum State<'a, W: Wait> {
    Here(Here<'a, W>),
    Boxed { going_on: BoxFuture<'a, Result<W::Sent, SendError>>, _inside: Option<Inside<&'a Gate>> },
    Over,
}

/// One that has waited for nothing yet, or waits for the end of its first attempt.
struct Here<'a, W: Wait> {
    at: At<W>,
    delivery: Delivery<'a>,
    /// Its room, unless somebody else holds it.
    inside: Option<Inside<&'a Gate>>,
}

enum At<W: Wait> {
    New(Time),
    /// The first attempt is on the wire.
    Waiting {
        pending: W::Pending,
        started: Instant,
    },
}

/// What follows the first poll, or the first attempt.
enum Next<W: Wait> {
    /// The first attempt is on the wire.
    Wait,
    /// There was no room.
    WaitForRoom,
    GoOn(Option<First<W::Over>>),
    Fail(SendError),
}

#[derive(Clone, Copy)]
enum Time {
    /// As much as the producer says, from the first poll on.
    Usual,
    /// It ends so long after the first poll.
    Whole(Duration),
    /// It has begun: the send has its room.
    Begun,
}

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

    /// Ends the send with its first attempt, if that went as nearly all do. `None`: it is not over, and nothing was done.
    fn end_well(delivery: &mut Delivery<'_>, answer: &Self::Answer, started: Instant) -> Option<Self::Ended>;

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

impl<'a, W: Wait> Sending<'a, W> {
    #[inline]
    pub(crate) fn new(sender: &'a Sender, message: Message, options: SendOptions) -> Self {
        // A deadline that is over, until the first poll makes the right one.
        let deadline = Deadline::counted_from(sender.started, Duration::ZERO);
        Self::at(Time::Usual, Delivery::new(sender, message, options, deadline))
    }

    /// One that has its room, which the caller holds.
    pub(super) fn entered(sender: &'a Sender, message: Message, options: SendOptions, deadline: Deadline) -> Self {
        Self::at(Time::Begun, Delivery::new(sender, message, options, deadline))
    }

    #[inline]
    fn at(time: Time, delivery: Delivery<'a>) -> Self {
        Self { state: State::Here(Here { at: At::New(time), delivery, inside: None }) }
    }

    /// Changes what the caller says about it. To be called before the first poll.
    pub(crate) fn options(&mut self, change: impl FnOnce(&mut SendOptions)) {
        if let State::Here(here) = &mut self.state {
            change(&mut here.delivery.options);
        }
    }

    /// Bounds it, all in all. To be called before the first poll.
    pub(crate) fn bound(&mut self, total: Duration) {
        if let State::Here(here) = &mut self.state {
            here.at = At::New(Time::Whole(total));
        }
    }

    /// Its message, unless it goes on in a box.
    pub(crate) fn message(&self) -> Option<&Message> {
        match &self.state {
            State::Here(here) => Some(here.delivery.prepared.message()),
            State::Boxed { .. } | State::Over => None,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_unboxed(&self) -> bool {
        matches!(self.state, State::Here(Here { at: At::Waiting { .. }, .. }))
    }

    /// Goes on in a box; or fails, and is over.
    #[cold]
    fn poll_on(&mut self, next: Next<W>, cx: &mut Context<'_>) -> Poll<Result<W::Sent, SendError>> {
        if let Next::Wait = next {
            return Pin::new(self).poll(cx);
        }
        let State::Here(Here { delivery, inside, .. }) = std::mem::replace(&mut self.state, State::Over) else {
            return Poll::Pending;
        };
        let going_on = match next {
            Next::Fail(error) => return Poll::Ready(Err(error)),
            Next::WaitForRoom => Box::pin(wait_for_room::<W>(delivery)),
            Next::GoOn(first) => W::go_on(delivery, first),
            Next::Wait => W::go_on(delivery, None),
        };
        self.state = State::Boxed { going_on, _inside: inside };
        self.poll_boxed(cx)
    }

    #[inline(never)]
    fn poll_boxed(&mut self, cx: &mut Context<'_>) -> Poll<Result<W::Sent, SendError>> {
        // Polled again although it is over, which nobody should do.
        let State::Boxed { going_on, .. } = &mut self.state else { return Poll::Pending };
        let result = ready!(going_on.as_mut().poll(cx));
        self.state = State::Over;
        Poll::Ready(result)
    }
}

async fn wait_for_room<W: Wait>(mut delivery: Delivery<'_>) -> Result<W::Sent, SendError> {
    let (sender, deadline) = (delivery.sender(), delivery.deadline);
    let _inside = match sender.wait_to_enter(delivery.prepared.message(), deadline).await {
        Ok(inside) => inside,
        Err(failure) => return Err(sender.refuse(delivery.prepared.take_given(), failure, deadline)),
    };
    delivery.account.open();
    W::go_on(delivery, None).await
}

impl<W: Wait> Here<'_, W> {
    /// The first poll.
    #[inline]
    fn begin(&mut self, time: Time, cx: &Context<'_>) -> Next<W> {
        let delivery = &mut self.delivery;
        let sender = delivery.sender();
        let topic = sender.known_topic(delivery.prepared.message().topic_shared());
        let started = match time {
            Time::Begun => Instant::now(),
            Time::Usual | Time::Whole(_) => {
                let total = if let Time::Whole(total) = time { total } else { sender.config.send_timeout };
                let deadline = Deadline::after(total);
                delivery.deadline = deadline;
                delivery.has_usual_time = matches!(time, Time::Usual);
                match sender.try_enter(delivery.prepared.message(), topic.is_some()) {
                    Ok(Some(inside)) => self.inside = Some(inside),
                    Ok(None) if !delivery.options.at_once => return Next::WaitForRoom,
                    Ok(None) => return Next::Fail(delivery.turned_away(sender.no_room(deadline))),
                    Err(failure) => return Next::Fail(delivery.turned_away(failure)),
                }
                deadline.since()
            }
        };
        delivery.account.open();
        if sender.goes_slowly() {
            return Next::GoOn(None);
        }
        let now = sender.instance.remoting().clock().now_millis();
        let target = match delivery.begin(topic, now) {
            Ok(Some(target)) => target,
            Ok(None) => return Next::GoOn(None),
            Err(error) => return Next::Fail(delivery.fail(error)),
        };
        match W::submit(delivery, &target, started, now, cx) {
            Ok(None) => Next::GoOn(Some(First { target, progress: Progress::ToBegin })),
            Ok(Some(pending)) => {
                delivery.account.begin(target);
                delivery.account.encoded();
                self.at = At::Waiting { pending, started };
                Next::Wait
            }
            Err(error) => {
                delivery.account.begin(target);
                self.go_on_with(Err(*error), started)
            }
        }
    }

    /// Goes on with a first attempt that was not one to end with.
    #[cold]
    fn go_on_with(&mut self, answer: Result<W::Answer, RemotingError>, started: Instant) -> Next<W> {
        let Some(target) = self.delivery.account.under_way().cloned() else { return Next::GoOn(None) };
        let progress = W::progress(&mut self.delivery, &target, answer, started);
        Next::GoOn(Some(First { target, progress }))
    }
}

impl<W: Wait> Future for Sending<'_, W> {
    type Output = Result<W::Sent, SendError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let State::Here(here) = &mut this.state else { return this.poll_boxed(cx) };
        let next = match &mut here.at {
            At::Waiting { pending, started } => {
                let (polled, started) = (Pin::new(pending).poll(cx), *started);
                // The answer is large: it is looked at where it is, and moved once.
                let ended = match &polled {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(answer)) => W::end_well(&mut here.delivery, answer, started),
                    Poll::Ready(Err(_)) => None,
                };
                match (ended, polled) {
                    (Some(ended), Poll::Ready(Ok(answer))) => {
                        this.state = State::Over;
                        return Poll::Ready(Ok(W::sent(ended, answer)));
                    }
                    (_, Poll::Ready(answer)) => here.go_on_with(answer, started),
                    (_, Poll::Pending) => return Poll::Pending,
                }
            }
            At::New(time) => {
                let time = *time;
                match here.begin(time, cx) {
                    Next::Wait if W::WAKES => return Poll::Pending,
                    next => next,
                }
            }
        };
        this.poll_on(next, cx)
    }
}

impl Wait for Answered {
    type Pending = PendingAnswer;
    type Answer = Answer;
    type Over = Over;
    type Ended = EndedWell;
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
    fn end_well(delivery: &mut Delivery<'_>, answer: &Answer, started: Instant) -> Option<EndedWell> {
        delivery.end_well(answer, started)
    }

    #[inline]
    fn sent(ended: EndedWell, answer: Answer) -> SendResult {
        ended.into_result(answer)
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
        delivery.sender().try_call_oneway(&delivery.prepared, target, born_timestamp, delivery.deadline)
    }

    fn end_well(delivery: &mut Delivery<'_>, (): &(), started: Instant) -> Option<()> {
        delivery.end_oneway_well(started)
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

#[cfg(test)]
mod tests;
