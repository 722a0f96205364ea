//! What users may do to sends: see and edit each before it goes, see how it ended, and forbid attempts.
//!
//! Hooks run on the task of the send, in the order in which they were added, and must not block. A hook that panics is an error of that send
//! and of nothing else.

mod check_forbidden;
mod context;
mod rpc;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

pub use check_forbidden::{CheckForbiddenContext, CheckForbiddenHook};
pub(crate) use context::About;
pub use context::{MessageType, SendContext, SendEnd, SendReport};
pub use rmq_remoting::{HookError, RpcHook};
pub(crate) use rpc::CaughtRpcHook;

/// Sees every send that was let in (it has room and a valid message), whatever its way.
///
/// Java runs its hook once for each attempt, and for asynchronous sends twice; this one runs once per send.
#[doc(alias = "SendMessageHook")]
pub trait SendHook: Send + Sync + 'static {
    /// Runs before the message is prepared. May edit the copy that is sent: it is checked again, and the caller's message stays as it is.
    #[doc(alias = "sendMessageBefore")]
    fn before_send(&self, context: &mut SendContext<'_>) {
        let _ = context;
    }

    /// Runs exactly once for each send, at its true end: stored, written, failed, or dropped by its caller. A panic here is counted and
    /// changes nothing.
    #[doc(alias = "sendMessageAfter")]
    fn after_send(&self, report: &SendReport<'_>) {
        let _ = report;
    }
}

/// The hooks of one producer.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) send: Vec<Arc<dyn SendHook>>,
    pub(crate) forbidden: Vec<Arc<dyn CheckForbiddenHook>>,
}

impl Hooks {
    pub(crate) fn before(&self, context: &mut SendContext<'_>, panics: &AtomicU64) -> Result<(), HookError> {
        for hook in &self.send {
            caught("SendHook::before_send", panics, || hook.before_send(context))?;
        }
        Ok(())
    }

    pub(crate) fn after(&self, report: &SendReport<'_>, panics: &AtomicU64) {
        for hook in &self.send {
            // The send is over: nothing can change its end any more.
            drop(caught("SendHook::after_send", panics, || hook.after_send(report)));
        }
    }

    pub(crate) fn check(&self, context: &CheckForbiddenContext<'_>, panics: &AtomicU64) -> Result<(), HookError> {
        for hook in &self.forbidden {
            caught("CheckForbiddenHook", panics, || hook.check_forbidden(context))??;
        }
        Ok(())
    }
}

/// Runs a hook; its panic is an error.
fn caught<T>(which: &'static str, panics: &AtomicU64, hook: impl FnOnce() -> T) -> Result<T, HookError> {
    catch_unwind(AssertUnwindSafe(hook)).map_err(|panic| {
        panics.fetch_add(1, Ordering::Relaxed);
        warn!(hook = which, "a hook panicked");
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        HookError::new(format!("{which} panicked: {}", text.unwrap_or("with a value that is no text")))
    })
}
