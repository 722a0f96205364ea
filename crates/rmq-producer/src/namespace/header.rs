//! The second kind of namespace: two fields of every request, look-ups and heartbeats among them.
//!
//! Added before any hook of the user's runs, so that what signs a request signs them too.

use rmq_remoting::{Endpoint, HookError, RemotingCommand, RpcHook};

use super::Namespace;

/// Writes the namespace into requests. Java: `NamespaceRpcHook`.
pub(crate) struct NamespaceHeader(Namespace);

impl NamespaceHeader {
    /// `None` where requests carry no namespace.
    pub(crate) fn of(namespace: &Namespace) -> Option<Self> {
        namespace.header_fields().map(|_| Self(namespace.clone()))
    }
}

impl RpcHook for NamespaceHeader {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        for (name, value) in self.0.header_fields().into_iter().flatten() {
            request.ext_fields_mut().set(name, value);
        }
        Ok(())
    }
}
