//! Failures that other clients of message brokers have had, each played against ours, and random ones.

mod ledger;
mod random;
#[allow(dead_code, reason = "shared with the other test program, which needs all of it")]
#[path = "../it/world.rs"]
mod world;
