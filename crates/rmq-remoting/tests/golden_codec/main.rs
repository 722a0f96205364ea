//! The frame codec against bytes that Apache RocketMQ wrote or read; see `tests/golden/ORIGIN.md`.

#[cfg(feature = "acl")]
mod acl;
mod captures;
mod commands;
mod constants;
mod data;
mod foreign;
mod odd;
