//! Sending: the future of one send, made so that the usual one needs no allocation for itself.
//!
//! ```text
//! begin: enter, prepare, topic, queue ──► request on the wire ──► answer ──► result
//!          │ no room    │ route or address unknown, hooks, … │ no connection   │ anything but stored
//!          └────────────┴────────────► boxed: Delivery::go_on ◄───────────────┘
//! ```
//! Only the way is shorter: every step is one that the boxed way takes too. `tests` holds the two against each other.

mod wait;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rmq_message::Message;
use rmq_remoting::{BoxFuture, Deadline, RemotingError};
use tokio::time::Instant;

use super::delivery::{Delivery, First, Progress};
use super::gate::{Gate, Inside};
use super::{SendOptions, Sender};
use crate::error::SendError;
use wait::Wait;
pub(crate) use wait::{Answered, Written};

/// One send. Nothing happens before the first poll; its time begins then.
pub(crate) struct Sending<'a, W: Wait> {
    state: State<'a, W>,
}

#[allow(clippy::large_enum_variant, reason = "the large one is the usual one, and is here to do without a box")]
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
    New(Beginning),
    /// The first attempt is on the wire.
    Waiting {
        pending: W::Pending,
        started: Instant,
    },
    /// Its room is given back; the rest goes with the future.
    Over,
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
enum Beginning {
    /// From then on its time runs.
    AtFirstPoll,
    /// It has its room, and its time runs already.
    Done,
}

impl<'a, W: Wait> Sending<'a, W> {
    #[inline]
    pub(crate) fn new(sender: &'a Sender, message: Message, options: SendOptions) -> Self {
        Self::at(Beginning::AtFirstPoll, Delivery::new(sender, message, options))
    }

    /// One that has its room, which the caller holds.
    pub(super) fn entered(sender: &'a Sender, message: Message, options: SendOptions, deadline: Deadline) -> Self {
        let mut delivery = Delivery::new(sender, message, options);
        delivery.since = deadline.since();
        delivery.total = Some(deadline.instant().saturating_duration_since(delivery.since));
        Self::at(Beginning::Done, delivery)
    }

    #[inline]
    fn at(beginning: Beginning, delivery: Delivery<'a>) -> Self {
        Self { state: State::Here(Here { at: At::New(beginning), delivery, inside: None }) }
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
            here.delivery.total = Some(total);
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

    // This one and the next are functions of their own: together they would have more to keep at hand than there are registers.
    #[inline(never)]
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<W::Sent, SendError>> {
        let State::Here(here) = &mut self.state else { return self.poll_boxed(cx) };
        match here.begin(cx) {
            Next::Wait if W::WAKES => Poll::Pending,
            next => self.poll_on(next, cx),
        }
    }

    #[inline(never)]
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<W::Sent, SendError>> {
        let State::Here(here) = &mut self.state else { return self.poll_boxed(cx) };
        let At::Waiting { pending, started } = &mut here.at else { return Poll::Pending };
        let polled = Pin::new(&mut *pending).poll(cx);
        let started = *started;
        // The answer is large: it is looked at where it is, and moved once.
        let ended = match &polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(answer)) => {
                let lasted = W::ended_at(pending).saturating_duration_since(started);
                W::end_well(&mut here.delivery, answer, started, lasted)
            }
            Poll::Ready(Err(_)) => None,
        };
        if let Some(ended) = ended {
            if let Poll::Ready(Ok(answer)) = polled {
                (here.at, here.inside) = (At::Over, None);
                return Poll::Ready(Ok(W::sent(ended, answer)));
            }
        }
        let next = here.go_on_with(ready!(polled), started);
        self.poll_on(next, cx)
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
    let (sender, deadline) = (delivery.sender(), delivery.deadline());
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
    fn begin(&mut self, cx: &Context<'_>) -> Next<W> {
        let delivery = &mut self.delivery;
        let sender = delivery.sender();
        let topic = sender.known_topic(delivery.prepared.message().topic_shared());
        let started = Instant::now();
        if let At::New(Beginning::AtFirstPoll) = self.at {
            delivery.since = started;
            match sender.try_enter(delivery.prepared.message(), topic.is_some()) {
                Ok(Some(inside)) => self.inside = Some(inside),
                Ok(None) if !delivery.options.at_once => return Next::WaitForRoom,
                Ok(None) => return Next::Fail(delivery.turned_away(sender.no_room(delivery.deadline()))),
                Err(failure) => return Next::Fail(delivery.turned_away(failure)),
            }
        }
        delivery.account.open();
        #[cfg(test)]
        if sender.goes_slowly() {
            return Next::GoOn(None);
        }
        let now = sender.clock.millis_at(started);
        match delivery.begin(topic, now) {
            Ok(true) => {}
            Ok(false) => return Next::GoOn(None),
            Err(error) => return Next::Fail(delivery.fail(error)),
        }
        let Some(target) = delivery.account.target() else { return Next::GoOn(None) };
        match W::submit(delivery, target, started, now, cx) {
            Ok(Some(pending)) => {
                delivery.account.begin();
                delivery.account.encoded();
                self.at = At::Waiting { pending, started };
                Next::Wait
            }
            Ok(None) => {
                let target = delivery.account.take_target();
                Next::GoOn(target.map(|target| First { target, progress: Progress::ToBegin }))
            }
            Err(error) => {
                delivery.account.begin();
                self.go_on_with(Err(*error), started)
            }
        }
    }

    /// Goes on with a first attempt that was not one to end with.
    #[cold]
    fn go_on_with(&mut self, answer: Result<W::Answer, RemotingError>, started: Instant) -> Next<W> {
        let Some(target) = self.delivery.account.target().cloned() else { return Next::GoOn(None) };
        let progress = W::progress(&mut self.delivery, &target, answer, started);
        Next::GoOn(Some(First { target, progress }))
    }
}

impl<W: Wait> Future for Sending<'_, W> {
    type Output = Result<W::Sent, SendError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &this.state {
            State::Here(Here { at: At::New(_), .. }) => this.poll_first(cx),
            State::Here(_) => this.poll_answer(cx),
            State::Boxed { .. } | State::Over => this.poll_boxed(cx),
        }
    }
}

#[cfg(test)]
mod tests;
