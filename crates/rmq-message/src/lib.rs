//! Messages, queues, ids, properties and stored-message layouts of Apache RocketMQ, shared by its Rust clients
#![forbid(unsafe_code)]
