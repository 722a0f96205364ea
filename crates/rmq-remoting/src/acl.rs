//! Signed requests, as servers with access control demand them: credentials, where they come from, and the hook that signs.
//!
//! Secrets are zeroed when they are dropped, and nothing shows them: no `Debug`, no error, no log.

mod credentials;
mod hook;
mod key_file;
mod properties_text;
mod secret;
mod signature;
mod source;

pub use credentials::{Credentials, CredentialsError};
pub use hook::AclHook;
pub use key_file::KeyFile;
pub use source::{CredentialsProvider, CredentialsSource};
