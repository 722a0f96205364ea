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
use super::gate::Inside;
use super::lane::Target;
use super::{SendOptions, Sender, reply};
use crate::error::{AttemptError, SendError};
use crate::send_result::SendResult;

/// One send. Nothing happens before the first poll; its time begins then.
pub(crate) struct Sending<'a, W: Wait> {
    /// Until it goes on in a box.
    delivery: Option<Delivery<'a>>,
    state: State<'a, W>,
    /// Its room, unless somebody else holds it.
    inside: Option<Inside>,
}

enum State<'a, W: Wait> {
    New(Time),
    /// The first attempt is on the wire.
    Waiting(Waiting<W>),
    Boxed(BoxFuture<'a, Result<W::Sent, SendError>>),
    Over,
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

struct Waiting<W: Wait> {
    pending: W::Pending,
    started: Instant,
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
    ) -> Option<Result<Self::Pending, RemotingError>>;

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

impl<'a, W: Wait> Sending<'a, W> {
    #[inline]
    pub(crate) fn new(sender: &'a Sender, message: Message, options: SendOptions) -> Self {
        // A deadline that is over, until the first poll makes the right one.
        let delivery = Delivery::new(sender, message, options, Deadline::counted_from(sender.started, Duration::ZERO));
        Self { delivery: Some(delivery), state: State::New(Time::Usual), inside: None }
    }

    /// Changes what the caller says about it. To be called before the first poll.
    pub(crate) fn options(&mut self, change: impl FnOnce(&mut SendOptions)) {
        if let Some(delivery) = &mut self.delivery {
            change(&mut delivery.options);
        }
    }

    /// Bounds it, all in all. To be called before the first poll.
    pub(crate) fn bound(&mut self, total: Duration) {
        self.state = State::New(Time::Whole(total));
    }

    /// Its message, unless it goes on in a box.
    pub(crate) fn message(&self) -> Option<&Message> {
        self.delivery.as_ref().map(|delivery| delivery.prepared.message())
    }

    #[cfg(test)]
    pub(crate) fn is_unboxed(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// One that has its room, which the caller holds.
    pub(super) fn entered(sender: &'a Sender, message: Message, options: SendOptions, deadline: Deadline) -> Self {
        let delivery = Delivery::new(sender, message, options, deadline);
        Self { delivery: Some(delivery), state: State::New(Time::Begun), inside: None }
    }

    /// The first poll.
    fn begin(&mut self, time: Time, cx: &Context<'_>) -> Result<(), SendError> {
        let Some(delivery) = &mut self.delivery else { return Ok(()) };
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
                    Ok(None) if !delivery.options.at_once => {
                        self.wait_for_room();
                        return Ok(());
                    }
                    Ok(None) => {
                        let failure = sender.no_room(deadline);
                        return Err(sender.refuse(delivery.prepared.take_given(), failure, deadline));
                    }
                    Err(failure) => return Err(sender.refuse(delivery.prepared.take_given(), failure, deadline)),
                }
                deadline.since()
            }
        };
        delivery.account.open();
        if sender.goes_slowly() {
            self.go_on(None);
            return Ok(());
        }
        let now = sender.instance.remoting().clock().now_millis();
        let target = match delivery.begin(topic, now) {
            Ok(Some(target)) => target,
            Ok(None) => {
                self.go_on(None);
                return Ok(());
            }
            Err(error) => return Err(delivery.fail(error)),
        };
        match W::submit(delivery, &target, started, now, cx) {
            None => self.go_on(Some(First { target, progress: Progress::ToBegin })),
            Some(Ok(pending)) => {
                delivery.account.begin(target);
                delivery.account.encoded();
                self.state = State::Waiting(Waiting { pending, started });
            }
            Some(Err(error)) => {
                delivery.account.begin(target);
                self.go_on_from(Err(error), started);
            }
        }
        Ok(())
    }

    /// Goes on from a first attempt that was not one to end with.
    #[cold]
    fn go_on_from(&mut self, answer: Result<W::Answer, RemotingError>, started: Instant) {
        let Some(delivery) = &mut self.delivery else { return };
        let Some(target) = delivery.account.under_way().cloned() else { return };
        let progress = W::progress(delivery, &target, answer, started);
        self.go_on(Some(First { target, progress }));
    }

    fn wait_for_room(&mut self) {
        let Some(mut delivery) = self.delivery.take() else { return };
        self.state = State::Boxed(Box::pin(async move {
            let (sender, deadline) = (delivery.sender(), delivery.deadline);
            let _inside = match sender.wait_to_enter(delivery.prepared.message(), deadline).await {
                Ok(inside) => inside,
                Err(failure) => return Err(sender.refuse(delivery.prepared.take_given(), failure, deadline)),
            };
            delivery.account.open();
            W::go_on(delivery, None).await
        }));
    }

    fn go_on(&mut self, first: Option<First<W::Over>>) {
        if let Some(delivery) = self.delivery.take() {
            self.state = State::Boxed(W::go_on(delivery, first));
        }
    }

    fn close(&mut self) {
        self.state = State::Over;
        self.delivery = None;
        self.inside = None;
    }
}

impl<W: Wait> Future for Sending<'_, W> {
    type Output = Result<W::Sent, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Waiting(waiting) => {
                    let answer = ready!(Pin::new(&mut waiting.pending).poll(cx));
                    let started = waiting.started;
                    let lasted = W::ended_at(&waiting.pending).saturating_duration_since(started);
                    let Some(delivery) = &mut this.delivery else { return Poll::Pending };
                    match answer {
                        Ok(answer) => match W::end_well(delivery, &answer, started, lasted) {
                            Some(ended) => {
                                this.close();
                                return Poll::Ready(Ok(W::sent(ended, answer)));
                            }
                            None => this.go_on_from(Ok(answer), started),
                        },
                        Err(error) => this.go_on_from(Err(error), started),
                    }
                }
                State::Boxed(sending) => {
                    let result = ready!(sending.as_mut().poll(cx));
                    this.close();
                    return Poll::Ready(result);
                }
                State::New(time) => {
                    let time = *time;
                    if let Err(error) = this.begin(time, cx) {
                        this.close();
                        return Poll::Ready(Err(error));
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
    ) -> Option<Result<PendingAnswer, RemotingError>> {
        let until = delivery.first_deadline(started);
        delivery.sender().try_call(&delivery.prepared, target, born_timestamp, until, cx)
    }

    #[inline]
    fn ended_at(pending: &PendingAnswer) -> Instant {
        // The connection has looked at the clock.
        pending.answered_at().unwrap_or_else(Instant::now)
    }

    #[inline]
    fn end_well(delivery: &mut Delivery<'_>, answer: &Answer, started: Instant, lasted: Duration) -> Option<EndedWell> {
        delivery.end_well(answer, started, lasted)
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
    ) -> Option<Result<PendingWrite, RemotingError>> {
        delivery.sender().try_call_oneway(&delivery.prepared, target, born_timestamp, delivery.deadline)
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

#[cfg(test)]
mod tests;
