//! The Apache RocketMQ remoting protocol: frames, request and response, client and server half.

mod code;
mod codec;
mod command;
mod ext_fields;
mod frame_error;
mod header;
mod language;
mod version;

pub use code::{RequestCode, ResponseCode};
pub use codec::{FrameCodec, FrameLimits};
pub use command::{HeaderEncoding, RemotingCommand};
pub use ext_fields::{ExtFields, Iter as ExtFieldsIter};
pub use frame_error::FrameError;
pub use header::{CommandHeader, HeaderError};
pub use language::LanguageCode;
pub use version::MqVersion;
