//! RequestFrame: whatever can be written as the frame of one request.

use bytes::Bytes;

use crate::codec;
use crate::{FrameError, FrameLimits, RemotingCommand};

/// A request that can be put on a connection: a [`RemotingCommand`], or a filled [`RequestTemplate`](crate::RequestTemplate).
///
/// Sealed: frames are written under a connection's lock, where no foreign code may run.
pub trait RequestFrame: sealed::Encode + Send + Sync {
    /// Its body.
    fn body(&self) -> &Bytes;

    /// The same request with its fields in a map, as hooks see it.
    fn to_command(&self) -> RemotingCommand;
}

impl RequestFrame for RemotingCommand {
    fn body(&self) -> &Bytes {
        self.body()
    }

    fn to_command(&self) -> RemotingCommand {
        self.clone()
    }
}

impl sealed::Encode for RemotingCommand {
    fn encode_head(
        &self,
        opaque: i32,
        oneway: bool,
        out: &mut Vec<u8>,
        limits: &FrameLimits,
    ) -> Result<(), FrameError> {
        codec::encode_head_with(self, self.flag_as(oneway), opaque, out, limits)
    }

    fn is_rendered(&self) -> bool {
        false
    }
}

pub(crate) mod sealed {
    use crate::codec::Pen;
    use crate::{FrameError, FrameLimits};

    /// The part of a request frame that only this crate writes and calls.
    #[allow(unnameable_types, reason = "that it cannot be named is what seals the trait above")]
    pub trait Encode {
        /// Appends everything of the frame but its body. On an error `out` is as it was.
        fn encode_head(
            &self,
            opaque: i32,
            oneway: bool,
            out: &mut Vec<u8>,
            limits: &FrameLimits,
        ) -> Result<(), FrameError>;

        /// Writes what `encode_head` appends for a request that is answered, if that can be done in place. `None`: it cannot, or breaks a
        /// limit, or there is too little room.
        fn write_head<'p>(&self, _opaque: i32, _limits: &FrameLimits, _pen: Pen<'p>) -> Option<Pen<'p>> {
            None
        }

        /// Whether its header was made beforehand, with all that every request of the client has in it.
        fn is_rendered(&self) -> bool;
    }
}
