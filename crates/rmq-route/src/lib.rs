//! What a RocketMQ name server says of a topic, as values: no I/O, no clock.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod broker_order;
mod diff;
mod error;
pub mod fastjson;
mod json;
mod name_map;
mod name_table;
mod order_conf;
pub mod perm;
mod publish_info;
mod queue_cursor;
mod route_data;
mod static_topic;
mod table;

pub use diff::{BrokerChange, QueueChange, RouteDiff};
pub use error::{FastjsonError, RouteJsonError};
pub use name_map::{NameHasher, NameMap};
pub use name_table::NameTable;
pub use order_conf::{OrderConf, OrderConfDefect, OrderItem};
pub use perm::Perm;
pub use publish_info::{MAX_QUEUES, RouteDefect, TopicPublishInfo};
pub use queue_cursor::QueueCursor;
pub use route_data::{BrokerData, MASTER_ID, QueueData, TopicRouteData};
pub use static_topic::{NO_BROKER, StaticEndpoints, TopicQueueMapping, mock_broker_name};
pub use table::{RouteSnapshot, RouteTable, TopicRoute};
