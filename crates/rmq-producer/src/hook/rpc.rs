//! Hooks on the wire, kept from taking anything along when they panic.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rmq_remoting::{Endpoint, HookError, RemotingCommand, RemotingError, RpcHook};

use super::caught;

/// A user's hook; its panic is an error of the request before it is sent, and nothing after.
pub(crate) struct CaughtRpcHook {
    pub(crate) hook: Arc<dyn RpcHook>,
    pub(crate) panics: Arc<AtomicU64>,
}

impl RpcHook for CaughtRpcHook {
    fn before_request(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        caught("RpcHook::before_request", &self.panics, || self.hook.before_request(to, request))?
    }

    fn after_response(
        &self,
        to: &Endpoint,
        request: &RemotingCommand,
        outcome: Result<&RemotingCommand, &RemotingError>,
    ) {
        let after = || self.hook.after_response(to, request, outcome);
        drop(caught("RpcHook::after_response", &self.panics, after));
    }
}
