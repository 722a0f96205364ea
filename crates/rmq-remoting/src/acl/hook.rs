//! AclHook: signs every request as the last thing before it is encoded.

use std::fmt;
use std::sync::Arc;

use super::credentials::CredentialsError;
use super::signature::sign;
use super::source::{CredentialsProvider, CredentialsSource};
use crate::command::RemotingCommand;
use crate::endpoint::Endpoint;
use crate::rpc_hook::{HookError, RpcHook};

/// Signs requests with the credentials of the moment, each attempt anew. Java: `AclClientRPCHook`.
///
/// **Add it after all other hooks**: what a later hook puts into a request is not signed, and a server that verifies refuses it.
///
/// ```
/// use rmq_remoting::{AclHook, Credentials, RemotingClient};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hook = AclHook::new(&Credentials::new("orders-service", "12345678").into())?;
/// let client = RemotingClient::builder().hook(hook).build()?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "AclClientRPCHook")]
pub struct AclHook {
    provider: Arc<dyn CredentialsProvider>,
}

impl AclHook {
    /// Takes a first look at the source.
    ///
    /// # Errors
    /// There are no usable credentials now.
    pub fn new(source: &CredentialsSource) -> Result<Self, CredentialsError> {
        Ok(Self { provider: source.open()? })
    }
}

impl RpcHook for AclHook {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        let signed = self.provider.credentials().and_then(|credentials| sign(request, &credentials));
        signed.map_err(|error| HookError::with_source("the request cannot be signed", error))
    }
}

impl fmt::Debug for AclHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AclHook")
    }
}
