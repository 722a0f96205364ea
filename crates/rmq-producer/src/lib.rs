//! Apache RocketMQ producer for Rust: small, fast, and honest about what may have been stored
#![forbid(unsafe_code)]
