//! What users may do to every request and answer on the wire: signing, tracing, fault injection.
//!
//! Hooks run on the caller's task in the order they were added, once per request; they must not block.

use crate::command::RemotingCommand;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;

/// Sees each request before it is encoded and each outcome. Java: `RPCHook`.
#[doc(alias = "RPCHook")]
pub trait RpcHook: Send + Sync + 'static {
    /// May add to the request. An error stops it: nothing is sent.
    #[doc(alias = "doBeforeRequest")]
    fn before_request(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        let _ = (to, request);
        Ok(())
    }

    /// Sees how it ended. Not called for a call that its caller dropped.
    #[doc(alias = "doAfterResponse")]
    fn after_response(
        &self,
        to: &Endpoint,
        request: &RemotingCommand,
        outcome: Result<&RemotingCommand, &RemotingError>,
    ) {
        let _ = (to, request, outcome);
    }
}

/// Why a hook stopped a request.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct HookError {
    text: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HookError {
    /// Makes an error from a sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None }
    }

    /// Makes an error from a sentence and its cause.
    pub fn with_source(text: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { text: text.into(), source: Some(source.into()) }
    }
}
