//! CheckForbiddenHook: whether an attempt may be made.

use rmq_message::{Message, MessageQueue};
use rmq_remoting::{Endpoint, HookError};

use crate::send_way::SendWay;

/// Asked before each attempt, once its queue and address are known.
pub trait CheckForbiddenHook: Send + Sync + 'static {
    /// Lets the attempt pass, or ends the send with this error: nothing more is tried.
    ///
    /// # Errors
    /// Why it is forbidden. The send fails with kind [`Hook`](crate::SendErrorKind::Hook), and this is among its sources.
    #[doc(alias = "checkForbidden")]
    fn check_forbidden(&self, context: &CheckForbiddenContext<'_>) -> Result<(), HookError>;
}

/// Any closure of this form is one.
impl<F: Fn(&CheckForbiddenContext<'_>) -> Result<(), HookError> + Send + Sync + 'static> CheckForbiddenHook for F {
    fn check_forbidden(&self, context: &CheckForbiddenContext<'_>) -> Result<(), HookError> {
        self(context)
    }
}

/// An attempt that is about to be made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CheckForbiddenContext<'a> {
    /// The name servers, as they were given.
    pub name_servers: &'a str,
    /// The producer group.
    pub group: &'a str,
    /// How the send was made.
    pub way: SendWay,
    /// The broker's address.
    pub address: &'a Endpoint,
    /// The message as it is sent.
    pub message: &'a Message,
    /// The queue.
    pub queue: &'a MessageQueue,
    /// Whether the producer works for one unit only.
    pub unit_mode: bool,
}
