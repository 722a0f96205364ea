//! How a send gets in: not closed, valid, room.
//!
//! A send that is turned away here has cost nothing and left nothing; its message goes back with the error. Waiting for room spends the
//! send's own deadline.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use rmq_message::Message;
use rmq_remoting::Deadline;
use tokio::time::Instant;

use super::gate::{Inside, Turned};
use super::{Sender, refused};
use crate::error::{Failure, NoRoom, SendError};

/// A valid message that has its room.
pub(crate) struct Entered {
    pub(crate) message: Message,
    pub(super) inside: Inside,
}

impl Sender {
    /// Gets a message in as soon as there is room.
    ///
    /// # Cancel safety
    /// Dropped early, it leaves nothing behind.
    pub(super) async fn enter(&self, message: Message, deadline: Deadline) -> Result<Entered, SendError> {
        let started = deadline.since();
        match self.try_enter(message, started)? {
            Tried::Entered(entered) => Ok(entered),
            Tried::Full(message, weight) => self.wait_to_enter(message, weight, deadline).await,
        }
    }

    /// The same for one that found no room at first.
    pub(super) async fn wait_to_enter(
        &self,
        message: Message,
        weight: usize,
        deadline: Deadline,
    ) -> Result<Entered, SendError> {
        match tokio::time::timeout_at(deadline.instant(), self.gate.enter(weight)).await {
            Ok(Ok(inside)) => Ok(Entered { message, inside }),
            Ok(Err(Turned::Closed)) => Err(self.refuse(message, Failure::Closed, deadline.since())),
            Ok(Err(Turned::Full)) | Err(_) => Err(self.no_room(message, deadline.since())),
        }
    }

    /// Gets a message in at once or not at all.
    pub(super) fn enter_at_once(&self, message: Message, deadline: Deadline) -> Result<Entered, SendError> {
        let started = deadline.since();
        match self.try_enter(message, started)? {
            Tried::Entered(entered) => Ok(entered),
            Tried::Full(message, _) => Err(self.no_room(message, started)),
        }
    }

    /// Gets a message in as soon as there is room, and blocks the thread until then. Needs no runtime.
    pub(super) fn enter_blocking(&self, message: Message, deadline: Deadline) -> Result<Entered, SendError> {
        let started = deadline.since();
        let (message, weight) = match self.try_enter(message, started)? {
            Tried::Entered(entered) => return Ok(entered),
            Tried::Full(message, weight) => (message, weight),
        };
        match block_until(self.gate.enter(weight), deadline) {
            Some(Ok(inside)) => Ok(Entered { message, inside }),
            Some(Err(Turned::Closed)) => Err(self.refuse(message, Failure::Closed, started)),
            Some(Err(Turned::Full)) | None => Err(self.no_room(message, started)),
        }
    }

    pub(super) fn try_enter(&self, message: Message, started: Instant) -> Result<Tried, SendError> {
        if self.gate.is_closed() {
            return Err(self.refuse(message, Failure::Closed, started));
        }
        if let Err(error) = message.validate(&self.limits) {
            return Err(self.refuse(message, Failure::Message(error), started));
        }
        let weight = self.gate.weight(&message);
        match self.gate.try_enter(weight) {
            Ok(inside) => Ok(Tried::Entered(Entered { message, inside })),
            Err(Turned::Full) => Ok(Tried::Full(message, weight)),
            Err(Turned::Closed) => Err(self.refuse(message, Failure::Closed, started)),
        }
    }

    pub(super) fn no_room(&self, message: Message, started: Instant) -> SendError {
        let failure = NoRoom { limits: self.gate.limits(), waited: started.elapsed() };
        self.refuse(message, Failure::NoRoom(failure), started)
    }

    fn refuse(&self, message: Message, failure: Failure, started: Instant) -> SendError {
        self.metrics.refused();
        refused(message, failure, started)
    }
}

pub(super) enum Tried {
    Entered(Entered),
    /// With what the message weighs.
    Full(Message, usize),
}

/// Polls a future on this thread, which sleeps in between. `None`: the time was over first.
fn block_until<F: Future>(future: F, deadline: Deadline) -> Option<F::Output> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = deadline.remaining();
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}
