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

use super::gate::{Gate, Inside, Turned};
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
        let entered = match self.try_enter(&message, false) {
            Ok(Some(inside)) => Ok(inside.keeping(&self.gate)),
            Ok(None) => self.wait_to_enter(&message, deadline).await,
            Err(failure) => Err(failure),
        };
        self.entered(message, entered, deadline)
    }

    /// Gets a message in at once or not at all.
    pub(super) fn enter_at_once(&self, message: Message, deadline: Deadline) -> Result<Entered, SendError> {
        let entered = self.try_enter(&message, false).and_then(|inside| match inside {
            Some(inside) => Ok(inside.keeping(&self.gate)),
            None => Err(self.no_room(deadline)),
        });
        self.entered(message, entered, deadline)
    }

    /// Gets a message in as soon as there is room, and blocks the thread until then. Needs no runtime.
    pub(super) fn enter_blocking(&self, message: Message, deadline: Deadline) -> Result<Entered, SendError> {
        let entered = match self.try_enter(&message, false) {
            Ok(Some(inside)) => Ok(inside.keeping(&self.gate)),
            Ok(None) => match block_until(self.gate.enter(self.gate.weight(&message)), deadline) {
                Some(entered) => entered.map_err(|turned| self.turned(turned, deadline)),
                None => Err(self.no_room(deadline)),
            },
            Err(failure) => Err(failure),
        };
        self.entered(message, entered, deadline)
    }

    /// Gets a valid message in, if there is room. A topic that is in use already is legal.
    #[inline]
    pub(super) fn try_enter(&self, message: &Message, topic_in_use: bool) -> Result<Option<Inside<&Gate>>, Failure> {
        if self.gate.is_closed() {
            return Err(Failure::Closed);
        }
        let valid = if topic_in_use { message.validate_content(&self.limits) } else { message.validate(&self.limits) };
        valid.map_err(Failure::Message)?;
        match self.gate.try_enter(self.gate.weight(message)) {
            Ok(inside) => Ok(Some(inside)),
            Err(Turned::Full) => Ok(None),
            Err(Turned::Closed) => Err(Failure::Closed),
        }
    }

    /// Gets a message in for which there was no room at first.
    pub(super) async fn wait_to_enter(&self, message: &Message, deadline: Deadline) -> Result<Inside, Failure> {
        let entering = self.gate.enter(self.gate.weight(message));
        match tokio::time::timeout_at(deadline.instant(), entering).await {
            Ok(entered) => entered.map_err(|turned| self.turned(turned, deadline)),
            Err(_) => Err(self.no_room(deadline)),
        }
    }

    fn turned(&self, turned: Turned, deadline: Deadline) -> Failure {
        match turned {
            Turned::Closed => Failure::Closed,
            Turned::Full => self.no_room(deadline),
        }
    }

    pub(super) fn no_room(&self, deadline: Deadline) -> Failure {
        Failure::NoRoom(NoRoom { limits: self.gate.limits(), waited: deadline.since().elapsed() })
    }

    fn entered(
        &self,
        message: Message,
        entered: Result<Inside, Failure>,
        deadline: Deadline,
    ) -> Result<Entered, SendError> {
        match entered {
            Ok(inside) => Ok(Entered { message, inside }),
            Err(failure) => Err(self.refuse(message, failure, deadline)),
        }
    }

    /// The error of a send that did not get in.
    pub(super) fn refuse(&self, message: Message, failure: Failure, deadline: Deadline) -> SendError {
        self.metrics.refused();
        refused(message, failure, deadline.since())
    }
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
