//! How a producer can fail to start, and a send to succeed.
//!
//! Every failed send answers three questions: why ([`SendErrorKind`]), whether the message may have been stored all the same
//! ([`Outcome`]), and what to check (the text).

mod access;
mod advice;
mod attempt_error;
mod no_room;
mod outcome;
mod peer_text;
mod select_error;
mod send_error;
mod start_error;

pub(crate) use access::{ACL_REMARK, is_access_refused};
pub use attempt_error::AttemptError;
pub use no_room::NoRoom;
pub use outcome::Outcome;
pub use select_error::SelectError;
pub(crate) use send_error::Failure;
pub use send_error::{SendError, SendErrorKind};
pub use start_error::StartError;
