//! Messages, queues, ids, properties and stored-message layouts of Apache RocketMQ.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod compression_type;
mod error;
mod hex;
mod limits;
mod message;
mod offset_id;
mod properties;
pub mod property_key;
mod queue;
pub mod stored;
mod sys_flag;
mod unique_id;
pub mod validate;

pub use compression_type::{CompressionType, UnknownCompressionType};
pub use error::{IdError, MessageError, NameError, NameKind};
pub use limits::MessageLimits;
pub use message::Message;
pub use offset_id::OffsetId;
pub use properties::{Iter as PropertiesIter, NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR, Properties};
pub use queue::MessageQueue;
pub use stored::{StoredError, StoredMessage};
pub use sys_flag::{SysFlag, TransactionType};
pub use unique_id::{MonthStarts, UniqueId, UniqueIdGenerator, UniqueIdStamp};
pub use validate::{is_send_forbidden, is_system_topic, validate_group, validate_producer_group, validate_topic};
