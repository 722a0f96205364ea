//! Any bytes as the properties text of a message.

#![no_main]

#[path = "../checks/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::check(bytes));
