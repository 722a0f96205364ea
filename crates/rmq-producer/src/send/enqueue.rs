//! Sends that go on by themselves, on tasks of the instance.
//!
//! Whoever waits for the result is owed it: [`Owed`] pays exactly once, when it is dropped, even if that is because its runtime ends.

use std::sync::Arc;

use rmq_message::Message;
use rmq_remoting::Deadline;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::enter::Entered;
use super::{Answered, SendOptions, Sender, Sending};
use crate::error::SendError;
use crate::send_handle::SendHandle;
use crate::send_result::SendResult;

/// What takes the result of a send.
type Taker = Box<dyn FnOnce(Result<SendResult, SendError>) + Send>;

/// A result that somebody waits for.
pub(super) struct Owed {
    to: Option<Taker>,
    /// Known once the send is over.
    result: Option<Result<SendResult, SendError>>,
    /// To be given back, should the send be lost with its runtime.
    message: Message,
    started: Instant,
}

impl Sender {
    /// Begins a send as soon as there is room.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is sent and nothing is left.
    pub(crate) async fn enqueue(
        self: &Arc<Self>,
        message: Message,
        options: SendOptions,
        deadline: Deadline,
    ) -> Result<SendHandle, SendError> {
        let entered = self.enter(message, deadline).await?;
        Ok(self.with_handle(entered, options, deadline))
    }

    /// Begins a send at once, or not at all.
    pub(crate) fn try_enqueue(
        self: &Arc<Self>,
        message: Message,
        options: SendOptions,
        deadline: Deadline,
    ) -> Result<SendHandle, SendError> {
        let entered = self.enter_at_once(message, deadline)?;
        Ok(self.with_handle(entered, options, deadline))
    }

    fn with_handle(self: &Arc<Self>, entered: Entered, options: SendOptions, deadline: Deadline) -> SendHandle {
        let (result, receiver) = oneshot::channel();
        let handle = SendHandle::new(receiver, Arc::clone(entered.message.topic_shared()), deadline.since());
        // Nobody there to take it: the handle was dropped on purpose.
        let to = Box::new(move |outcome| drop(result.send(outcome)));
        let mut owed = Owed { to: Some(to), result: None, message: entered.message.clone(), started: deadline.since() };
        let sender = Arc::clone(self);
        self.instance.spawn_send(async move {
            let Entered { message, inside } = entered;
            owed.result = Some(sender.deliver_or_cut(message, options, deadline).await);
            drop(inside);
            drop(owed);
        });
        handle
    }

    /// Sends and calls back, exactly once. Where there is no room, it waits on a thread that is no runtime's, and refuses on another.
    pub(crate) fn send_with_callback(
        self: &Arc<Self>,
        message: Message,
        options: SendOptions,
        deadline: Deadline,
        callback: impl FnOnce(Result<SendResult, SendError>) + Send + 'static,
    ) {
        let callback = self.callbacks.guard(callback);
        let entered = if Handle::try_current().is_ok() {
            self.enter_at_once(message, deadline)
        } else {
            self.enter_blocking(message, deadline)
        };
        let entered = match entered {
            Ok(entered) => entered,
            Err(error) => return callback(Err(error)),
        };
        let to = Box::new(callback);
        let mut owed = Owed { to: Some(to), result: None, message: entered.message.clone(), started: deadline.since() };
        let sender = Arc::clone(self);
        self.instance.spawn_send(async move {
            let Entered { message, inside } = entered;
            owed.result = Some(sender.deliver_or_cut(message, options, deadline).await);
            sender.callbacks.run(move || {
                drop(inside);
                drop(owed);
            });
        });
    }

    /// Sends, but cuts the send off when the last handle of the producer is gone, so that the send ends with what is known of it.
    async fn deliver_or_cut(
        &self,
        message: Message,
        options: SendOptions,
        deadline: Deadline,
    ) -> Result<SendResult, SendError> {
        let mut sending = Sending::<Answered>::entered(self, message, options, deadline);
        tokio::select! {
            biased;
            result = &mut sending => return result,
            () = self.deserted.cancelled() => {}
        }
        self.instance.cut_off().await;
        sending.await
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(to) = self.to.take() {
            let lost = || Err(SendError::lost(self.message.clone(), self.started.elapsed()));
            to(self.result.take().unwrap_or_else(lost));
        }
    }
}
